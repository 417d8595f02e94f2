package manifest

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// verbs are commands as the command table hands them in.
var verbs = []Command{
	{Title: "declare", Description: "Declare an incident"},
	{Title: "list", Description: "Show open incidents"},
	{Title: "ack", Description: "Acknowledge an incident", Scopes: []string{ScopeTeam, ScopeGroupChat}},
	{Title: "connect", Description: "Send a squad's incidents to this channel", Scopes: []string{ScopeTeam}},
	{Title: "help", Description: "Show what imbot understands"},
}

func options(change func(*Options)) Options {
	o := Options{
		AppID:     "8a6c8a1e-0f3b-4c55-9a6b-2f1f4d6a7c10",
		PublicURL: "https://imbot.example.com",
		Commands:  verbs,
		Dialogs:   true,
	}
	if change != nil {
		change(&o)
	}
	return o
}

var variants = []struct {
	name string
	Options
}{
	{"minimal", options(nil)},
	{"rooms", options(func(o *Options) { o.Profile = Rooms })},
	{"timeline", options(func(o *Options) { o.Profile = Timeline })},
	{"preview", options(func(o *Options) { o.Profile = Timeline; o.Preview = true })},
	{"plain", options(func(o *Options) { o.Commands, o.Dialogs = nil, false })},
	{"company", options(func(o *Options) {
		o.Profile = Rooms
		o.Name, o.Version = "Pager & Co", "2.14.0"
		o.ManifestID = "11111111-2222-4333-8444-555555555555"
		o.PublicURL = "https://Ops.example.com:8443/imbot/"
		o.Developer = Developer{
			Name: "Example Ops", WebsiteURL: "https://example.com/ops",
			PrivacyURL: "https://example.com/privacy", TermsURL: "https://example.com/terms",
		}
	})},
}

