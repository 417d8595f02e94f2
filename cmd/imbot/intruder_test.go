package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"imbot/bot"
	"imbot/commands"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/query"
)

// press is a button of a card, or of a form with all of its inputs filled in.
type press struct {
	verb string
	data map[string]any
}

// presses collects every button of every card that imbot has shown in these
// conversations, also on those that were replaced since.
func (c *tappedOffice) presses(conversations ...string) []press {
	found := map[string]press{}
	for _, conv := range conversations {
		for _, p := range c.teams.Posts(conv) {
			for _, a := range append(slices.Clone(p.History), p.Activity) {
				for _, at := range a.Attachments {
					var card any
					if json.Unmarshal(at.Content, &card) == nil {
						collect(card, filledIn(card), found)
					}
				}
			}
		}
	}
	var out []press
	for _, key := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[key])
	}
	return out
}

func collect(node any, inputs map[string]any, found map[string]press) {
	switch n := node.(type) {
	case []any:
		for _, v := range n {
			collect(v, inputs, found)
		}
	case map[string]any:
		if data, ok := n["data"].(map[string]any); ok && strings.HasPrefix(fmt.Sprint(n["type"]), "Action.") {
			p := press{fmt.Sprint(data["verb"]), maps.Clone(data)}
			maps.Copy(p.data, inputs)
			key, _ := json.Marshal(p.data)
			found[string(key)] = p
		}
		for _, v := range n {
			collect(v, inputs, found)
		}
	}
}

// filledIn are values for the inputs of a card that imbot accepts.
func filledIn(node any) map[string]any {
	out := map[string]any{}
	switch n := node.(type) {
	case []any:
		for _, v := range n {
			maps.Copy(out, filledIn(v))
		}
	case map[string]any:
		id, _ := n["id"].(string)
		switch n["type"] {
		case "Input.Text":
			out[id] = "typed by an intruder"
			if known := map[string]string{
				"who": "dba", "owner": "ani@example.com", "due": "2026-04-01", "next_update": "23:00", "parent_other": "INC-1",
				"impact_started_at": "2026-03-03 08:30", "detected_at": "2026-03-03 08:40", "mitigated_at": "2026-03-03 08:50",
			}; known[id] != "" {
				out[id] = known[id]
			}
		case "Input.Date":
			out[id] = "2026-04-01"
		case "Input.ChoiceSet":
			if choices, ok := n["choices"].([]any); ok && len(choices) > 0 {
				out[id] = choices[0].(map[string]any)["value"]
			}
		}
		for _, v := range n {
			maps.Copy(out, filledIn(v))
		}
	}
	return out
}

// ways are the activities by which Teams sends a press: of a card, of a client
// that knows no Action.Execute, of a dialog, and of one of the message extension.
func (p press) ways() []map[string]any {
	dialog := map[string]any{"data": p.data, "context": map[string]any{"theme": "default"}}
	out := []map[string]any{
		{"type": "invoke", "name": "adaptiveCard/action", "value": map[string]any{
			"action": map[string]any{"type": "Action.Execute", "title": "x", "verb": p.verb, "data": p.data}, "trigger": "manual",
		}},
		{"type": "message", "value": p.data},
		{"type": "invoke", "name": "task/fetch", "value": dialog},
		{"type": "invoke", "name": "task/submit", "value": dialog},
	}
	for _, command := range []string{bot.CommandDeclare, bot.CommandTimeline} {
		out = append(out, map[string]any{"type": "invoke", "name": botframework.ExtensionSubmitAction, "value": map[string]any{
			"commandId": command, "commandContext": "message", "data": p.data, "context": map[string]any{"theme": "default"},
		}})
	}
	return out
}

// send delivers an activity of a person in a conversation as Teams would, but
// with whatever the test wants to stand in it, and returns the answer.
func (c *tappedOffice) send(user, conv string, change map[string]any) string {
	c.t.Helper()
	if c.envelopes[user+conv] == nil {
		d, err := c.teams.Say(c.t.Context(), user, conv, "help", botframeworksim.SayOptions{Mention: true})
		must(c.t, err)
		c.envelopes[user+conv] = d.Activity
	}
	var a map[string]any
	must(c.t, json.Unmarshal(c.envelopes[user+conv], &a))
	c.sent++
	a["id"] = fmt.Sprintf("f:sent-%d", c.sent)
	delete(a, "text")
	delete(a, "entities")
	maps.Copy(a, change)
	raw, err := json.Marshal(a)
	must(c.t, err)
	d, err := c.teams.Send(c.t.Context(), raw)
	if err != nil || d.Status != http.StatusOK {
		c.t.Fatalf("%s was answered %d, %v", raw, d.Status, err)
	}
	return string(d.Body)
}

