package jira_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
)

func TestNewChecksConfig(t *testing.T) {
	good := jira.Config{URL: "https://x.atlassian.net", Email: "a@b.c", APIToken: "t"}
	for name, tt := range map[string]struct {
		change func(*jira.Config)
		want   string // in the error; "" for none
	}{
		"cloud":             {func(*jira.Config) {}, ""},
		"data center":       {func(c *jira.Config) { c.Email, c.APIToken, c.PersonalToken = "", "", "p" }, ""},
		"context path":      {func(c *jira.Config) { c.URL += "/jira/" }, ""},
		"loopback":          {func(c *jira.Config) { c.URL = "http://127.0.0.1:8080" }, ""},
		"no URL":            {func(c *jira.Config) { c.URL = "" }, "URL"},
		"plain http":        {func(c *jira.Config) { c.URL = "http://jira.example.com" }, "https"},
		"password in URL":   {func(c *jira.Config) { c.URL = "https://u:hunter2@x.atlassian.net" }, "URL must look like"},
		"query":             {func(c *jira.Config) { c.URL += "?a=b" }, "URL must look like"},
		"no token":          {func(c *jira.Config) { c.APIToken = "" }, "credentials are missing"},
		"no mail":           {func(c *jira.Config) { c.Email = "" }, "credentials are missing"},
		"both kinds":        {func(c *jira.Config) { c.PersonalToken = "p" }, "not both"},
		"newline in token":  {func(c *jira.Config) { c.APIToken = "secret\n" }, "copy them again"},
		"project not a key": {func(c *jira.Config) { c.Project = "../OPS" }, "project key"},
	} {
		cfg := good
		tt.change(&cfg)
		_, err := jira.New(cfg)
		if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: New = %v, want %q", name, err, tt.want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s: the error holds a secret: %v", name, err)
		}
	}
}

func TestCreateAndRead(t *testing.T) {
	both(t, jirasim.Options{}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, ck *clock) {
		ctx := t.Context()
		me, err := c.UserByEmail(ctx, "ANI@example.com")
		must(t, "user", err)
		made := create(t, c, jira.NewIssue{
			Summary: "Fix the\nretry storm", Description: "h2. Why\ntext", Priority: "High", Due: "2026-03-31",
			Assignee: me.Ref(), Labels: []string{"postmortem"}, Marker: "imbot-INC-42-1",
		})
		if made.Key != "OPS-1" || made.ID == "" || made.URL != sim.URL()+"/browse/OPS-1" {
			t.Errorf("created %+v", made)
		}
		got, err := c.Issue(ctx, "OPS-1")
		must(t, "read", err)
		want := jira.Issue{
			ID: made.ID, Key: "OPS-1", URL: made.URL, Type: "Task", Summary: "Fix the retry storm", Status: "To Do", Category: jira.CategoryNew,
			Priority: "High", Labels: []string{"postmortem", "imbot-INC-42-1"}, Due: "2026-03-31", Assignee: &me, Created: ck.Now(), Updated: ck.Now(),
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("issue (-want +got):\n%s", d)
		}
		has, _ := sim.Issue(made.ID)
		if has.Description != "h2. Why\ntext" || has.Assignee != ani {
			t.Errorf("Jira has %+v", has)
		}
		if dump := string(sim.Dump()); strings.Contains(strings.ToLower(dump), "password") {
			t.Error("a request holds a password member")
		}
	})
}

