package catalog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"imbot/catalog/strictyaml"
	"imbot/incident"
)

// MaxBytes bounds the size of a catalog file.
const MaxBytes = 4 << 20

// File is a catalog file, as it is written.
type File struct {
	Squads   []Squad            `yaml:"squads"`
	Services []Service          `yaml:"services"`
	Standby  map[string]Standby `yaml:"standby"` // by role, such as "dba"
	People   []Person           `yaml:"people"`

	doc *strictyaml.Document // where things stand; nil for a File made in the program
}

// Squad is a team that answers for services.
type Squad struct {
	Key         string                  `yaml:"key"`          // required; any case means the same
	Name        string                  `yaml:"name"`         // for people; the key where empty
	Channel     string                  `yaml:"channel"`      // conversation id, as in 19:…@thread.tacv2
	Mail        string                  `yaml:"mail"`         // the squad's own address
	Lead        string                  `yaml:"lead"`         // mail
	Members     []string                `yaml:"members"`      // mails
	JiraProject string                  `yaml:"jira_project"` // key, as in PAY
	Mode        string                  `yaml:"mode"`         // live (where empty), shadow or muted
	Language    string                  `yaml:"language"`     // of what all of the squad read: en or id; the company's where empty
	Notice      map[string]NoticeChange `yaml:"notice"`       // by level: how the squad differs from the company
	Standby     *Standby                `yaml:"standby"`      // who of the squad is on call
	BridgeURL   string                  `yaml:"bridge_url"`   // standing call of the squad; https
}

// Service is something that can be in trouble.
type Service struct {
	Key          string             `yaml:"key"`                  // required; any case means the same
	Name         string             `yaml:"name"`                 // for people; the key where empty
	Squad        string             `yaml:"squad"`                // key of a squad; may be empty
	Owner        string             `yaml:"owner"`                // mail of who writes the RCA
	Tier         int                `yaml:"tier"`                 // 1 is the most important; 0: not said
	Aliases      []string           `yaml:"aliases"`              // other names, as monitors and alerts write them
	PagerDutyID  string             `yaml:"pagerduty_service_id"` // as in PABC123
	NewRelicGUID string             `yaml:"newrelic_guid"`        //
	DependsOn    []string           `yaml:"depends_on"`           // keys of services that this one calls
	Stakeholders []string           `yaml:"stakeholders"`         // mails
	Standby      []string           `yaml:"standby"`              // roles that this service's trouble may need
	Links        []incident.LinkURL `yaml:"links"`                // runbook first
	BridgeURL    string             `yaml:"bridge_url"`           // standing call for this service; the squad's where empty; https
}

// Person joins the identities of one human being.
type Person struct {
	Mail        string `yaml:"mail"` // required
	Name        string `yaml:"name"`
	TeamsID     string `yaml:"teams_id"`     // as in 29:…
	AADObjectID string `yaml:"aad_id"`       // object id in Entra, a GUID
	PagerDutyID string `yaml:"pagerduty_id"` // as in PXYZ789
	JiraAccount string `yaml:"jira_account"` // account id in Jira
	Timezone    string `yaml:"timezone"`     // as in Asia/Jakarta: that of working hours and of times in mails; where empty, what Teams tells, else the company's
}

// roles are those of the default ones that this company has, for a default wakes
// nobody for a role that is not there. nil, unlike an empty list, leaves it to the
// services to say who is woken.
func (f *File) roles(defaults []string) []string {
	var out []string
	for _, role := range defaults {
		for known := range f.Standby {
			if strings.EqualFold(known, role) {
				out = append(out, role)
			}
		}
	}
	return out
}

// LoadFile reads and checks the catalog in the file of this name.
func LoadFile(name string) (*File, error) {
	f, err := os.Open(name)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("catalog %s: %w; check the key catalog in the configuration", name, err)
	}
	defer f.Close()
	return Load(f, name)
}

// Load reads and checks a catalog. name stands for it in messages. The error
// tells all that is wrong, each with its line, and is a [strictyaml.Error]
// unless r fails.
func Load(r io.Reader, name string) (*File, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read catalog %s: %w", name, err)
	}
	return Parse(data, name)
}

// Parse is [Load] of bytes.
func Parse(data []byte, name string) (*File, error) {
	f := &File{}
	f.doc = strictyaml.Decode(data, f, strictyaml.Options{Name: name, MaxBytes: MaxBytes})
	f.check(f.doc)
	if err := f.doc.Err(); err != nil {
		return nil, err
	}
	return f, nil
}
