package effects_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/jira/jirasim"
)

// TestTicketProjects: what is wrong with a project is told on the incident with
// what to do about it; once that is mended, the button makes the ticket.
func TestTicketProjects(t *testing.T) {
	archived := jirasim.Fault{Method: http.MethodPost, Path: "/rest/api/2/issue", Status: 400, Type: "application/json", Body: `{"errorMessages":["You can't create issues in an archived project."],"errors":{}}`}
	for name, tt := range map[string]struct {
		spoil func(d *desk)
		mend  func(d *desk)
		says  []string
	}{
		"no such project": {
			func(d *desk) { d.config.Project = "NOPE" },
			func(d *desk) { d.config.Project = "OPS" },
			[]string{"NOPE", "jira.project"},
		},
		"no such type": {
			func(d *desk) { d.config.Type = "Epos" },
			func(d *desk) { d.config.Type = "Task" },
			[]string{"Epos", "only Task", "jira.type"},
		},
		"no labels": {
			func(d *desk) {
				d.sim.AddProject(jirasim.Project{Key: "BARE", Types: []jirasim.IssueType{{Name: "Task", NoLabels: true}}})
				d.config.Project = "BARE"
			},
			func(d *desk) { d.config.Project = "OPS" },
			[]string{"BARE", "labels", "create screen"},
		},
		"archived": {
			func(d *desk) { d.sim.Inject(archived) },
			func(d *desk) { d.sim.ClearFaults() },
			[]string{"archived"},
		},
		"the user may not": {
			func(d *desk) {
				d.sim.Inject(jirasim.Fault{Method: http.MethodPost, Path: "/rest/api/2/issue", Status: 403})
			},
			func(d *desk) { d.sim.ClearFaults() },
			[]string{"permissions"},
		},
		"a refusal that is no JSON": {
			func(d *desk) {
				d.sim.Inject(jirasim.Fault{Method: http.MethodPost, Path: "/rest/api/2/issue", Status: 400, Type: "text/html", Body: "<html><b>no</b></html>"})
			},
			func(d *desk) { d.sim.ClearFaults() },
			[]string{"bad request"},
		},
		"an expired token": {
			func(d *desk) { d.sim.Inject(jirasim.Fault{Path: "/rest/api/2/issue", Status: 401}) },
			func(d *desk) { d.sim.ClearFaults() },
			[]string{"make a new one"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, jirasim.Options{})
			tt.spoil(d)
			d.wire(d.api, d.svc)
			id := d.do(incident.Declare, 0, incident.Args{Title: "Finder is slow", Service: "finder", Level: incident.Other}).ID
			d.act(id, incident.ActionArgs{Op: "add", Title: strings.Repeat("界", incident.MaxTitle)})
			d.settle(time.Hour)
			got := d.state(id, "jira.action/1")
			for _, s := range tt.says {
				if got.State != incident.EffectDead || !strings.Contains(got.Error, s) || strings.Contains(got.Error, "<") {
					t.Errorf("effect %s %q, want it dead and saying %q", got.State, got.Error, s)
				}
			}
			tt.mend(d)
			d.wire(d.api, d.svc)
			d.do(incident.Retry, id, incident.Args{})
			d.settle(time.Hour)
			if d.issue(id, 1); len(d.sim.Issues()) != 1 {
				t.Errorf("%d issues", len(d.sim.Issues()))
			}
		})
	}
}
