package commands

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestFromCard(t *testing.T) {
	for _, tt := range []struct{ data, want string }{
		{`{"verb":"ack","incident":"INC-42"}`, `do ack INC-42 {}`},
		{`{"verb":"ack","incident":42}`, `do ack INC-42 {}`},
		{`{"verb":"ack","incident":"INC-42","msteams":{"type":"task/fetch"}}`, `do ack INC-42 {}`},
		{`{"verb":"resolve","incident":"INC-42"}`, `do resolve INC-42 {}`},
		{`{"verb":"resolve","incident":"INC-42","text":"rolled back"}`, `do resolve INC-42 {"text":"rolled back"}`},
		{`{"verb":"reopen","incident":"INC-42"}`, `do reopen INC-42 {}`},
		{`{"verb":"assign_me","incident":"INC-42"}`, `do assign INC-42 me {"role":"commander"}`},
		{`{"verb":"assign_me","incident":"INC-42","role":"scribe"}`, `do assign INC-42 me {"role":"scribe"}`},
		{`{"verb":"room","incident":"INC-42","op":"open"}`, `do room INC-42 {"op":"open"}`},
		{`{"verb":"room","incident":"INC-42","op":"join"}`, `do room INC-42 {"op":"join"}`},
		{`{"verb":"room","incident":"INC-42","op":"split"}`, `do room INC-42 {"op":"split"}`},
		{`{"verb":"remind","incident":"INC-42","op":"mitigated"}`, `do remind INC-42 {"op":"mitigated"}`},
		{`{"verb":"action_done","incident":"INC-42","n":2}`, `do action INC-42 op=done {"action":{"op":"done","n":2}}`},
		{`{"verb":"action_done","incident":"INC-42","n":"2"}`, `do action INC-42 op=done {"action":{"op":"done","n":2}}`},
		{`{"verb":"action_done","incident":"INC-42","n":-2}`, `error field_type at n: n must be a number from 1.`},
		{`{"verb":"action_done","incident":"INC-42"}`, `error field_type at n: n must be a number from 1.`},
		{`{"verb":"cause","incident":"INC-42","change":"api/deploy-1","was":"yes"}`, `do cause INC-42 {"change":"api/deploy-1","was":true}`},
		{`{"verb":"cause","incident":"INC-42","change":"api/deploy-1","was":"no"}`, `do cause INC-42 {"change":"api/deploy-1"}`},
		{`{"verb":"cause","incident":"INC-42","change":"api/deploy-1","was":"perhaps"}`, `error field_type at was: was must be true or false.`},
		{`{"verb":"show","incident":"INC-42"}`, `show INC-42`},
		{`{"verb":"refresh","incident":"INC-42"}`, `show INC-42 op=refresh`},
		{`{"verb":"unlink","incident":"INC-42"}`, `do unlink INC-42 {}`},
		{`{"verb":"unlink","incident":"INC-43","list":"INC-42"}`, `do unlink INC-43 list=INC-42 {}`},
		{`{"verb":"unlink","incident":"INC-43","list":"<b>"}`, `error card_bad at list: That form could not be read (list): open it again.`},
		{`{"verb":"unlink"}`, `error card_bad at incident: That form could not be read (incident): open it again.`},
		{`{"verb":"undo","incident":"INC-42","list":"INC-41"}`, `do undo INC-42 list=INC-41 {}`},
		{`{"verb":"related","incident":"INC-42"}`, `show INC-42 op=related`},
		{`{"verb":"related","incident":"INC-42","n":20}`, `show INC-42 op=related from=20`},
		{`{"verb":"related","incident":"INC-42","n":-1}`, `error card_bad at n: That form could not be read (n): open it again.`},
		{`{"verb":"similar","incident":"INC-42"}`, `similar INC-42`},
		{`{"verb":"similar"}`, `error card_bad at incident: That form could not be read (incident): open it again.`},
		{`{"verb":"unmute","target":"checkout"}`, `unmute target="checkout"`},
		{`{"verb":"unmute"}`, `error card_bad at target: That form could not be read (target): open it again.`},
		{`{"verb":"form","form":"link","incident":"INC-42"}`, `form link INC-42`},
		{`{"verb":"list"}`, `list {status=[open]}`},
		{`{"verb":"form","form":"time","incident":"INC-42"}`, `form time INC-42`},
		{`{"verb":"submit","form":"time","incident":"INC-42","detected_at":"2026-12-31 15:04","reason":"r","other":"x"}`, `form time INC-42 op=save with {"detected_at":"2026-12-31 15:04","reason":"r"}`},
		{`{"verb":"submit","form":"time"}`, `error card_bad at incident: That form could not be read (incident): open it again.`},
		{`{"verb":"submit","form":"link","incident":"INC-42","parent":"INC-41","kind":"cascade"}`, `do link INC-42 {"parent":"INC-41","kind":"cascade"}`},
		{`{"verb":"submit","form":"link","incident":"INC-42","parent":"INC-41","parent_other":"#40","kind":"duplicate"}`, `do link INC-42 {"parent":"INC-40","kind":"duplicate"}`},
		{`{"verb":"submit","form":"link","incident":"INC-42","parent":"","kind":"duplicate"}`, `error field_empty at parent: parent must not be empty.`},
		{`{"verb":"submit","form":"link","incident":"INC-42","parent":"INC-41"}`, `error field_empty at kind: kind must not be empty.`},
		{`{"verb":"submit","form":"link","incident":"INC-42","parent_other":"the other","kind":"duplicate"}`, `error field_type at parent: parent must be an incident's id, like INC-42.`},
		{`{"verb":"submit","form":"link","incident":"INC-42","parent":"INC-41","kind":"friend"}`, `error choice at kind: kind is one of cascade, duplicate, not “friend”.`},
		{`{"verb":"connect","squad":"payments"}`, `connect squad=payments`},
		{`{"verb":"connect","squad":"../x"}`, `error key_unclear at squad: “../x” is not a squad's key: letters, digits and hyphens, as in the catalog.`},
		{`{"verb":"form","form":"declare"}`, `form declare`},
		{`{"verb":"form","form":"rca","incident":"INC-42"}`, `form rca INC-42 step=1`},
		{`{"verb":"form","form":"rca","incident":"INC-42","step":2}`, `form rca INC-42 step=2`},
		{`{"verb":"form","form":"rca","incident":"INC-42","step":"99"}`, `error card_bad at step: That form could not be read (step): open it again.`},
		{`{"verb":"form","form":"note"}`, `error card_bad at incident: That form could not be read (incident): open it again.`},
		{`{"verb":"form","form":"dance"}`, `error card_stale at form: That button no longer works. Ask for the incident again: show`},
		{`{"verb":"submit","form":"declare","title":"checkout is down","service":"","service_other":"checkout","private":"true"}`, `do declare {"title":"checkout is down","service":"checkout","private":true}`},
		{`{"verb":"submit","form":"declare","title":"x","service":"checkout","level":"","private":false}`, `do declare {"title":"x","service":"checkout"}`},
		{`{"verb":"submit","form":"declare","title":" "}`, `error field_empty at title: title must not be empty.`},
		{`{"verb":"submit","form":"declare"}`, `error field_empty at title: title must not be empty.`},
		{`{"verb":"submit","form":"rca","incident":"INC-42","step":"1","op":"next","summary":"s","impact":""}`, `do rca INC-42 step=1 op=next {"rca":{"impact":"","summary":"s"}} with {"impact":"","summary":"s"}`},
		{`{"verb":"submit","form":"rca","incident":"INC-42","step":2,"op":"back","category":"","root_cause":"r"}`, `do rca INC-42 step=2 op=back {"rca":{"category":"","root_cause":"r"}} with {"category":"","root_cause":"r"}`},
		{`{"verb":"submit","form":"rca","incident":"INC-42","op":"finish"}`, `do rca INC-42 op=finish {"complete":true}`},
		{`{"verb":"submit","form":"rca","incident":"INC-42","category":"gremlins"}`, `error choice at category: category is one of capacity, change, code, configuration, data, dependency, infrastructure, process, security, unknown, not “gremlins”.`},
		{`{"verb":"submit","form":"rca","incident":"INC-42","op":"explode","summary":"s"}`, `error card_bad at op: That form could not be read (op): open it again.`},
		{`{"verb":"submit","form":"action","incident":"INC-42","title":"add an alert","owner":"budi@example.com","due":"2027-01-15"}`, `do action INC-42 op=add {"action":{"op":"add","title":"add an alert","owner":{"kind":"user","id":"budi@example.com"},"due":"2027-01-15"}}`},
		{`{"verb":"submit","form":"action","incident":"INC-42","title":"add an alert","owner":"00000000-0000-4000-8000-000000000001","due":""}`, `do action INC-42 op=add {"action":{"op":"add","title":"add an alert","owner":{"kind":"user","id":"aad:00000000-0000-4000-8000-000000000001"}}}`},
		{`{"verb":"submit","form":"action","incident":"INC-42","title":"a","due":"tomorrow"}`, `error date_unclear at due: “tomorrow” is not a date: write it like 2026-12-31, tomorrow or +3d.`},
		{`{"verb":"submit","form":"action","incident":"INC-42","title":"a","op":"reopen"}`, `do action INC-42 op=add {"action":{"op":"add","title":"a"}}`},
		{`{"verb":"submit","form":"note","incident":"INC-42","text":"it was the cache"}`, `do note INC-42 {"text":"it was the cache"}`},
		{`{"verb":"submit","form":"note","incident":"INC-42","text":""}`, `error field_empty at text: text must not be empty.`},
		{`{"verb":"submit","form":"level","incident":"INC-42","level":"other","reason":"one user"}`, `do level INC-42 {"level":"other","reason":"one user"}`},
		{`{"verb":"submit","form":"waive","incident":"INC-42","waive":"false alarm"}`, `do close INC-42 {"waive":"false alarm"}`},
		{`{"verb":"submit","form":"waive","incident":"INC-42","waive":""}`, `error waive_missing at waive: Say why no RCA is needed.`},
		{`{"verb":"submit","form":"resolve","incident":"INC-42","text":""}`, `do resolve INC-42 {}`},
		{`{"verb":"submit","form":"resolve","incident":"INC-0"}`, `error card_bad at incident: That form could not be read (incident): open it again.`},
		{`{"verb":"submit","form":"note","incident":"INC-42","text":{"a":1}}`, `error card_bad at text: That form could not be read (text): open it again.`},
		{`{"verb":"submit","form":"note","incident":"INC-42","text":["a"]}`, `error card_bad at text: That form could not be read (text): open it again.`},
		{`{"verb":"ack","incident":1.5}`, `error field_type at incident: incident must be a whole number.`},
		{`{"verb":"ack","incident":{"id":1}}`, `error card_bad at incident: That form could not be read (incident): open it again.`},
		{`{"verb":"ack"}`, `error card_bad at incident: That form could not be read (incident): open it again.`},
		{`{"verb":"trigger","incident":"INC-42"}`, `error card_stale at verb: That button no longer works. Ask for the incident again: show`},
		{`{"verb":7}`, `error card_stale at verb: That button no longer works. Ask for the incident again: show`},
		{`{}`, `error card_stale at verb: That button no longer works. Ask for the incident again: show`},
		{`{"verb":"submit","form":"note","incident":"INC-42","text":"` + strings.Repeat("x", maxCardValue+1) + `"}`, `error text_too_long at text: That is too long: at most 16000 bytes.`},
		{`{"verb":"ack","incident":"INC-42"` + strings.Repeat(`,"`+strings.Repeat("k", 65)+`":1`, 1) + `}`, `error card_bad: That form could not be read (a field's name): open it again.`},
	} {
		var data map[string]any
		if err := json.Unmarshal([]byte(tt.data), &data); err != nil {
			t.Fatal(err)
		}
		if got := show(FromCard(data)); got != tt.want {
			t.Errorf("FromCard(%.120s)\n got %s\nwant %s", tt.data, got, tt.want)
		}
	}
}

