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

// searches are commands of the message extension as the bot hands them in.
var searches = []ExtensionCommand{
	{ID: "declare", Title: "Declare incident", Description: "Make an incident of a message", Action: true, Contexts: []string{ContextMessage, ContextCompose}, Slash: true},
	{ID: "timeline", Title: "Add to timeline", Description: "Put this message onto a timeline", Action: true, Contexts: []string{ContextMessage}},
	{ID: "find", Title: "Find incident", Description: "Search", Parameter: "q", ParameterTitle: "Words", Contexts: []string{ContextCompose, ContextCommandBox}},
}

func options(change func(*Options)) Options {
	o := Options{
		AppID:     "8a6c8a1e-0f3b-4c55-9a6b-2f1f4d6a7c10",
		PublicURL: "https://imbot.example.com",
		Commands:  verbs,
		Dialogs:   true,
		Extension: searches,
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
	{"targeted", options(func(o *Options) { o.Targeted = true })},
	{"self-install", options(func(o *Options) { o.Profile, o.SelfInstall = Minimal, true })},
	{"plain", options(func(o *Options) { o.Commands, o.Extension, o.Dialogs = nil, nil, false })},
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
	Extensions      []extension     `json:"composeExtensions"`
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
	got := build(t, options(func(o *Options) { o.Profile, o.SelfInstall = Minimal, true }))
	if got.WebApplication == nil || got.WebApplication.ID == "" || got.Authorization != nil {
		t.Errorf("an app that installs itself names %+v and asks for %+v, want its Entra app and nothing", got.WebApplication, got.Authorization)
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

func TestTargeted(t *testing.T) {
	got := build(t, options(func(o *Options) { o.Targeted = true }))
	if got.ManifestVersion != "1.29" || !got.Bots[0].Targeted || got.ChannelFeatures != "tier1" {
		t.Errorf("targeted manifest is %s, targeted %v, channel features %q", got.ManifestVersion, got.Bots[0].Targeted, got.ChannelFeatures)
	}
	for _, l := range got.Bots[0].CommandLists {
		if l.Triggers != nil {
			t.Errorf("without slash commands %v has the triggers %v", l.Scopes, l.Triggers)
		}
	}
	if c := got.Extensions[0].Commands[0]; c.Triggers != nil {
		t.Errorf("without slash commands %s has the triggers %v", c.ID, c.Triggers)
	}
}

func TestExtension(t *testing.T) {
	got := build(t, options(func(o *Options) { o.PublicURL = "https://Ops.example.com:8443/imbot" })).Extensions
	if len(got) != 1 || got[0].BotID != options(nil).AppID || len(got[0].Commands) != 3 {
		t.Fatalf("message extension: %+v", got)
	}
	if want := []handler{{Type: "link", Value: handlerValue{Domains: []string{"ops.example.com"}}}}; !cmp.Equal(got[0].Handlers, want) {
		t.Errorf("links are handled by %+v, want %+v", got[0].Handlers, want)
	}
	action, search := got[0].Commands[0], got[0].Commands[2]
	if action.Type != "action" || !action.FetchTask || action.InitialRun || action.Triggers != nil || len(action.Parameters) != 0 {
		t.Errorf("an action: %+v", action)
	}
	if search.Type != "query" || search.FetchTask || !search.InitialRun || len(search.Parameters) != 1 || search.Parameters[0].Name != "q" {
		t.Errorf("a search: %+v", search)
	}
	preview := build(t, options(func(o *Options) { o.Preview = true })).Extensions[0].Commands
	if !cmp.Equal(preview[0].Triggers, []string{"slash"}) || preview[1].Triggers != nil || preview[2].Triggers != nil {
		t.Errorf("slash triggers: %+v", preview)
	}
	if none := build(t, options(func(o *Options) { o.Extension = nil })).Extensions; none != nil {
		t.Errorf("without commands there is the message extension %+v", none)
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
		{"extension id", func(o *Options) { o.Extension = []ExtensionCommand{{ID: "a b"}} }, "letters, digits and hyphens"},
		{"extension twice", func(o *Options) { o.Extension = []ExtensionCommand{searches[0], searches[0]} }, "list it once"},
		{"extension without title", func(o *Options) { o.Extension = []ExtensionCommand{{ID: "a", Action: true, Contexts: contexts}} }, "needs a title"},
		{"extension nowhere", func(o *Options) {
			o.Extension = []ExtensionCommand{{ID: "a", Title: "t", Description: "d", Action: true}}
		}, "give it a context"},
		{"search for nothing", func(o *Options) {
			o.Extension = []ExtensionCommand{{ID: "a", Title: "t", Description: "d", Contexts: contexts}}
		}, "needs a parameter"},
		{"extension context", func(o *Options) {
			o.Extension = []ExtensionCommand{{ID: "a", Title: "t", Description: "d", Action: true, Contexts: []string{"chat"}}}
		}, "use message, compose, commandBox"},
		{"long extension title", func(o *Options) {
			o.Extension = []ExtensionCommand{{ID: "a", Title: strings.Repeat("x", 33), Description: "d", Action: true, Contexts: contexts}}
		}, "Teams allows 32"},
		{"eleven extension commands", func(o *Options) { o.Extension = make([]ExtensionCommand, 11) }, "Teams takes 10"},
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
			Extension: []ExtensionCommand{
				{ID: id, Title: title, Description: name, Action: true, Contexts: contexts, Slash: true},
				{ID: "find", Title: name, Description: title, Parameter: "q", ParameterTitle: title, Contexts: contexts[1:]},
			},
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