func TestCreateRefused(t *testing.T) {
	sim, c, _ := start(t, jirasim.Options{}, jira.Config{})
	for name, tt := range map[string]struct {
		issue  jira.NewIssue
		status int
		want   string
	}{
		"no summary":       {jira.NewIssue{Type: "Task"}, 0, "summary"},
		"no type":          {jira.NewIssue{Summary: "x"}, 0, "issue type"},
		"bad project":      {jira.NewIssue{Summary: "x", Type: "Task", Project: "OPS/../x"}, 0, "project key"},
		"bad date":         {jira.NewIssue{Summary: "x", Type: "Task", Due: "31.3.2026"}, 0, "due date"},
		"label with space": {jira.NewIssue{Summary: "x", Type: "Task", Labels: []string{"a b"}}, 0, "label"},
		"marker quote":     {jira.NewIssue{Summary: "x", Type: "Task", Marker: `a"b`}, 0, "label"},
		"unknown type":     {jira.NewIssue{Summary: "x", Type: "Epos"}, 400, "issuetype: Specify a valid issue type"},
		"unknown project":  {jira.NewIssue{Summary: "x", Type: "Task", Project: "NONE"}, 400, "project"},
		"unknown user":     {jira.NewIssue{Summary: "x", Type: "Task", Assignee: "nobody"}, 400, "assignee"},
		"unknown field":    {jira.NewIssue{Summary: "x", Type: "Task", Fields: map[string]any{"customfield_1": 1}}, 400, "customfield_1: Field"},
		"unknown priority": {jira.NewIssue{Summary: "x", Type: "Task", Priority: "Sky"}, 400, "priority"},
	} {
		_, err := c.Create(t.Context(), tt.issue)
		e := wantError(t, name, err, tt.status, true)
		if !strings.Contains(e.Error(), tt.want) || e.MayBeDone() {
			t.Errorf("%s: %v (may be done %v), want %q", name, e, e.MayBeDone(), tt.want)
		}
		if tt.status == 400 && len(e.Fields) == 0 {
			t.Errorf("%s: no field is named", name)
		}
	}
	if n := len(sim.Issues()); n != 0 {
		t.Errorf("%d issues were made", n)
	}
}

// Texts that Jira would refuse are made to fit, counted as Jira counts.
func TestTextsFit(t *testing.T) {
	sim, c, _ := start(t, jirasim.Options{}, jira.Config{})
	create(t, c, jira.NewIssue{Summary: strings.Repeat("🔥", 300), Description: strings.Repeat("é", 40_000)})
	got, _ := sim.Issue("OPS-1")
	if want := strings.Repeat("🔥", 127) + "…"; got.Summary != want {
		t.Errorf("summary %q", got.Summary)
	}
	if n := len([]rune(got.Description)); n != jira.MaxText {
		t.Errorf("description has %d characters", n)
	}
}

func TestUpdate(t *testing.T) {
	both(t, jirasim.Options{}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, ck *clock) {
		ctx := t.Context()
		key := create(t, c, jira.NewIssue{Summary: "a", Due: "2026-03-31", Labels: []string{"x"}}).Key
		me, err := c.UserByEmail(ctx, "ani@example.com")
		must(t, "user", err)
		ck.Pass(time.Minute)
		for n := range 2 { // the second time nothing happens
			must(t, "update", c.Update(ctx, key, jira.Update{Summary: ptr("b"), Due: ptr("2026-04-30"), Assignee: ptr(me.Ref()), AddLabels: []string{"y"}}))
			got, _ := sim.Issue(key)
			if got.Summary != "b" || got.Due != "2026-04-30" || got.Assignee != ani || strings.Join(got.Labels, " ") != "x y" || !got.Updated.Equal(ck.Now().Add(-time.Duration(n)*time.Minute)) {
				t.Errorf("update %d: %+v", n, got)
			}
			ck.Pass(time.Minute)
		}
		must(t, "clear", c.Update(ctx, key, jira.Update{Due: ptr(""), Assignee: ptr("")}))
		if got, _ := sim.Issue(key); got.Due != "" || got.Assignee != "" || got.Summary != "b" {
			t.Errorf("cleared: %+v", got)
		}
		before := len(sim.Requests())
		must(t, "nothing", c.Update(ctx, key, jira.Update{}))
		if len(sim.Requests()) != before {
			t.Error("an empty update was sent")
		}
		wantError(t, "bad date", c.Update(ctx, key, jira.Update{Due: ptr("soon")}), 0, true)
		wantError(t, "empty summary", c.Update(ctx, key, jira.Update{Summary: ptr(" \n")}), 0, true)
		wantError(t, "no such issue", c.Update(ctx, "OPS-99", jira.Update{Summary: ptr("x")}), 404, true)
		wantError(t, "no key", c.Update(ctx, "OPS-1/../2?x", jira.Update{Summary: ptr("x")}), 0, true)
	})
}

