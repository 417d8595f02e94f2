package bot_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"imbot/bot"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
)

const (
	isCard = "application/vnd.microsoft.card.adaptive"
	isText = "application/vnd.microsoft.activity.message"
)

// press sends what a button of a card sends, by the button's data.
func (r *rig) press(user, conv, post string, data map[string]any) *botframeworksim.InvokeResponse {
	r.t.Helper()
	return r.invoke(user, conv, post, "adaptiveCard/action", map[string]any{
		"action": map[string]any{"type": "Action.Execute", "verb": data["verb"], "data": data}, "trigger": "manual",
	})
}

func (r *rig) invoke(user, conv, post, name string, value any) *botframeworksim.InvokeResponse {
	r.t.Helper()
	r.advance(1)
	kind := "channel"
	if strings.HasPrefix(conv, "a:") {
		kind = "personal"
	}
	d := r.send(r.activity("invoke", conv, map[string]any{
		"id": fmt.Sprintf("f:%d", r.Now().UnixNano()), "from": map[string]any{"id": user}, "name": name, "value": value, "replyToId": post, "locale": "en-US",
		"conversation": map[string]any{"id": conv, "conversationType": kind, "tenantId": tenant},
	}))
	out := &botframeworksim.InvokeResponse{Delivery: d}
	var body struct {
		StatusCode int             `json:"statusCode"`
		Type       string          `json:"type"`
		Value      json.RawMessage `json:"value"`
		Task       struct {
			Type  string          `json:"type"`
			Value json.RawMessage `json:"value"`
		} `json:"task"`
	}
	if d.Status != 200 || json.Unmarshal(d.Body, &body) != nil {
		r.t.Fatalf("%s: %d %s", name, d.Status, d.Body)
	}
	out.StatusCode, out.Type, out.Task = body.StatusCode, body.Type, body.Task.Type
	switch {
	case body.Type == isCard:
		out.Card = body.Value
	case body.Type == isText:
		must(r.t, json.Unmarshal(body.Value, &out.Text))
	case out.Task == "message":
		must(r.t, json.Unmarshal(body.Task.Value, &out.Text))
	case out.Task == "continue":
		var v struct {
			Title string `json:"title"`
			Card  struct {
				Content json.RawMessage `json:"content"`
			} `json:"card"`
		}
		must(r.t, json.Unmarshal(body.Task.Value, &v))
		out.Title, out.Card = v.Title, v.Card.Content
	}
	return out
}