func TestBuildGolden(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			got, err := Build(v.Options)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", v.name+".json")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("Build differs from %s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// parsed is what the tests read back from a manifest.
type parsed struct {
	ManifestVersion string `json:"manifestVersion"`
	Version         string `json:"version"`
	ID              string `json:"id"`
	Name            text   `json:"name"`
	Developer       developer
	Description     text
	Bots            []bot
	ValidDomains    []string        `json:"validDomains"`
	ChannelFeatures string          `json:"supportsChannelFeatures"`
	WebApplication  *webApplication `json:"webApplicationInfo"`
	Authorization   *authorization
}

func build(t *testing.T, o Options) parsed {
	t.Helper()
	raw, err := Build(o)
	if err != nil {
		t.Fatal(err)
	}
	var p parsed
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPermissionsOfProfiles(t *testing.T) {
	want := map[Profile][]string{
		Minimal:  {},
		Rooms:    {"Chat.Manage.Chat", "ChatMember.Read.Chat", "ChatSettings.ReadWrite.Chat"},
		Timeline: {"Chat.Manage.Chat", "ChatMember.Read.Chat", "ChatSettings.ReadWrite.Chat", "ChatMessage.Read.Chat"},
	}
	for _, p := range Profiles {
		got := build(t, options(func(o *Options) { o.Profile = p }))
		asked, consented := []string{}, []string{}
		if got.Authorization != nil {
			for _, r := range got.Authorization.Permissions.ResourceSpecific {
				asked = append(asked, r.Name+"/"+r.Type)
			}
		}
		for _, c := range ConsentedPermissionSet(p) {
			consented = append(consented, c.Value+"/"+c.Type)
		}
		if diff := cmp.Diff(asked, consented); diff != "" {
			t.Errorf("%s: the consented set is not the manifest's (-manifest +consented):\n%s", p, diff)
		}
		names := []string{}
		for _, a := range asked {
			names = append(names, strings.TrimSuffix(a, "/Application"))
		}
		if diff := cmp.Diff(want[p], names); diff != "" {
			t.Errorf("%s asks for (-want +got):\n%s", p, diff)
		}
		if hasApp := got.WebApplication != nil; hasApp != (len(want[p]) > 0) {
			t.Errorf("%s: webApplicationInfo present = %v, want it exactly where permissions are asked for", p, hasApp)
		}
	}
	raw, err := json.Marshal(ConsentedPermissionSet(Minimal))
	if err != nil || string(raw) != "[]" {
		t.Errorf("ConsentedPermissionSet(Minimal) = %s, %v, want an empty list for Graph", raw, err)
	}
	raw, err = json.Marshal(ConsentedPermissionSet(Rooms)[0])
	if want := `{"permissionValue":"Chat.Manage.Chat","permissionType":"Application"}`; err != nil || string(raw) != want {
		t.Errorf("a permission for Graph = %s, %v, want %s", raw, err, want)
	}
	if got := ConsentedPermissionSet("everything"); len(got) != 0 {
		t.Errorf("ConsentedPermissionSet of an unknown profile = %v, want none", got)
	}
}

func TestManifestIDIsStable(t *testing.T) {
	// The value is what a tenant's catalog remembers: a change of the derivation would turn updates into new apps.
	const want = "83197966-1f0a-5834-b27e-9112fa884380"
	for _, change := range []func(*Options){
		nil,
		func(o *Options) { o.Profile, o.Preview, o.Version, o.Name = Timeline, true, "9.9.9", "other" },
		func(o *Options) { o.AppID = " " + strings.ToUpper(o.AppID) },
	} {
		if got := build(t, options(change)).ID; got != want {
			t.Errorf("manifest id = %s, want %s", got, want)
		}
	}
	if got := build(t, options(func(o *Options) { o.AppID = "8a6c8a1e-0f3b-4c55-9a6b-2f1f4d6a7c11" })).ID; got == want {
		t.Error("two apps share a manifest id")
	}
}

func TestPreview(t *testing.T) {
	base, preview := build(t, options(nil)), build(t, options(func(o *Options) { o.Preview = true }))
	if base.ManifestVersion != "1.22" || base.ChannelFeatures != "" || base.Bots[0].Targeted {
		t.Errorf("base manifest is %s, channel features %q, targeted %v, want 1.22 with neither", base.ManifestVersion, base.ChannelFeatures, base.Bots[0].Targeted)
	}
	if preview.ManifestVersion != "1.29" || preview.ChannelFeatures != "tier1" || !preview.Bots[0].Targeted {
		t.Errorf("preview manifest is %s, channel features %q, targeted %v, want 1.29 with both", preview.ManifestVersion, preview.ChannelFeatures, preview.Bots[0].Targeted)
	}
	slash := map[string]bool{}
	for _, l := range preview.Bots[0].CommandLists {
		for _, s := range l.Scopes {
			slash[s] = cmp.Equal(l.Triggers, []string{"mention", "slash"})
		}
	}
	if want := (map[string]bool{ScopePersonal: false, ScopeTeam: true, ScopeGroupChat: true}); !cmp.Equal(slash, want) {
		t.Errorf("scopes with a slash trigger: %v, want %v", slash, want)
	}
}

func TestCommandListsShareScopes(t *testing.T) {
	everywhere := build(t, options(func(o *Options) { o.Commands = verbs[:2] })).Bots[0].CommandLists
	if len(everywhere) != 1 || !cmp.Equal(everywhere[0].Scopes, []string{ScopePersonal, ScopeTeam, ScopeGroupChat}) {
		t.Errorf("commands for every scope give %v, want one list", everywhere)
	}
	team := build(t, options(func(o *Options) { o.Commands = verbs[3:4] })).Bots[0].CommandLists
	if len(team) != 1 || !cmp.Equal(team[0].Scopes, []string{ScopeTeam}) {
		t.Errorf("a command for teams gives %v, want one list for teams", team)
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Options)
		want   string // part of the message, which says what to do
	}{
		{"no app id", func(o *Options) { o.AppID = "" }, "app id is missing: copy the Application (client) ID"},
		{"app id no guid", func(o *Options) { o.AppID = "imbot" }, "app id \"imbot\" is not a GUID"},
		{"app id all zero", func(o *Options) { o.AppID = nilGUID }, "is not a GUID"},
		{"manifest id no guid", func(o *Options) { o.ManifestID = "{1}" }, "leave it out to have it derived"},
		{"profile", func(o *Options) { o.Profile = "all" }, "use minimal, rooms or timeline"},
		{"version", func(o *Options) { o.Version = "v1.0" }, "write it as in 1.0.0"},
		{"version with leading zero", func(o *Options) { o.Version = "1.01.0" }, "write it as in 1.0.0"},
		{"no url", func(o *Options) { o.PublicURL = "" }, "public url is missing"},
		{"http", func(o *Options) { o.PublicURL = "http://imbot.example.com" }, "Teams accepts https only"},
		{"no host", func(o *Options) { o.PublicURL = "imbot.example.com" }, "write it as in https://imbot.example.com"},
		{"password in url", func(o *Options) { o.PublicURL = "https://a:hunter2@imbot.example.com" }, "scheme, host and path only"},
		{"query in url", func(o *Options) { o.PublicURL = "https://imbot.example.com/?key=hunter2" }, "scheme, host and path only"},
		{"wildcard host", func(o *Options) { o.PublicURL = "https://*.example.com" }, "give a plain host name"},
		{"long url", func(o *Options) { o.PublicURL += "/" + strings.Repeat("a", maxURL) }, "shorten it"},
		{"privacy url", func(o *Options) { o.Developer.PrivacyURL = "ftp://example.com" }, "developer privacy url begins with ftp"},
		{"long name", func(o *Options) { o.Name = strings.Repeat("é", 31) }, "has 31 characters: Teams allows 30"},
		{"newline in name", func(o *Options) { o.Name = "im\nbot" }, "do not print"},
		{"long developer", func(o *Options) { o.Developer.Name = strings.Repeat("x", 33) }, "developer name"},
		{"long title", func(o *Options) { o.Commands = []Command{{Title: strings.Repeat("x", 33), Description: "d"}} }, "Teams allows 32"},
		{"long description", func(o *Options) { o.Commands = []Command{{Title: "x", Description: strings.Repeat("x", 129)}} }, "Teams allows 128"},
		{"empty description", func(o *Options) { o.Commands = []Command{{Title: "x"}} }, "needs a title and a description"},
		{"twice", func(o *Options) { o.Commands = []Command{verbs[0], verbs[0]} }, "list it once"},
		{"scope", func(o *Options) {
			o.Commands = []Command{{Title: "x", Description: "d", Scopes: []string{"groupchat"}}}
		}, "use personal, team, groupChat"},
		{"eleven commands", func(o *Options) { o.Commands = many(11) }, "11 menu commands in scope team"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Build(options(tt.change))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Build error = %v, want one with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats a secret: %v", err)
			}
		})
	}
	_, err := Build(Options{Profile: "all", Version: "x"})
	for _, part := range []string{"app id", "profile", "version", "public url"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error of empty options = %v, want all mistakes at once, %s too", err, part)
		}
	}
}