func TestTransition(t *testing.T) {
	steps := func(s ...jirasim.Step) jirasim.Workflow {
		return jirasim.Workflow{Statuses: []jirasim.Status{
			{Name: "Offen", Category: "new"}, {Name: "In Arbeit", Category: "indeterminate"}, {Name: "Abgelehnt", Category: "done"}, {Name: "Fertig", Category: "done"},
		}, Steps: s}
	}
	root := jirasim.Field{ID: "customfield_10", Name: "Root cause", Required: true, Type: "string"}
	for name, tt := range map[string]struct {
		workflow         jirasim.Workflow
		status, resolved string // then
		refused          string // or what the error says
	}{
		"plain":                 {steps(jirasim.Step{Name: "Los", To: "In Arbeit"}, jirasim.Step{Name: "Ende", To: "Fertig"}), "Fertig", "Done", ""},
		"without fields first":  {steps(jirasim.Step{Name: "Nein", To: "Abgelehnt", Fields: []jirasim.Field{jirasim.ResolutionField()}}, jirasim.Step{Name: "Ende", To: "Fertig"}), "Fertig", "Done", ""},
		"resolution":            {steps(jirasim.Step{Name: "Ende", To: "Fertig", Fields: []jirasim.Field{jirasim.ResolutionField()}}), "Fertig", "Done", ""},
		"asks for more":         {steps(jirasim.Step{Name: "Ende", To: "Fertig", Fields: []jirasim.Field{root}}), "Offen", "", "Root cause"},
		"not in one step":       {steps(jirasim.Step{Name: "Los", To: "In Arbeit"}, jirasim.Step{Name: "Ende", From: []string{"In Arbeit"}, To: "Fertig"}), "Offen", "", `"Los"`},
		"no step":               {steps(jirasim.Step{Name: "Ende", From: []string{"In Arbeit"}, To: "Fertig"}), "Offen", "", "no step"},
		"field with a default":  {steps(jirasim.Step{Name: "Ende", To: "Fertig", Fields: []jirasim.Field{{ID: "x", Name: "X", Required: true, HasDefault: true}}}), "Fertig", "Done", ""},
		"field not asked about": {steps(jirasim.Step{Name: "Ende", To: "Fertig", Fields: []jirasim.Field{{ID: "x", Name: "X"}}}), "Fertig", "Done", ""},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, jirasim.Options{}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, _ *clock) {
				sim.AddProject(jirasim.Project{Key: "WF", Workflow: tt.workflow})
				key := create(t, c, jira.NewIssue{Project: "WF", Summary: "x"}).Key
				moved, err := c.Transition(t.Context(), key, jira.CategoryDone)
				if tt.refused != "" {
					if e := wantError(t, "move", err, 0, true); !strings.Contains(e.Error(), tt.refused) {
						t.Errorf("move: %v, want %q", e, tt.refused)
					}
				} else {
					must(t, "move", err)
				}
				got, _ := sim.Issue(key)
				if got.Status != tt.status || got.Resolution != tt.resolved || moved.Status != tt.status || moved.Done() != (tt.refused == "") {
					t.Errorf("Jira has %s, %q; Transition says %+v", got.Status, got.Resolution, moved)
				}
			})
		})
	}
}