// state is all that is stored of an incident.
func (c *tappedOffice) state(id incident.ID) string {
	c.t.Helper()
	v, err := c.app.reader.Get(c.t.Context(), query.Self, id, true)
	must(c.t, err)
	b, err := json.Marshal([]any{v.Incident, v.Timeline})
	must(c.t, err)
	return string(b)
}

// intruder is somebody who may not know of a private incident, at least where
// they are, and tries.
type intruder struct {
	*tappedOffice
	phase, name string
	id          incident.ID
	word        string
	places      []string // conversations; nil: their 1:1 chat and the channel
}

func (i *intruder) where() []string {
	if i.places != nil {
		return i.places
	}
	return []string{i.own(i.name), i.channel}
}

// shown reports what the intruder is shown, if the word is in it.
func (i *intruder) shown(where, text string) {
	i.t.Helper()
	if strings.Contains(plain(text), i.word) {
		i.t.Errorf("%s: %s is shown %q by %s: %s", i.phase, i.name, i.word, where, text)
	}
}

// tries everything, and reports if the incident is changed by it.
func (i *intruder) tries(presses []press) {
	i.t.Helper()
	before := i.state(i.id)
	i.types()
	i.presses(presses)
	i.extends()
	if i.places == nil {
		i.browses()
		i.calls()
	}
	if after := i.state(i.id); after != before {
		i.t.Errorf("%s: %s has changed it:\n%s\n%s", i.phase, i.name, before, after)
	}
	i.settle(10 * time.Minute) // what is said to them, at the pace that Teams allows
}

// types says all that can be said of an incident, here of INC-2.
func (i *intruder) types() {
	i.t.Helper()
	for _, text := range []string{
		"show 2", "ack 2", "unack 2", "note 2 hello", "similar 2", "update 2 all is well", "subscribe 2", "unsubscribe 2", "page 2 dba hello", "page 2 me",
		"room 2", "room 2 join", "room 2 add me", "room 2 rename x", "room 2 split", "remind 2 snooze 1h", "remind 2 stop", "member 2 add me", "member 2 remove budi@example.com",
		"public 2 because", "rca 2", "rca 2 summary:x", "action 2 list", "action add 2 x", "action done 2 1", "assign 2 me", "assign 2 scribe me", "link 1 caused-by 2", "link 2 caused-by 1",
		"link 1 duplicate-of 2", "unlink 2", "undo 2", "retry 2", "close 2 waive:x", "level 2 other", "time 2 detected 08:30", "resolve 2", "reopen 2", "cause 2 x", "list", "list " + i.word,
	} {
		for _, conv := range i.where() {
			i.say(i.user(i.name), conv, strings.ReplaceAll(text, " 2", " "+strconv.FormatInt(int64(i.id), 10)))
		}
	}
}

// presses sends what the buttons and forms of the members' own cards send.
func (i *intruder) presses(all []press) {
	i.t.Helper()
	for _, conv := range i.where() {
		posts := i.teams.Posts(conv)
		for _, p := range all {
			for _, way := range p.ways() {
				way["replyToId"] = posts[len(posts)-1].ID
				i.shown(fmt.Sprint(way), i.send(i.user(i.name), conv, way))
			}
		}
	}
}

// extends uses the message extension, and pastes a link.
func (i *intruder) extends() {
	i.t.Helper()
	ctx, user := i.t.Context(), i.user(i.name)
	for _, conv := range i.where() {
		for _, words := range []string{i.word, i.id.String(), strconv.FormatInt(int64(i.id), 10), ""} {
			out, err := i.teams.Search(ctx, user, conv, bot.CommandFind, bot.ParameterWords, words, 0)
			must(i.t, err)
			for _, r := range out.Results {
				i.shown("search for "+words, r.Title+r.Text+string(r.Card))
			}
			if words == i.word && len(out.Results) > 0 {
				i.t.Errorf("%s: %s finds %d by %q", i.phase, i.name, len(out.Results), words)
			}
		}
		d, err := i.teams.Say(ctx, user, conv, "hm", botframeworksim.SayOptions{Mention: true})
		must(i.t, err)
		dialog, err := i.teams.MessageAction(ctx, user, conv, d.ActivityID, bot.CommandTimeline)
		must(i.t, err)
		i.shown("the dialog of the timeline", string(dialog.Body))
		if dialog.Task == "continue" { // in the incident's own room it is not asked which one is meant
			out, err := i.teams.SubmitAction(ctx, user, conv, bot.CommandTimeline, dialog, botframeworksim.Press{Inputs: map[string]any{"incident_other": i.id.String()}})
			must(i.t, err)
			i.shown("the submit of the timeline", string(out.Body))
		}
		i.shown("a link", i.link(i.user(i.name), conv, i.id))
	}
}

