package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
	_ "time/tzdata" // timezones are known on machines that have no files of them

	"imbot/catalog"
	"imbot/catalog/strictyaml"
	"imbot/incident"
)

// Bounds of what is read.
const (
	maxConfigBytes = 1 << 20
	maxValueFile   = 64 << 10 // of a file that a key ending in _file names
)

// Config is what imbot.yaml says, checked, with defaults filled in. Paths in it
// are absolute or relative to where imbot runs.
type Config struct {
	Path string `yaml:"-"` // of the file; "" where it was made in the program

	Listen    string           `yaml:"listen"`     // host:port; required
	PublicURL string           `yaml:"public_url"` // how people reach imbot, without a slash at the end; may be empty
	Store     string           `yaml:"store"`      // bolt:PATH; required
	DryRun    bool             `yaml:"dry_run"`
	Catalog   string           `yaml:"catalog"` // path; "" for none
	Teams     *TeamsConfig     `yaml:"teams"`   // nil: off
	PagerDuty *PagerDutyConfig `yaml:"pagerduty"`
	API       APIConfig        `yaml:"api"`
	Access    AccessConfig     `yaml:"access"`
	Retention RetentionConfig  `yaml:"retention"`
	Timezone  string           `yaml:"timezone"` // default UTC
	Language  string           `yaml:"language"` // en (default) or id

	Levels incident.Levels                 `yaml:"levels"` // most urgent first; "other" is always among them
	Rules  []incident.Rule                 `yaml:"rules"`  // nil: the default rules, as far as their levels exist
	Notice map[string]catalog.NoticeChange `yaml:"notice"` // by level: how it differs from the default

	NewRelic    *NewRelicConfig   `yaml:"newrelic"` // nil: off, as the next two
	Prometheus  *PrometheusConfig `yaml:"prometheus"`
	Backstage   *BackstageConfig  `yaml:"backstage"`
	Topology    TopologyConfig    `yaml:"topology"`
	Correlation CorrelationConfig `yaml:"correlation"`
	Standby     StandbyConfig     `yaml:"standby"`
	Reminders   RemindersConfig   `yaml:"reminders"`
	Hooks       []HookConfig      `yaml:"hooks"`

	Jira    *JiraConfig    `yaml:"jira"` // nil: off
	Mail    *MailConfig    `yaml:"mail"` // nil: off
	Web     *WebConfig     `yaml:"web"`  // nil: the pages are off
	Reports *ReportsConfig `yaml:"reports"`

	Confluence *ConfluenceConfig `yaml:"confluence"` // nil: off

	location *time.Location
	warnings []string
}

// TeamsConfig connects imbot with Microsoft Teams.
type TeamsConfig struct {
	AppID    string   `yaml:"app_id"`    // of the Entra app; required
	TenantID string   `yaml:"tenant_id"` // home tenant; required
	Tenants  []string `yaml:"tenants"`   // further home tenants

	// Exactly one of the four credentials is given.
	ClientSecret        Secret `yaml:"client_secret"`
	CertificateFile     string `yaml:"certificate_file"` // PEM or PFX with the key
	CertificatePassword Secret `yaml:"certificate_password"`
	ManagedIdentity     bool   `yaml:"managed_identity"`
	WorkloadIdentity    bool   `yaml:"workload_identity"`

	DefaultChannel   string `yaml:"default_channel"`
	BroadcastChannel string `yaml:"broadcast_channel"`
	ReviewChannel    string `yaml:"review_channel"`
	Dialogs          bool   `yaml:"dialogs"`        // buttons open dialogs
	SlashCommands    bool   `yaml:"slash_commands"` // the app has real ones
	Targeted         bool   `yaml:"targeted"`       // what only the asker needs is said to them alone

	Authority         string   `yaml:"authority"` // token service, always https; "" for the public cloud's
	CAFile            string   `yaml:"ca_file"`   // PEM with roots to trust besides the system's
	OpenIDMetadataURL string   `yaml:"openid_metadata_url"`
	Issuer            string   `yaml:"issuer"`
	ServiceURLHosts   []string `yaml:"service_url_hosts"` // host or host:port, besides Microsoft's
	DefaultServiceURL string   `yaml:"default_service_url"`

	ManifestID   string `yaml:"manifest_id"`    // GUID; "" to derive it from the app id
	CatalogAppID string `yaml:"catalog_app_id"` // GUID of the app in the tenant's app catalog
	Profile      string `yaml:"profile"`        // minimal (default), rooms or timeline

	Rooms    bool            `yaml:"rooms"`     // war rooms are opened as group chats, by Microsoft Graph
	RoomSize int             `yaml:"room_size"` // people who are added to one; default 20
	Meetings *MeetingsConfig `yaml:"meetings"`  // nil: no call is made for a room
	GraphURL string          `yaml:"graph_url"` // of Microsoft Graph, with its version; "" for the public cloud's

	// InstallForPeople adds imbot, by Microsoft Graph, to the own apps of whoever
	// is needed and has no 1:1 chat with it.
	InstallForPeople bool `yaml:"install_for_people"`
}

