package cards

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/changes"
	"imbot/commands"
	"imbot/incident"
	"imbot/query"
)

// worst are texts that grow the most on their way into a card.
var worst = []string{"😀", `\`, `"`, "*", "\u2028", "\x01", "\n", "\t", "{{", "](", "<a", "\xff", "_ ", "&;", "a"}

// full returns s as often as n runes hold it.
func full(s string, n int) string { return strings.Repeat(s, n/len([]rune(s))) }

// stuffed is an incident with more of everything than there can be.
func stuffed(t testing.TB, s string) *query.View {
	w := resolved(t)
	inc := w.Inc
	title, long := full(s, incident.MaxTitle), full(s, incident.MaxText)
	who := incident.Actor{Kind: incident.KindUser, ID: long, Name: long}
	inc.Title, inc.Description, inc.ServiceName, inc.Squad, inc.LevelRule = title, long, long, long, long
	inc.AcknowledgedBy, inc.ResolvedBy, inc.Commander, inc.DefaultChan, inc.Shadow, inc.Recurrences, inc.Episode = who, who, who, true, true, 1e9, 1e9
	inc.Alert.Priority = long
	inc.Link = &incident.Link{Kind: incident.LinkCascade, Parent: 1 << 60, Evidence: []string{long, long}}
	pm := &inc.Postmortem
	pm.Reason = long
	pm.RCA = incident.RCA{
		Summary: long, Impact: long, Detection: long, RootCause: long, Category: long, FiveWhys: []string{long, long, long}, ContributingFactors: long,
		ResolutionSteps: long, Lessons: long,
	}
	v := w.View()
	for i := range 100 {
		inc.Responders = append(inc.Responders, who)
		inc.Actions = append(inc.Actions, incident.Action{N: i + 1, Title: title, Owner: who, Due: long})
		inc.Children = append(inc.Children, incident.Child{ID: incident.ID(i), Kind: incident.LinkCascade})
		v.Links = append(v.Links, incident.LinkURL{Title: long, URL: fmt.Sprintf("https://a%d.example/%s", i, full("x", 1900))})
		v.Trouble = append(v.Trouble, incident.EffectState{Effect: incident.Effect{Kind: title}, State: incident.EffectDead, Error: long})
		v.Levels = append(v.Levels, incident.Level{Key: full("k", 60) + fmt.Sprint(i), Title: long})
	}
	for i := range 9 {
		v.Changes = append(v.Changes, query.ChangeClaim{
			Change: changes.Change{
				Source: changes.SourcePagerDuty, ID: full("x", changes.MaxID), Service: long, Title: full(s, changes.MaxTitle), Version: full(s, changes.MaxVersion), By: full(s, changes.MaxBy),
				URL: fmt.Sprintf("https://a%d.example/%s", i, full("x", 1900)), At: t0,
			},
			Callee: true, ServiceName: long, DecidedBy: who, Verdict: []string{query.VerdictCause, query.VerdictNot, ""}[i%3],
		})
	}
	inc.Link.By, inc.Link.Rule, inc.Link.Began = who, long, t0
	inc.LinkWas = &incident.LinkWas{Link: inc.Link, By: who, At: t0}
	inc.Openings, inc.MoreChildren, inc.NoticeGap, inc.Maintenance = 1e9, 1e9, incident.GapMaintenance, long
	rel := query.Related{ID: 1 << 60, Title: title, Status: incident.Open, Level: incident.Level{Key: long, Title: long}, Service: long, OpenedAt: t0, Link: inc.Link}
	v.Parent, v.BurstSize, v.Muted = &rel, 1e9, &query.Muted{Name: long, Mute: incident.Mute{Service: long, Until: t0, Reason: long, By: who}}
	for range 20 {
		inc.Link.Path = append(inc.Link.Path, incident.Via{From: long, To: long, Source: long, SeenAt: t0})
		v.Children, v.Burst = append(v.Children, rel), append(v.Burst, rel)
		v.Similar = append(v.Similar, query.Similar{Related: rel, ResolvedAt: t0, Lasted: time.Hour, Cause: long, Fix: long})
	}
	v.Service.Name, v.Squad.Name, v.Owner.Name, v.Level.Title = long, long, long, long
	v.Page = "https://imbot.example.com/" + full("x", 1900) + inc.ID.String()
	return v
}

func manyRules(name string) []incident.RuleStats {
	return slices.Repeat([]incident.RuleStats{{Rule: name, Made: 1e9, Wrong: 1e9}}, len(incident.LinkRules))
}

func TestWorstCase(t *testing.T) {
	most := 0
	for _, s := range worst {
		v := stuffed(t, s)
		long := full(s, incident.MaxText)
		errs, values := map[string]string{"": long, "no": long}, map[string]string{}
		for _, f := range []string{"title", "service", "service_other", "owner", "due", "text", "level", "reason", "waive"} {
			values[f], errs[f] = long, long
		}
		for step := 1; step <= RCASteps; step++ {
			for _, f := range RCAFields(step) {
				errs[f] = long
			}
		}
		o := Options{}
		for range 2 * maxMentions {
			o.Mentions = append(o.Mentions, Mention{ID: full("x", 200), Name: long})
		}
		var services []Choice
		for i := range 1500 {
			services = append(services, Choice{Title: full(s, 255), Value: fmt.Sprint("service-", i)})
		}
		o.BotName = full(s, 255)
		page := query.Page{Next: "x"}
		var rows []commands.HelpRow
		for range query.MaxLimit {
			page.Incidents = append(page.Incidents, v)
			rows = append(rows, commands.HelpRow{Verb: long, Usage: long, Example: long, Common: true})
		}
		all := map[string]Card{
			"list": List(page, long, o), "help": Help(rows, o), "message": Message(strings.Repeat(long+"\n", 100), o),
			"declare": DeclareForm(values, errs, services, o), "action": ActionForm(v, values, errs, o), "note": NoteForm(v, values, errs, o),
			"link": LinkForm(v, values, errs, services, o), "similar": Similar(v, v.Similar, o), "relatives": Relatives(v, v.Children, 0, 1<<60, long, o),
			"stats": LinkStats(query.LinkFigures{Since: t0, Rules: manyRules(long), Kinds: figures.Kinds}, o), "mutes": Mutes(slices.Repeat([]query.Muted{*v.Muted}, 50), o),
			"level": LevelForm(v, values, errs, o), "waive": WaiveForm(v, values, errs, o), "resolve": ResolveForm(v, values, errs, o),
		}
		for step := 1; step <= RCASteps; step++ {
			all[fmt.Sprint("rca", step)] = RCAForm(v, step, nil, errs, o)
		}
		for _, status := range []incident.Status{incident.Open, incident.Resolved, incident.Closed} {
			for _, state := range []string{incident.PostmortemComplete, incident.PostmortemWaived} {
				for _, dialogs := range []bool{false, true} {
					c := *v
					c.Incident = v.Incident.Clone()
					c.Incident.Status, c.Incident.Postmortem.State = status, state
					if status == incident.Open {
						c.Incident.Intervals = append(c.Incident.Intervals, incident.Interval{From: t0.Add(time.Hour)})
					}
					o.Dialogs = dialogs
					all[fmt.Sprint("incident ", status, state, dialogs)] = Incident(&c, o)
				}
			}
		}
		for name, card := range all {
			raw, err := card.JSON()
			if err != nil {
				t.Errorf("%s full of %q: %v", name, s, err)
			}
			most = max(most, Size(raw))
		}
	}
	t.Logf("the largest card takes %d of %d bytes", most, MaxSize)
}

// TestDraftSurvives: a prefilled form holds all that was saved, so that saving
// it again loses nothing.
func TestDraftSurvives(t *testing.T) {
	for _, s := range []string{"😀", `"`, "a\n", "é"} {
		long := strings.TrimSpace(full(s, incident.MaxText))
		v := resolved(t).View()
		v.Incident.Postmortem.RCA = incident.RCA{Summary: long, Impact: long, Detection: long}
		got := map[string]string{}
		for _, e := range RCAForm(v, 1, nil, nil, Options{}).Body {
			if in, ok := e.(inputText); ok {
				got[in.ID] = in.Value
			}
		}
		for _, f := range RCAFields(1) {
			if got[f] != long {
				t.Errorf("%s of %d × %q: %d bytes of %d are left", f, incident.MaxText, s, len(got[f]), len(long))
			}
		}
	}
}

func TestTooBig(t *testing.T) {
	c := (&maker{}).card("x", text(md(full("a", MaxSize/2))))
	if _, err := c.JSON(); !errors.Is(err, ErrTooBig) {
		t.Errorf("JSON() = %v, want ErrTooBig", err)
	}
}

func TestSize(t *testing.T) {
	for in, want := range map[string]int{"": 0, "abc": 6, "é": 2, "😀": 4, "\xff": 2} {
		if got := Size([]byte(in)); got != want {
			t.Errorf("Size(%q) = %d, want %d", in, got, want)
		}
	}
}