// link pastes the address of an incident.
func (c *tappedOffice) link(user, conv string, id incident.ID) string {
	return c.send(user, conv, map[string]any{"type": "invoke", "name": botframework.ExtensionQueryLink, "value": map[string]any{"url": "https://imbot.example.com/incidents/" + id.String()}})
}

// browses opens the pages, and sends the form of the RCA.
func (i *intruder) browses() {
	i.t.Helper()
	session, page := i.session(i.name), "/incidents/"+i.id.String()
	for _, path := range []string{"/", "/incidents", "/incidents?q=" + i.word, "/?q=" + i.id.String(), page, page + "/rca", page + "/postmortem.md"} {
		resp, body := i.page(path, session)
		i.shown("the page "+path, body)
		if strings.HasPrefix(path, page) && resp.StatusCode != http.StatusNotFound {
			i.t.Errorf("%s: GET %s: %s", i.phase, path, resp.Status)
		}
	}
	form := url.Values{"summary": {"typed by an intruder"}, "action_title": {"typed by an intruder"}, "op": {commands.OpFinish}}
	status, body := i.post(page+"/rca", "application/x-www-form-urlencoded", form.Encode(), session, "")
	i.shown("the form of the RCA", body)
	if status != http.StatusNotFound {
		i.t.Errorf("%s: POST %s/rca: %d", i.phase, page, status)
	}
}

// calls uses the API with an admin's token: tokens are members of nothing.
func (i *intruder) calls() {
	i.t.Helper()
	list := "/api/v1/incidents"
	at := list + "/" + i.id.String()
	for _, path := range []string{
		list, list + "?q=" + i.word, list + "?limit=100", at, at + "/timeline", at + "/similar", at + "/actions", at + "/postmortem", at + "/postmortem?format=markdown",
		"/metrics", "/readyz", "/healthz", "/api/v1/labels.csv", "/api/v1/stats/links", "/api/v1/mutes", "/api/v1/changes", "/api/v1/oncall?service=checkout",
	} {
		status, body := i.get(path)
		i.shown(path, body)
		if strings.HasPrefix(path, at) && status != http.StatusNotFound {
			i.t.Errorf("%s: GET %s: %d", i.phase, path, status)
		}
	}
	for _, body := range []string{
		`{"verb":"ack"}`, `{"verb":"unack"}`, `{"verb":"note","text":"x"}`, `{"verb":"resolve"}`, `{"verb":"reopen"}`, `{"verb":"retry"}`, `{"verb":"close","waive":"x"}`, `{"verb":"undo"}`,
		`{"verb":"level","level":"other"}`, `{"verb":"assign","person":"ani@example.com"}`, `{"verb":"member","op":"add","person":"ani@example.com"}`, `{"verb":"public","reason":"x"}`,
		`{"verb":"room"}`, `{"verb":"room","op":"add","person":"ani@example.com"}`, `{"verb":"page","who":"dba"}`, `{"verb":"update","text":"x"}`, `{"verb":"subscribe","person":"ani@example.com"}`,
		`{"verb":"link","parent":"INC-1","kind":"caused-by"}`, `{"verb":"unlink"}`, `{"verb":"rca","summary":"x"}`, `{"verb":"action","title":"x"}`, `{"verb":"remind","op":"stop"}`,
		`{"verb":"time","time":"detected","value":"2026-03-03T08:30:00Z"}`,
	} {
		status, answer := i.post(at+"/commands", "application/json", body, nil, rigToken)
		i.shown(body, answer)
		if status != http.StatusNotFound && !strings.Contains(answer, "There is no incident") {
			i.t.Errorf("%s: %s: %d %s", i.phase, body, status, answer)
		}
	}
}

func (c *tappedOffice) post(path, kind, body string, cookies []*http.Cookie, token string) (int, string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url+path, bytes.NewReader([]byte(body)))
	must(c.t, err)
	req.Header.Set("Content-Type", kind)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, k := range cookies {
		req.AddCookie(k)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	must(c.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(c.t, err)
	return resp.StatusCode, string(b)
}