// After a mistake the form can be shown again with what was typed.
func TestFromCardKeepsWhatWasTyped(t *testing.T) {
	r, err := FromCard(map[string]any{
		"verb": "submit", "form": "action", "incident": "INC-42", "title": "add an alert", "due": "soon", "owner": "budi@example.com",
	})
	if err == nil {
		t.Fatal("no error")
	}
	if r.Form != FormAction || r.Incident != 42 || r.Command != nil || r.Values["title"] != "add an alert" || r.Values["due"] != "soon" || r.Values["owner"] != "budi@example.com" {
		t.Errorf("request = %+v", r)
	}
	many := map[string]any{"verb": "ack", "incident": "INC-42"}
	for i := range 70 {
		many[strings.Repeat("k", i+1)] = i
	}
	if _, err := FromCard(many); err == nil {
		t.Error("70 fields were accepted")
	}
}

func TestFromJSON(t *testing.T) {
	const verbs = "ack, unack, retry, resolve, reopen, close, rca, action, note, cause, level, link, unlink, undo, time, assign, room, member, public, update, subscribe, unsubscribe, remind, page"
	for _, tt := range []struct{ body, want string }{
		{`{"verb":"ack"}`, `do ack {}`},
		{`{"verb":"Acknowledge"}`, `do ack {}`},
		{`{"verb":"resolve","text":"rolled back"}`, `do resolve {"text":"rolled back"}`},
		{`{"verb":"resolve","text":null}`, `do resolve {}`},
		{`{"verb":"resolve","txt":"x"}`, `error field_near at txt: There is no field txt. Did you mean text?`},
		{`{"verb":"resolve","description":"x"}`, `error field_unknown at description: There is no field description. Fields of resolve are: text.`},
		{`{"verb":"ack","at":"now"}`, `error field_unknown at at: There is no field at. Fields of ack are: none.`},
		{`{"verb":"resolve","text":5}`, `error field_type at text: text must be text.`},
		{`{"verb":"close","waive":"false alarm"}`, `do close {"waive":"false alarm"}`},
		{`{"verb":"close"}`, `do close {}`},
		{`{"verb":"rca","summary":"s","five_whys":["a","b"],"complete":true}`, `do rca {"rca":{"five_whys":"a\nb","summary":"s"},"complete":true}`},
		{`{"verb":"rca","rca":{"summary":"s"},"complete":true}`, `do rca {"rca":{"summary":"s"},"complete":true}`},
		{`{"verb":"rca","rca":{"summary":"s"},"summary":"t"}`, `error field_twice at summary: summary is there twice: leave one.`},
		{`{"verb":"rca","rca":"s"}`, `error field_type at rca: rca must be an object.`},
		{`{"verb":"rca","summary":"s","rca_was":{"summary":"old","five_whys":["a","b"]}}`, `do rca {"rca":{"summary":"s"},"rca_was":{"five_whys":"a\nb","summary":"old"}}`},
		{`{"verb":"rca","summary":"s","rca_was":null}`, `do rca {"rca":{"summary":"s"}}`},
		{`{"verb":"rca","rca_was":{"summary":"old"}}`, `error field_empty at rca: rca must not be empty.`},
		{`{"verb":"rca","summary":"s","rca_was":{"summary":["a"]}}`, `error field_type at rca_was: rca_was must be an object of texts.`},
		{`{"verb":"rca","summary":"s","rca_was":"old"}`, `error field_type at rca_was: rca_was must be an object of texts.`},
		{`{"verb":"rca","summary":"s","rca_was":{"complete":"x"}}`, `error choice at rca_was: rca_was is one of summary, impact, detection, root_cause, category, five_whys, contributing_factors, resolution_steps, lessons, not “complete”.`},
		{`{"verb":"rca"}`, `error field_empty at rca: rca must not be empty.`},
		{`{"verb":"rca","complete":"yes"}`, `error field_type at complete: complete must be true or false.`},
		{`{"verb":"action","op":"add","title":"add an alert","owner":{"kind":"user","id":"Budi@example.com","name":"Budi"},"due":"2027-01-15"}`, `do action op=add {"action":{"op":"add","title":"add an alert","owner":{"kind":"user","id":"budi@example.com","name":"Budi"},"due":"2027-01-15"}}`},
		{`{"verb":"action","action":{"op":"done","n":2}}`, `do action op=done {"action":{"op":"done","n":2}}`},
		{`{"verb":"action","op":"done","n":1.5}`, `error field_type at n: n must be a number from 1.`},
		{`{"verb":"action","op":"done"}`, `error usage at n: action needs more: action done <incident> <n>. Example: action done INC-42 1`},
		{`{"verb":"action"}`, `error field_empty at op: op must not be empty.`},
		{`{"verb":"action","op":"add"}`, `error field_empty at title: title must not be empty.`},
		{`{"verb":"note","text":"x"}`, `do note {"text":"x"}`},
		{`{"verb":"note"}`, `error field_empty at text: text must not be empty.`},
		{`{"verb":"cause","change":"deploy-1"}`, `do cause {"change":"deploy-1","was":true}`},
		{`{"verb":"cause","change":"deploy-1","was":false}`, `do cause {"change":"deploy-1"}`},
		{`{"verb":"cause","change":7}`, `error field_type at change: change must be a word.`},
		{`{"verb":"level","level":"other","reason":"one user"}`, `do level {"level":"other","reason":"one user"}`},
		{`{"verb":"level"}`, `error field_empty at level: level must not be empty.`},
		{`{"verb":"time","time":"detected","value":"2026-12-31T15:04:00+07:00","reason":"r"}`, `do time {"reason":"r","time":"detected","value":"2026-12-31T08:04:00Z"}`},
		{`{"verb":"time","time":"detected","value":"15:04"}`, `error time_rfc3339 at value: “15:04” is not a time: write it like 2026-12-31T15:04:00Z.`},
		{`{"verb":"time","time":"detected","value":1767171840}`, `error field_type at value: value must be a time.`},
		{`{"verb":"assign","person":"ani@example.com"}`, `do assign {"person":{"kind":"user","id":"ani@example.com"}}`},
		{`{"verb":"assign","person":{"kind":"token","id":"ci"}}`, `error field_type at person: person must be a person.`},
		{`{"verb":"assign","person":"me"}`, `error me_nobody: “me” means nobody here: write an email address.`},
		{`{"verb":"member","person":"ani@example.com","remove":true}`, `do member {"person":{"kind":"user","id":"ani@example.com"},"remove":true}`},
		{`{"verb":"member","person":"ani@example.com","remove":"yes"}`, `error field_type at remove: remove must be true or false.`},
		{`{"verb":"public","reason":"fixed"}`, `do public {"reason":"fixed"}`},
		{`{"verb":"link","kind":"duplicate","parent":"INC-1"}`, `do link {"parent":"INC-1","kind":"duplicate"}`},
		{`{"verb":"link","kind":"caused-by","parent":"inc-1"}`, `do link {"parent":"INC-1","kind":"cascade"}`},
		{`{"verb":"link","parent":"INC-1"}`, `error field_empty at kind: kind must not be empty.`},
		{`{"verb":"link","kind":"cascade"}`, `error field_empty at parent: parent must not be empty.`},
		{`{"verb":"link","kind":"cascade","parent":"the other"}`, `error field_type at parent: parent must be an incident's id, like INC-42.`},
		{`{"verb":"link","kind":"cascade","parent":1}`, `error field_type at parent: parent must be an incident's id, like INC-42.`},
		{`{"verb":"unlink","reason":"another disk"}`, `do unlink {"reason":"another disk"}`},
		{`{"verb":"not-related"}`, `do unlink {}`},
		{`{"verb":"undo"}`, `do undo {}`},
		{`{"verb":"mute","target":"checkout","for":"2h"}`, `error verb_mutes at verb: Mutes are set with POST /api/v1/mutes, and ended with DELETE.`},
		{`{"verb":"similar"}`, `error verb_read at verb: similar changes nothing: read it from its own address. Verbs here are: ` + verbs + `.`},
		{`{"verb":"resovle"}`, `error no_such_verb at verb: There is no “resovle”. Did you mean resolve? Example: {"verb":"resolve"}`},
		{`{"verb":"dance"}`, `error choice at verb: verb is one of ` + verbs + `, not “dance”.`},
		{`{"verb":"trigger"}`, `error choice at verb: verb is one of ` + verbs + `, not “trigger”.`},
		{`{"verb":"list"}`, `error verb_read at verb: list changes nothing: read it from its own address. Verbs here are: ` + verbs + `.`},
		{`{"verb":"declare","title":"x"}`, `error verb_elsewhere at verb: An incident is declared with POST /api/v1/incidents.`},
		{`{"verb":5}`, `error field_type at verb: verb must be a word.`},
		{`{}`, `error verb_missing at verb: Say what to do: a verb is needed. Verbs are: ` + verbs + `.`},
	} {
		if got := show(FromJSON([]byte(tt.body))); got != tt.want {
			t.Errorf("FromJSON(%s)\n got %s\nwant %s", tt.body, got, tt.want)
		}
	}
	for _, bad := range []string{``, `null`, `[]`, `"ack"`, `{"verb":"ack"`, `{"verb":"ack"}{}`, `{"verb":"ack","verb":"resolve"}`, "{\"verb\":\"\xff\"}", `{verb:"ack"}`} {
		if got := show(FromJSON([]byte(bad))); !strings.HasPrefix(got, "error bad_json: The body is not the JSON that is expected: ") {
			t.Errorf("FromJSON(%q) = %s", bad, got)
		}
	}
}