func TestTransitionTwice(t *testing.T) {
	sim, c, _ := start(t, jirasim.Options{}, jira.Config{})
	key := create(t, c, jira.NewIssue{Summary: "x"}).Key
	for range 2 {
		moved, err := c.Transition(t.Context(), key, jira.CategoryDone)
		must(t, "move", err)
		if !moved.Done() {
			t.Errorf("moved to %+v", moved)
		}
	}
	posts := 0
	for _, r := range sim.Requests() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL, "/transitions") {
			posts++
		}
	}
	if posts != 1 {
		t.Errorf("%d transitions, want 1", posts)
	}
	back, err := c.Transition(t.Context(), key, jira.CategoryNew)
	must(t, "reopen", err)
	if got, _ := sim.Issue(key); got.Status != "To Do" || back.Category != jira.CategoryNew || got.Resolution != "" {
		t.Errorf("reopened: %+v", got)
	}
	_, err = c.Transition(t.Context(), key, "closed")
	wantError(t, "no such category", err, 0, true)
}

func TestLinks(t *testing.T) {
	both(t, jirasim.Options{}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, ck *clock) {
		ctx := t.Context()
		key := create(t, c, jira.NewIssue{Summary: "x"}).Key
		link := jira.Link{GlobalID: "imbot:INC-42", URL: "https://imbot.example.com/incidents/INC-42", Title: "INC-42", Summary: "checkout is down", Relation: "incident"}
		must(t, "link", c.SetLink(ctx, key, link))
		link.Title, link.Resolved = "INC-42 (resolved)", true
		must(t, "link again", c.SetLink(ctx, key, link))
		got, _ := sim.Issue(key)
		if len(got.Links) != 1 || got.Links[0].Title != link.Title || !got.Links[0].Resolved || got.Links[0].Relation != "incident" {
			t.Errorf("links %+v", got.Links)
		}
		wantError(t, "relative link", c.SetLink(ctx, key, jira.Link{GlobalID: "x", URL: "/incidents", Title: "x"}), 0, true)
	})
}

func TestUserByEmail(t *testing.T) {
	both(t, jirasim.Options{}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, _ *clock) {
		sim.AddUser(jirasim.User{AccountID: "gone", Name: "gone", FullName: "Gone", Email: "gone@example.com", Inactive: true})
		sim.AddUser(jirasim.User{AccountID: "h1", Name: "h1", FullName: "H", Email: "two@example.com", HideEmail: true})
		sim.AddUser(jirasim.User{AccountID: "h2", Name: "h2", FullName: "H", Email: "two@example.com.au", HideEmail: true})
		for mail, want := range map[string]string{
			"ani@example.com": "Ani", "ANI@EXAMPLE.COM ": "Ani",
			"budi+ops@example.com": "Budi", // hidden on Cloud, and a plus that must be escaped
			"gone@example.com":     "", "nobody@example.com": "", "ani": "", "ani@example.co": "",
		} {
			u, err := c.UserByEmail(t.Context(), mail)
			if want == "" {
				wantError(t, mail, err, 404, true)
				continue
			}
			must(t, mail, err)
			if u.FullName != want || u.Ref() == "" {
				t.Errorf("%s: %+v, want %s", mail, u, want)
			}
		}
	})
	_, c, _ := start(t, jirasim.Options{}, jira.Config{})
	if u, err := c.UserByEmail(t.Context(), "budi+ops@example.com"); err != nil || u.Email != "" || u.AccountID != budi {
		t.Errorf("hidden: %+v, %v", u, err)
	}
}

// Of two whose address is hidden nobody can say which it is.
func TestUserByEmailAmbiguous(t *testing.T) {
	sim, c, _ := start(t, jirasim.Options{}, jira.Config{})
	for _, tail := range []string{"", ".au"} {
		sim.AddUser(jirasim.User{FullName: "H", Email: "two@example.com" + tail, HideEmail: true})
	}
	_, err := c.UserByEmail(t.Context(), "two@example.com")
	wantError(t, "two", err, 404, true)
	// Apps are not people.
	sim.AddUser(jirasim.User{FullName: "App", Email: "app@example.com", HideEmail: true, App: true})
	_, err = c.UserByEmail(t.Context(), "app@example.com")
	wantError(t, "app", err, 404, true)
}