func many(n int) []Command {
	var c []Command
	for i := range n {
		c = append(c, Command{Title: string(rune('a' + i)), Description: "one of many"})
	}
	return c
}

func TestBuildAtLimits(t *testing.T) {
	got := build(t, options(func(o *Options) {
		o.Commands = many(maxCommands)
		o.Name, o.Developer.Name = strings.Repeat("é", maxName), strings.Repeat("é", maxDeveloper)
	}))
	if n := len(got.Bots[0].CommandLists[0].Commands); n != maxCommands {
		t.Errorf("menu has %d commands, want %d", n, maxCommands)
	}
	for what, l := range map[string][2]int{
		"short description": {utf8.RuneCountInString(got.Description.Short), 80},
		"full description":  {utf8.RuneCountInString(got.Description.Full), 4000},
		"full name":         {utf8.RuneCountInString(got.Name.Full), 100},
	} {
		if l[0] == 0 || l[0] > l[1] {
			t.Errorf("%s has %d characters, want 1 to %d", what, l[0], l[1])
		}
	}
}

func TestParseProfile(t *testing.T) {
	for in, want := range map[string]Profile{"": Minimal, "minimal": Minimal, " Rooms ": Rooms, "TIMELINE": Timeline} {
		if got, err := ParseProfile(in); err != nil || got != want {
			t.Errorf("ParseProfile(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	if _, err := ParseProfile("room"); err == nil {
		t.Error("ParseProfile(room) was accepted, want an error that lists the profiles")
	}
}

// FuzzBuild asks that whatever Build accepts is a manifest Teams would take.
func FuzzBuild(f *testing.F) {
	f.Add("8a6c8a1e-0f3b-4c55-9a6b-2f1f4d6a7c10", "", "rooms", "https://imbot.example.com", "1.0.0", "imbot", "ack", true)
	f.Add("8A6C8A1E-0F3B-4C55-9A6B-2F1F4D6A7C10", "8a6c8a1e-0f3b-4c55-9a6b-2f1f4d6a7c10", "", "https://a.b:8443/x/", "0.0.1", "é\u2028<b>", "<at>", false)
	f.Add("", "x", "y", "https://[::1]/", "1.0", "\x00", " ", true)
	schemas := []*checker{baseSchema(f), previewSchema(f)}
	f.Fuzz(func(t *testing.T, app, id, profile, address, version, name, title string, preview bool) {
		o := Options{
			AppID: app, ManifestID: id, Profile: Profile(profile), PublicURL: address, Version: version, Name: name,
			Commands: []Command{{Title: title, Description: name}}, Dialogs: true, Preview: preview,
		}
		raw, err := Build(o)
		if err != nil {
			return
		}
		check := schemas[0]
		if preview {
			check = schemas[1]
		}
		if check == nil {
			if !json.Valid(raw) {
				t.Errorf("Build(%+v) made invalid JSON", o)
			}
			return
		}
		if err := check.manifest(raw); err != nil {
			t.Errorf("Build(%+v) made a manifest that the schema refuses: %v", o, err)
		}
	})
}