func TestDeclareJSON(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{`{"title":"checkout is down","service":"checkout","level":"service-down","description":"d","private":true}`, `do declare {"title":"checkout is down","service":"checkout","level":"service-down","description":"d","private":true}`},
		{`{"title":""}`, `error field_empty at title: title must not be empty.`},
		{`{}`, `error field_empty at title: title must not be empty.`},
		{`{"title":"x","private":"true"}`, `error field_type at private: private must be true or false.`},
		{`{"title":"x","servce":"checkout"}`, `error field_near at servce: There is no field servce. Did you mean service?`},
		{`{"title":"a\u0000b"}`, `do declare {"title":"ab"}`},
	} {
		if got := show(DeclareJSON([]byte(tt.body))); got != tt.want {
			t.Errorf("DeclareJSON(%s)\n got %s\nwant %s", tt.body, got, tt.want)
		}
	}
}

func TestMuteJSON(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{`{"target":"checkout","for":"2h","reason":"an upgrade"}`, `mute target="checkout" for=2h0m0s reason="an upgrade"`},
		{`{"target":"list","for":"1d12h"}`, `mute target="list" for=36h0m0s`},
		{`{"target":"checkout","for":"99999w"}`, `mute target="checkout" for=87840h0m0s`},
		{`{"target":"checkout"}`, `error field_empty at for: for must not be empty.`},
		{`{"for":"2h"}`, `error field_empty at target: target must not be empty.`},
		{`{"target":" ","for":"2h"}`, `error field_empty at target: target must not be empty.`},
		{`{"target":"checkout","for":"0h"}`, `error span_unclear at for: “0h” is not a duration: write it like 2h, 90m or 3d.`},
		{`{"target":"checkout","for":2}`, `error field_type at for: for must be a duration, like 2h.`},
		{`{"target":"checkout","for":"2h","until":"x"}`, `error field_unknown at until: There is no field until. Fields of mute are: target, for, reason.`},
	} {
		if got := show(MuteJSON([]byte(tt.body))); got != tt.want {
			t.Errorf("MuteJSON(%s)\n got %s\nwant %s", tt.body, got, tt.want)
		}
	}
	if got := show(MuteJSON([]byte(`[`))); !strings.HasPrefix(got, "error bad_json") {
		t.Errorf("MuteJSON([) = %s", got)
	}
}

func TestCanonical(t *testing.T) {
	a, err := Canonical([]byte(` {"b": 1, "a": "\u0041"} `))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Canonical([]byte(`{"a":"A","b":1.0}`))
	if err != nil || string(a) != string(b) {
		t.Errorf("Canonical = %s and %s (%v), want the same", a, b, err)
	}
	if _, err := Canonical([]byte(`{`)); err == nil {
		t.Error("no error for half a body")
	}
}