// TestButtons: every button of the incident's card, by who presses it.
func TestButtons(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	card := r.card(1, r.payments, r.payments)
	inc := func() *incident.Incident { return r.get(1).Incident }
	click := func(user string, p botframeworksim.Press) *botframeworksim.InvokeResponse {
		t.Helper()
		out, err := r.teams.Click(t.Context(), user, r.payments, card.ID, p)
		if err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
		return out
	}
	calls := len(r.teams.Calls())
	out := click(r.budi, botframeworksim.Press{Verb: "ack"})
	if out.Type != isCard || out.StatusCode != 200 || !bytes.Contains(out.Card, []byte("Budi")) || inc().AcknowledgedBy.ID != "budi@example.com" {
		t.Errorf("ack: %s", out.Body)
	}
	for _, c := range r.teams.Calls()[calls:] {
		if c.Op != "member" {
			t.Errorf("the answer needed the call %s", c.Op)
		}
	}
	r.settle()
	if got := r.card(1, r.payments, r.payments); len(got.History) != 1 || !got.Contains("Budi") {
		t.Errorf("after one change the card was updated %d times", len(got.History))
	}
	// Whoever has not seen the update presses the same button: no error, but the
	// present card.
	out = click(r.eko, botframeworksim.Press{Verb: "ack", Version: 1})
	if out.Type != isCard || !bytes.Contains(out.Card, []byte("Budi")) || inc().AcknowledgedBy.ID != "budi@example.com" {
		t.Errorf("stale ack: %s", out.Body)
	}
	if out = click(r.eko, botframeworksim.Press{Verb: "assign_me"}); out.Type != isCard || inc().Commander.ID != "eko@example.com" {
		t.Errorf("assign_me: %s", out.Body)
	}
	if out = click(r.vera, botframeworksim.Press{Verb: "resolve"}); out.Type != isText || !strings.Contains(out.Text, "read only") || !inc().Active() {
		t.Errorf("resolve by a viewer: %s", out.Body)
	}
	if out = click(r.budi, botframeworksim.Press{Verb: "resolve"}); out.Type != isCard || inc().Active() {
		t.Errorf("resolve: %s", out.Body)
	}
	r.settle()
	if out = click(r.budi, botframeworksim.Press{Verb: "ack", Version: 1}); out.Type != isCard || !bytes.Contains(out.Card, []byte("PULIH")) {
		t.Errorf("ack of a resolved one: %s", out.Body)
	}
	if out = click(r.budi, botframeworksim.Press{Verb: "reopen"}); out.Type != isCard || !inc().Active() {
		t.Errorf("reopen: %s", out.Body)
	}
	r.say(r.ani, r.payments, "resolve 1")
	r.say(r.ani, r.payments, "action 1 add raise the limit")
	if out = click(r.budi, botframeworksim.Press{Verb: "action_done"}); out.Type != isCard || len(inc().OpenActions()) != 0 {
		t.Errorf("action_done: %s", out.Body)
	}
	for _, data := range []map[string]any{
		{"verb": "retry", "incident": "INC-1"}, {"verb": "show", "incident": "INC-1"}, {"verb": "refresh", "incident": "INC-1"},
	} {
		if out := r.press(r.budi, r.payments, card.ID, data); out.Type != isCard || !bytes.Contains(out.Card, []byte("Checkout is down")) {
			t.Errorf("%v: %s", data, out.Body)
		}
	}
	for _, data := range []map[string]any{
		{"verb": "ack", "incident": "INC-99"}, {"verb": "ack"}, {"verb": "explode", "incident": "INC-1"}, {"verb": "ack", "incident": []any{}}, {},
	} {
		if out := r.press(r.budi, r.payments, card.ID, data); out.Type != isText || out.Text == "" || out.StatusCode != 200 {
			t.Errorf("%v: %s", data, out.Body)
		}
	}
	r.settle()
	updates := r.teams.UpdateCount(r.payments)
	r.settle()
	if r.teams.UpdateCount(r.payments) != updates {
		t.Error("the card is updated without a change")
	}
}