// PagerDutyConfig connects imbot with PagerDuty.
type PagerDutyConfig struct {
	WebhookSecrets []Secret `yaml:"webhook_secrets"` // required; several while one is being replaced
	APIToken       Secret   `yaml:"api_token"`
	From           string   `yaml:"from"`            // mail of the PagerDuty user in whose name imbot acts
	URL            string   `yaml:"url"`             // of the REST API; "" for PagerDuty's
	SubscriptionID string   `yaml:"subscription_id"` // of the webhook; "" to look it up by its address
	Reconcile      Duration `yaml:"reconcile"`       // pause between looks for lost webhooks; default 5m
}

// APIConfig is who may use the REST API.
type APIConfig struct {
	Tokens []APIToken `yaml:"tokens"`
}

// APIToken is one bearer token.
type APIToken struct {
	Name  string `yaml:"name"`
	Role  string `yaml:"role"` // viewer, responder or admin
	Token Secret `yaml:"token"`
}

// AccessConfig is what people may do. People are named by mail or "aad:<oid>".
type AccessConfig struct {
	Default string   `yaml:"default"` // viewer or responder (default)
	Admins  []string `yaml:"admins"`
	Viewers []string `yaml:"viewers"`
}

// RetentionConfig is how long things are kept.
type RetentionConfig struct {
	Raw     Duration `yaml:"raw"`     // what came in, as it was; default 100d
	Keys    Duration `yaml:"keys"`    // by which repeated deliveries are known; default 7d
	Changes Duration `yaml:"changes"` // what was changed: deploys and the like; default 30d
}

// LoadConfig reads and checks the configuration in the file at path. The error
// tells all that is wrong, each with its line. Where there is no such file, it
// wraps [os.ErrNotExist] and names the demo, which needs none.
func LoadConfig(path string, getenv func(string) string) (*Config, error) {
	data, err := readBounded(path, maxConfigBytes)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no configuration file %q (%w); copy imbot.example.yaml and fill it in, or look around without one: imbot demo", path, os.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w; check the path and who may read it", path, err)
	}
	c, err := parseConfig(data, path, getenv, func(name string) ([]byte, error) { return readBounded(name, maxValueFile) })
	if err != nil {
		return nil, err
	}
	c.Path = path
	return c, nil
}

// parseConfig is LoadConfig of bytes. Paths are relative to the folder of path.
func parseConfig(data []byte, path string, getenv func(string) string, read func(string) ([]byte, error)) (*Config, error) {
	c := &Config{}
	folder := filepath.Dir(path)
	doc := strictyaml.Decode(data, c, strictyaml.Options{
		Name: path, MaxBytes: maxConfigBytes, Getenv: getenv,
		ReadFile: func(name string) ([]byte, error) { return read(within(folder, name)) },
	})
	k := &configCheck{doc: doc, c: c, folder: folder, read: read}
	if !doc.Broken() {
		k.all()
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// within makes a path of the configuration relative to its folder.
func within(folder, name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(folder, name)
}

// readBounded reads a file of at most limit bytes. Its errors do not repeat the
// path, which the caller names.
func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, withoutPath(err)
	} else if info.IsDir() {
		return nil, errors.New("it is a folder, not a file")
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("it is larger than %d bytes", limit)
	}
	return data, nil
}

func withoutPath(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// Settings are what the catalog needs to know.
func (c *Config) Settings() catalog.Settings {
	s := catalog.Settings{Levels: c.Levels, Rules: c.Rules, Language: c.Language, Zone: c.Location()}
	if s.Levels == nil {
		s.Levels = incident.DefaultLevels()
	}
	s.Notices = incident.DefaultNotices(s.Levels)
	for level, change := range c.Notice {
		s.Notices[level] = change.Apply(s.Notices[level])
	}
	if t := c.Teams; t != nil {
		s.DefaultChannel, s.BroadcastChannel, s.ReviewChannel = t.DefaultChannel, t.BroadcastChannel, t.ReviewChannel
	}
	return s
}

// Location is the company's timezone.
func (c *Config) Location() *time.Location {
	if c.location != nil {
		return c.location
	}
	if l, err := time.LoadLocation(c.Timezone); err == nil {
		return l
	}
	return time.UTC
}

// Warnings are what the configuration says in vain, or what it leaves so that
// something will be missed. Nothing of it stops imbot.
func (c *Config) Warnings() []string { return c.warnings }