func TestServerAndCheck(t *testing.T) {
	both(t, jirasim.Options{}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, ck *clock) {
		dc := strings.HasSuffix(sim.URL(), "/jira")
		for range 2 {
			server, err := c.Server(t.Context())
			must(t, "server", err)
			if server.Cloud == dc || server.URL != sim.URL() {
				t.Errorf("server %+v", server)
			}
		}
		if n := len(sim.Requests()); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		who, err := c.Check(t.Context())
		must(t, "check", err)
		if !strings.Contains(who, "Incident Bot") || !strings.Contains(who, "project OPS") || strings.Contains(who, "Cloud") == dc {
			t.Errorf("check says %q", who)
		}
		me, err := c.Myself(t.Context())
		must(t, "myself", err)
		if !me.Active || me.Ref() == "" {
			t.Errorf("myself %+v", me)
		}
		other := connect(t, sim, dc, jira.Config{Project: "NONE"}, ck)
		_, err = other.Check(t.Context())
		if e := wantError(t, "no project", err, 404, true); !strings.Contains(e.Message, "NONE") {
			t.Errorf("no project: %v", e)
		}
	})
}

func TestCreateMeta(t *testing.T) {
	both(t, jirasim.Options{PageSize: 3}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, _ *clock) {
		ctx := t.Context()
		sim.AddProject(jirasim.Project{Key: "PAY", Types: []jirasim.IssueType{
			{Name: "Task"},
			{Name: "Sub-task", Subtask: true},
			{Name: "Story"},
			{Name: "Action Item", Fields: []jirasim.Field{
				{ID: "description", Name: "Description", Type: "string"},
				{ID: "customfield_10010", Name: "Team", Type: "option", Required: true, Allowed: []string{"Red", "Blue"}},
				{ID: "customfield_10011", Name: "Risk", Type: "string", Required: true, HasDefault: true},
			}},
		}})
		types, err := c.IssueTypes(ctx, "PAY")
		must(t, "types", err)
		if len(types) != 4 || types[3].Name != "Action Item" || !types[1].Subtask {
			t.Errorf("types %+v", types)
		}
		m, err := c.CreateMeta(ctx, "PAY", "action item")
		must(t, "meta", err)
		if len(m.Fields) != 8 {
			t.Errorf("%d fields, want 8: %+v", len(m.Fields), m.Fields)
		}
		team := m.Field("customfield_10010")
		want := &jira.Field{ID: "customfield_10010", Name: "Team", Required: true, Type: "option", Allowed: []jira.Value{{ID: "1", Name: "Red"}, {ID: "2", Name: "Blue"}}}
		if d := cmp.Diff(want, team); d != "" {
			t.Errorf("team (-want +got):\n%s", d)
		}
		n := jira.NewIssue{
			Project: "PAY", Type: "Action Item", Summary: "x", Description: "y", Due: "2026-03-31", Priority: "High", Marker: "m",
			Fields: map[string]any{"customfield_9": 1},
		}
		fit, dropped, missing := m.Fit(n)
		if strings.Join(dropped, " ") != "customfield_9 duedate priority" || len(missing) != 1 || missing[0].ID != "customfield_10010" {
			t.Errorf("dropped %v, missing %+v", dropped, missing)
		}
		if n.Due == "" || len(n.Fields) != 1 {
			t.Errorf("Fit changed its argument: %+v", n)
		}
		_, err = c.Create(ctx, fit)
		wantError(t, "still missing", err, 400, true)
		fit.Fields = map[string]any{"customfield_10010": map[string]string{"id": "2"}}
		if _, _, missing = m.Fit(fit); len(missing) != 0 {
			t.Errorf("missing %+v", missing)
		}
		create(t, c, fit)

		_, err = c.CreateMeta(ctx, "PAY", "Epos")
		if e := wantError(t, "unknown type", err, 404, true); !strings.Contains(e.Message, "Action Item") {
			t.Errorf("unknown type: %v", e)
		}
		_, err = c.IssueTypes(ctx, "a/b")
		wantError(t, "no key", err, 0, true)
	})
}