// TestForms: each form, opened by a button, with errors and without.
func TestForms(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	conv := r.teams.Personal(r.ani)
	r.say(r.ani, conv, "declare Checkout is down service:checkout")
	status := func() incident.Status { return r.get(1).Incident.Status }
	long := strings.Repeat("x", 4001)
	for _, tt := range []struct {
		form   string
		inputs map[string]any
		want   []string // in the answer's card
		check  func() bool
	}{
		{"note", map[string]any{"text": ""}, []string{"Note for INC-1", "⚠️"}, func() bool { return r.count(1, incident.EvNote) == 0 }},
		{"note", nil, []string{"Note for INC-1", "⚠️"}, func() bool { return r.count(1, incident.EvNote) == 0 }},
		{"note", map[string]any{"text": long}, []string{"at most 4000", "xxx"}, func() bool { return r.count(1, incident.EvNote) == 0 }},
		{"note", map[string]any{"text": "Restarted."}, []string{"Noted on INC-1"}, func() bool { return r.count(1, incident.EvNote) == 1 }},
		{"level", map[string]any{"level": "nonsense", "reason": "typed before"}, []string{"Level of INC-1", "⚠️", "typed before"}, nil},
		{"level", map[string]any{"level": "other", "reason": "No users."}, []string{"INC-1 is now: Other"}, func() bool { return r.get(1).Incident.Level == "other" }},
		{"level", map[string]any{"level": "service-down"}, []string{"INC-1 is now"}, nil},
		{"waive", map[string]any{"waive": "too early"}, []string{"resolve it first", "too early"}, func() bool { return status() == incident.Open }},
		{"resolve", map[string]any{"text": "Limit raised."}, []string{"INC-1 is resolved"}, func() bool { return status() == incident.Resolved }},
		{"action", map[string]any{"title": "raise the limit", "due": "soon", "owner": "budi@example.com"}, []string{"Action for INC-1", "⚠️", "raise the limit", "budi@example.com"}, nil},
		{"action", map[string]any{"title": "raise the limit", "due": "2030-01-31", "owner": "budi@example.com"}, []string{"actions of INC-1 are saved"}, func() bool { return len(r.get(1).Incident.Actions) == 1 }},
		{"declare", map[string]any{"title": "", "service": "finder"}, []string{"Declare an incident", "⚠️"}, nil},
		{"declare", map[string]any{"title": "Search is slow", "service": "finder"}, []string{"INC-2 is declared"}, func() bool { return r.get(2).Incident.Service == "finder" }},
		{"waive", map[string]any{"waive": ""}, []string{"Close INC-1 without RCA", "⚠️"}, nil},
		{"waive", map[string]any{"waive": "A drill."}, []string{"INC-1 is closed"}, func() bool { return status() == incident.Closed }},
	} {
		t.Run(tt.form, func(t *testing.T) {
			data := map[string]any{"verb": "form", "form": tt.form}
			if tt.form != "declare" {
				data["incident"] = "INC-1"
			}
			before := len(r.teams.Posts(conv))
			if out := r.press(r.ani, conv, "", data); out.Type != isText {
				t.Fatalf("opening it: %s", out.Body)
			}
			r.settle()
			post := r.teams.Posts(conv)[before:]
			if len(post) != 1 || !post[0].Contains("submit") {
				t.Fatalf("the form is %s", texts(post))
			}
			data["verb"], data["op"] = "submit", "save"
			for k, v := range tt.inputs {
				data[k] = v
			}
			out := r.press(r.ani, conv, post[0].ID, data)
			for _, w := range tt.want {
				if out.Type != isCard || !bytes.Contains(out.Card, []byte(w)) {
					t.Errorf("the answer is %s, want %q", out.Body, w)
				}
			}
			r.settle()
			if tt.check != nil && !tt.check() {
				t.Error("not done")
			}
		})
	}
	if out := r.press(r.ani, conv, "", map[string]any{"verb": "form", "form": "resolve", "incident": "INC-77"}); out.Type != isText || !strings.Contains(out.Text, "INC-77") {
		t.Errorf("a form of nothing: %s", out.Body)
	}
	if out := r.press(r.eko, r.payments, "", map[string]any{"verb": "form", "form": "level", "incident": "INC-1"}); out.Type != isText || !strings.Contains(out.Text, "Only the commander") {
		t.Errorf("a form whose command would be refused: %s", out.Body)
	}
}

// TestRCASteps: next, back, save and finish.
func TestRCASteps(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	conv := r.teams.Personal(r.ani)
	r.say(r.ani, conv, "declare Checkout is down service:checkout")
	r.say(r.ani, conv, "resolve 1")
	submit := func(step, op string, inputs map[string]any, want ...string) {
		t.Helper()
		data := map[string]any{"verb": "submit", "form": "rca", "incident": "INC-1", "step": step, "op": op}
		for k, v := range inputs {
			data[k] = v
		}
		out := r.press(r.ani, conv, "", data)
		for _, w := range want {
			if out.Type != isCard || !bytes.Contains(out.Card, []byte(w)) {
				t.Errorf("%s of step %s: %s, want %q", op, step, out.Body, w)
			}
		}
	}
	rca := func() incident.RCA { return r.get(1).Incident.Postmortem.RCA }
	submit("1", "next", map[string]any{"summary": "one", "impact": "two", "detection": ""}, "Step 2 of 3")
	submit("2", "back", map[string]any{"root_cause": "three", "category": "", "five_whys": "", "contributing_factors": ""}, "Step 1 of 3", "one", "two")
	submit("1", "next", map[string]any{"summary": strings.Repeat("x", 4001)}, "Step 1 of 3", "at most 4000", "xxxx")
	submit("1", "save", map[string]any{"summary": "one and a half"}, "draft of INC-1 is saved")
	if got := rca(); got.Summary != "one and a half" || got.Impact != "two" || got.RootCause != "three" {
		t.Errorf("the draft is %+v", got)
	}
	submit("3", "finish", map[string]any{"resolution_steps": "four", "detected_at": "nonsense"}, "Step 3 of 3", "nonsense", "⚠️", "four")
	submit("3", "finish", map[string]any{"resolution_steps": "four"}, "Step 2 of 3", "Needed to finish.")
	if got := rca(); got.ResolutionSteps != "four" || r.get(1).Incident.Status != incident.Resolved {
		t.Errorf("after finishing too early: %+v", got)
	}
	submit("2", "next", map[string]any{"root_cause": "three", "category": "code"}, "Step 3 of 3", "four")
	submit("3", "finish", map[string]any{"resolution_steps": "four"}, "INC-1 is closed")
	if r.get(1).Incident.Status != incident.Closed {
		t.Error("not closed")
	}
	submit("7", "next", nil, "Step 3 of 3")
}

