package bot_test

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"imbot/bot"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
)

// TestFormsKeepWhatWasTyped: each form that a mistake can be made in is shown
// again with it at its field and with all that was typed, as a dialog and as a
// message; put right, it does what it says.
func TestFormsKeepWhatWasTyped(t *testing.T) {
	const typed = "something long that nobody wants to type twice"
	forms := []struct {
		form, ask string         // ask is typed for the form; "" has no such verb
		wrong     map[string]any // with one mistake
		keeps     []string
		right     map[string]any // instead
		done      func(inc *incident.Incident) bool
	}{
		{"action", "action add 1", map[string]any{"title": typed, "owner": "nobody known"}, []string{typed, "nobody known"}, map[string]any{"owner": "eko@example.com"}, func(inc *incident.Incident) bool {
			return len(inc.Actions) == 1 && inc.Actions[0].Title == typed && inc.Actions[0].Owner.ID == "eko@example.com"
		}},
		{"update", "update 1", map[string]any{"customers": typed, "text": "rolling back", "next_update": "soon"}, []string{typed, "rolling back", "soon"}, map[string]any{"next_update": "in 1h"}, func(inc *incident.Incident) bool {
			return inc.Update != nil && inc.Update.Customers == typed && inc.Update.Doing == "rolling back" && !inc.Update.Next.IsZero()
		}},
		{"page", "page 1", map[string]any{"who": "<nobody>", "reason": typed}, []string{typed}, map[string]any{"who": "eko@example.com"}, func(inc *incident.Incident) bool {
			return len(inc.Pages) == 1 && inc.Pages[0].Person.ID == "eko@example.com" && inc.Pages[0].Reason == typed
		}},
		{"time", "time 1", map[string]any{"impact_started_at": "soon", "reason": typed}, []string{typed, "soon"}, map[string]any{"impact_started_at": "00:01"}, func(inc *incident.Incident) bool {
			return !inc.Times.ImpactStarted.IsZero()
		}},
		{"link", "link 1", map[string]any{"parent": "INC-99", "kind": "cascade"}, []string{"INC-99"}, map[string]any{"parent": "2", "parent_other": "2"}, func(inc *incident.Incident) bool {
			return inc.Link != nil && inc.Link.Parent == 2
		}},
	}
	for _, dialogs := range []bool{false, true} {
		for _, f := range forms {
			t.Run(map[bool]string{false: "message ", true: "dialog "}[dialogs]+f.form, func(t *testing.T) {
				r := newRig(t, func(c *bot.Config) { c.Dialogs = dialogs })
				r.install(r.ani)
				r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
				r.say(r.ani, r.payments, "declare Search is slow service:finder")
				var press func(inputs map[string]any) *botframeworksim.InvokeResponse
				if dialogs {
					card := r.card(1, r.payments, r.payments)
					shown, err := r.teams.TaskSubmit(t.Context(), r.ani, r.payments, card.ID, map[string]any{"verb": "form", "form": f.form, "incident": "INC-1"})
					must(t, err)
					press = func(inputs map[string]any) *botframeworksim.InvokeResponse {
						out, err := r.teams.PressTask(t.Context(), r.ani, r.payments, card.ID, shown, botframeworksim.Press{Inputs: inputs})
						must(t, err)
						shown = out
						return out
					}
				} else {
					form := r.answered(r.ani, r.payments, f.ask, `"verb":"submit"`)
					press = func(inputs map[string]any) *botframeworksim.InvokeResponse {
						out, err := r.teams.Click(t.Context(), r.ani, r.payments, form.ID, botframeworksim.Press{Verb: "submit", Inputs: inputs})
						must(t, err)
						return out
					}
				}
				again := press(f.wrong)
				if !bytes.Contains(again.Card, []byte("⚠️")) || f.done(r.get(1).Incident) {
					t.Fatalf("with a mistake: %s", again.Body)
				}
				for _, s := range f.keeps {
					if !bytes.Contains(again.Card, []byte(s)) {
						t.Errorf("%q is gone: %s", s, again.Card)
					}
				}
				right := maps.Clone(f.wrong)
				maps.Copy(right, f.right)
				out := press(right)
				r.settle()
				if !f.done(r.get(1).Incident) || strings.Contains(string(out.Body), "⚠️ ") && f.form != "page" {
					t.Errorf("put right: %s", out.Body)
				}
			})
		}
	}
}