// TestDialogs: the same forms, where buttons open dialogs.
func TestDialogs(t *testing.T) {
	r := newRig(t, func(c *bot.Config) { c.Dialogs = true })
	r.install(r.ani)
	r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	card := r.card(1, r.payments, r.payments)
	out, err := r.teams.TaskFetch(t.Context(), r.budi, r.payments, card.ID, botframeworksim.Press{Title: "Note"})
	must(t, err)
	if out.Task != "continue" || out.Title == "" || bytes.Contains(out.Card, []byte("Action.Execute")) || !bytes.Contains(out.Card, []byte("Action.Submit")) {
		t.Errorf("the dialog is %s", out.Body)
	}
	submit := func(data map[string]any) *botframeworksim.InvokeResponse {
		t.Helper()
		out, err := r.teams.TaskSubmit(t.Context(), r.budi, r.payments, card.ID, data)
		must(t, err)
		return out
	}
	note := map[string]any{"verb": "submit", "form": "note", "incident": "INC-1", "op": "save", "text": ""}
	if out := submit(note); out.Task != "continue" || !bytes.Contains(out.Card, []byte("⚠️")) || bytes.Contains(out.Card, []byte("Action.Execute")) {
		t.Errorf("an empty note: %s", out.Body)
	}
	note["text"] = "Restarted."
	if out := submit(note); out.Task != "message" || !strings.Contains(out.Text, "INC-1") || r.count(1, incident.EvNote) != 1 {
		t.Errorf("a note: %s", out.Body)
	}
	// The steps of the RCA follow one another in the same dialog.
	r.say(r.ani, r.payments, "resolve 1")
	card = r.card(1, r.payments, r.payments)
	step, err := r.teams.TaskFetch(t.Context(), r.ani, r.payments, card.ID, botframeworksim.Press{Title: "Write RCA"})
	must(t, err)
	for i, inputs := range []map[string]any{{"summary": "The pool ran dry."}, {"root_cause": "A leak"}} {
		step, err = r.teams.PressTask(t.Context(), r.ani, r.payments, card.ID, step, botframeworksim.Press{Title: "Save & next", Inputs: inputs})
		must(t, err)
		if step.Task != "continue" || !bytes.Contains(step.Card, []byte(fmt.Sprintf("Step %d of 3", i+2))) {
			t.Fatalf("after step %d: %s", i+1, step.Body)
		}
	}
	step, err = r.teams.PressTask(t.Context(), r.ani, r.payments, card.ID, step, botframeworksim.Press{Title: "Finish & close", Inputs: map[string]any{"lessons": "Watch the pool.", "detected_at": "late"}})
	must(t, err)
	if rca := r.get(1).Incident.Postmortem.RCA; step.Task != "continue" || !bytes.Contains(step.Card, []byte("⚠️")) || rca.Summary != "The pool ran dry." || rca.RootCause != "A leak" || rca.Lessons != "Watch the pool." {
		t.Errorf("what is missing: %s, kept: %+v", step.Body, rca)
	}
	if step, err = r.teams.PressTask(t.Context(), r.ani, r.payments, card.ID, step, botframeworksim.Press{Title: "Save draft", Inputs: map[string]any{}}); err != nil || step.Task == "" {
		t.Errorf("saved for later: %s, %v", step.Body, err)
	}
	r.say(r.ani, r.payments, "reopen 1")
	if out := submit(map[string]any{"verb": "show", "incident": "INC-1"}); out.Task != "message" || out.Text == "" {
		t.Errorf("show in a dialog: %s", out.Body)
	}
	if out := submit(map[string]any{"verb": "form", "form": "rca", "incident": "INC-99"}); out.Task != "message" || !strings.Contains(out.Text, "INC-99") {
		t.Errorf("a dialog about nothing: %s", out.Body)
	}
	long := map[string]any{"verb": "submit", "form": "level", "incident": "INC-1", "op": "save", "level": "other"}
	out, err = r.teams.TaskSubmit(t.Context(), r.eko, r.payments, card.ID, long)
	if err != nil || out.Task != "message" || !strings.Contains(out.Text, "Only the commander") {
		t.Errorf("a forbidden submit: %v %s", err, out.Body)
	}
}

// TestShownOnRequest: a card that no effect keeps up to date is brought up to
// date for everybody, in their language; the incident's own card is not updated
// twice.
func TestShownOnRequest(t *testing.T) {
	r := newRig(t)
	r.install(r.ani)
	r.say(r.ani, r.payments, "connect payments") // whose language is Indonesian
	r.say(r.ani, r.payments, "declare Checkout is down service:checkout")
	shown := r.say(r.ani, r.payments, "show 1")
	if len(shown) != 1 || shown[0].Card() == nil {
		t.Fatalf("shown: %s", texts(shown))
	}
	out, err := r.teams.Click(t.Context(), r.eko, r.payments, shown[0].ID, botframeworksim.Press{Verb: "ack"})
	must(t, err)
	if !bytes.Contains(out.Card, []byte("Eko has it")) {
		t.Errorf("whoever pressed sees %s", out.Card)
	}
	r.settle()
	for _, p := range r.teams.Posts(r.payments) {
		if p.ID == shown[0].ID && (len(p.History) != 1 || !p.Contains("Ditangani Eko")) {
			t.Errorf("the others see, after %d updates, %s", len(p.History), p.Card())
		}
	}
	card := r.card(1, r.payments, r.payments)
	if len(card.History) != 1 {
		t.Errorf("the incident's own card was updated %d times", len(card.History))
	}
	_, err = r.teams.Click(t.Context(), r.eko, r.payments, card.ID, botframeworksim.Press{Verb: "resolve"})
	must(t, err)
	r.settle()
	if card = r.card(1, r.payments, r.payments); len(card.History) != 2 {
		t.Errorf("the incident's own card was updated %d times by one button", len(card.History)-1)
	}
	// It becomes private by a form in the channel: nothing stays, on no card.
	level := map[string]any{"verb": "submit", "form": "level", "incident": "INC-1", "op": "save", "level": "security", "reason": "secret"}
	r.say(r.ani, r.payments, "reopen 1")
	if out := r.press(r.ani, r.payments, shown[0].ID, level); bytes.Contains(out.Body, []byte("Checkout")) || bytes.Contains(out.Body, []byte("secret")) {
		t.Errorf("the form's place shows %s", out.Body)
	}
	if out := r.press(r.ani, r.payments, shown[0].ID, level); bytes.Contains(out.Body, []byte("Checkout")) || out.Type != isText {
		t.Errorf("a form of what is private: %s", out.Body)
	}
	level["level"] = ""
	if out := r.press(r.ani, r.payments, shown[0].ID, level); bytes.Contains(out.Body, []byte("Checkout")) {
		t.Errorf("a wrong form of what is private: %s", out.Body)
	}
}
