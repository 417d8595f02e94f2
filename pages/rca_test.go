package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
)

var full = []string{
	"summary", "It stood still.", "impact", "Nobody could pay.", "detection", "An alert.", "root_cause", "The pool was too small.", "category", "capacity",
	"five_whys", "Because it was full.\r\n\r\nBecause it was small.", "contributing_factors", "A campaign.", "resolution_steps", "Raised the limit.", "lessons", "Watch the pool.",
	"impact_started_at", "2026-12-31 15:20", "detected_at", "2026-12-31 15:25",
}

// TestWriteRCA: from the first word to the complete RCA.
func TestWriteRCA(t *testing.T) {
	r := newRig(t)
	r.resolved("Payments DB is down")
	b := r.as(budi)
	p := b.get("/incidents/INC-1/rca").want(t, http.StatusOK)
	for _, want := range []string{"RCA of INC-1", "What happened", "Times", "2026-12-31 15:30", "Timeline", "Mark complete", "Service owner", "Runbook"} {
		if !strings.Contains(p.text(), want) {
			t.Errorf("%q is not in %s", want, p.text())
		}
	}

	// A draft with some fields.
	p = b.write("INC-1", b.fill("INC-1", "summary", "It stood still.", "five_whys", "one\r\n\r\n two ")).want(t, http.StatusSeeOther)
	if p.location() != "/incidents/INC-1/rca?done=draft" {
		t.Errorf("sent to %q", p.location())
	}
	if p = b.get(p.location()); !strings.Contains(p.text(), "The draft is saved.") || !strings.Contains(p.text(), "Last saved by Budi Santoso") {
		t.Errorf("after the draft: %s", p.text())
	}
	if got := b.fill("INC-1"); got.Get("summary") != "It stood still." || got.Get("five_whys") != "one\r\ntwo" {
		t.Errorf("the draft is %v", got)
	}
	if p = b.write("INC-1", b.fill("INC-1", "five_whys", "one\r\n\r\ntwo")).want(t, http.StatusSeeOther); !strings.HasSuffix(p.location(), "done=none") {
		t.Errorf("nothing was changed, but it says %q", p.location())
	}

	// Complete it too early: the text is saved, the fields say what is missing.
	p = b.write("INC-1", b.fill("INC-1", "impact", "Nobody could pay.", "op", "finish")).want(t, http.StatusUnprocessableEntity)
	if n := strings.Count(p.body, `aria-invalid="true"`); n != 3 { // root cause, category, resolution steps
		t.Errorf("%d fields are marked in %s", n, p.text())
	}
	if got := b.fill("INC-1").Get("impact"); got != "Nobody could pay." {
		t.Errorf("impact was not saved: %q", got)
	}
}

// TestComplete: the complete RCA closes the incident; what is changed in it makes
// the next revision.
func TestComplete(t *testing.T) {
	r := newRig(t)
	r.resolved("Payments DB is down")
	b := r.as(budi)
	form := b.fill("INC-1", append(full, "op", "finish")...)
	p := b.write("INC-1", form).want(t, http.StatusSeeOther)
	if p.location() != "/incidents/INC-1" {
		t.Errorf("sent to %q", p.location())
	}
	inc := r.incident(1)
	want := incident.RCA{
		Summary: "It stood still.", Impact: "Nobody could pay.", Detection: "An alert.", RootCause: "The pool was too small.", Category: "capacity",
		FiveWhys: []string{"Because it was full.", "Because it was small."}, ContributingFactors: "A campaign.", ResolutionSteps: "Raised the limit.", Lessons: "Watch the pool.",
	}
	if d := cmp.Diff(want, inc.Postmortem.RCA); d != "" || inc.Status != incident.Closed || inc.Postmortem.Revision != 1 {
		t.Errorf("%s, revision %d (-want +got):\n%s", inc.Status, inc.Postmortem.Revision, d)
	}
	if got := inc.Times.ImpactStarted; !got.Equal(time.Date(2026, 12, 31, 8, 20, 0, 0, time.UTC)) {
		t.Errorf("impact began %v", got)
	}
	if p = b.get("/incidents/INC-1").want(t, http.StatusOK); !strings.Contains(p.text(), "CLOSED") || !strings.Contains(p.text(), "Watch the pool.") {
		t.Errorf("the incident: %s", p.text())
	}
	if b.write("INC-1", form).want(t, http.StatusSeeOther); r.incident(1).Postmortem.Revision != 1 { // pressed twice
		t.Errorf("pressed twice: revision %d", r.incident(1).Postmortem.Revision)
	}
	// And a second revision.
	b.write("INC-1", b.fill("INC-1", "lessons", "Watch it closely.", "op", "finish")).want(t, http.StatusSeeOther)
	if inc = r.incident(1); inc.Postmortem.Revision != 2 || inc.Postmortem.Revisions[1].RCA.Lessons != "Watch it closely." {
		t.Errorf("revision %d: %+v", inc.Postmortem.Revision, inc.Postmortem.Revisions)
	}
}

func (r *rig) incident(id incident.ID) *incident.Incident {
	r.t.Helper()
	var inc *incident.Incident
	err := r.service.Store.View(r.t.Context(), func(tx incident.Tx) (err error) {
		inc, err = tx.Incident(id)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return inc
}

// TestErrorsAtFields: what is wrong is said beside the field, what was typed is
// kept, and what is right is saved.
func TestErrorsAtFields(t *testing.T) {
	r := newRig(t)
	r.resolved("Payments DB is down")
	b := r.as(budi)
	for _, tt := range []struct {
		field, value, say string
	}{
		{"detected_at", "yesterday", "is not a time"},
		{"impact_started_at", "2030-01-01 00:00", "future"},
		{"category", "magic", "magic"},
		{"summary", strings.Repeat("x", incident.MaxText+1), "4000"},
		{"action_due", "soon", "date"},
		{"action_title", strings.Repeat("x", incident.MaxTitle+1), "255"},
	} {
		form := b.fill("INC-1", "lessons", "about "+tt.field, "action_title", "an action", tt.field, tt.value)
		p := b.write("INC-1", form).want(t, http.StatusUnprocessableEntity)
		_, after, _ := strings.Cut(p.body, `id="`+tt.field+`-error"`)
		after, _, _ = strings.Cut(after, "</small>")
		if !strings.Contains(after, tt.say) {
			t.Errorf("%s: the error says %q", tt.field, after)
		}
		if tt.field != "category" && p.value(t, tt.field) != tt.value {
			t.Errorf("%s: what was typed is lost", tt.field)
		}
		if !strings.Contains(p.body, "about "+tt.field) {
			t.Errorf("%s: what was typed elsewhere is lost", tt.field)
		}
	}
}

// TestActions: one can be added with the draft; pressing twice adds it once.
func TestActions(t *testing.T) {
	r := newRig(t)
	r.resolved("Payments DB is down")
	b := r.as(budi)
	form := b.fill("INC-1", "lessons", "typed before", "action_title", "raise the limit", "action_owner", "Eko@example.com", "action_due", "2027-01-15", "op", "action")
	if p := b.write("INC-1", form).want(t, http.StatusSeeOther); !strings.HasSuffix(p.location(), "done=action") {
		t.Errorf("sent to %q", p.location())
	}
	b.write("INC-1", form)
	inc := r.incident(1)
	if len(inc.Actions) != 1 || inc.Actions[0].Owner.ID != "eko@example.com" || inc.Actions[0].Due != "2027-01-15" || inc.Postmortem.RCA.Lessons != "typed before" {
		t.Fatalf("%+v, lessons %q", inc.Actions, inc.Postmortem.RCA.Lessons)
	}
	// Another one, with "save": what was typed is not lost.
	b.write("INC-1", b.fill("INC-1", "action_title", "watch the pool")).want(t, http.StatusSeeOther)
	// The button alone says what is missing.
	p := b.write("INC-1", b.fill("INC-1", "op", "action")).want(t, http.StatusUnprocessableEntity)
	if !strings.Contains(p.body, `id="action_title-error"`) || len(r.incident(1).Actions) != 2 {
		t.Errorf("%d actions; %s", len(r.incident(1).Actions), p.text())
	}
}

// TestConflict: two people write at once. Nothing of either is lost.
func TestConflict(t *testing.T) {
	r := newRig(t)
	r.resolved("Payments DB is down")
	first, second := r.as(budi), r.as(ani)
	first.write("INC-1", first.fill("INC-1", "summary", "old", "impact", "old", "lessons", "old")).want(t, http.StatusSeeOther)
	mine := second.fill("INC-1", "summary", "mine", "impact", "mine", "root_cause", "mine", "action_title", "my action", "op", "finish")
	first.write("INC-1", first.fill("INC-1", "summary", "theirs", "lessons", "theirs")).want(t, http.StatusSeeOther)

	p := second.write("INC-1", mine).want(t, http.StatusConflict)
	inc := r.incident(1)
	if rca := inc.Postmortem.RCA; rca.Summary != "theirs" || rca.Impact != "old" || rca.RootCause != "" || len(inc.Actions) != 0 {
		t.Errorf("something was saved: %+v", rca)
	}
	for _, want := range []string{"Budi Santoso saved this RCA meanwhile", "Summary – Saved by somebody else meanwhile: theirs", "Lessons – Changed"} {
		if !strings.Contains(p.text(), want) {
			t.Errorf("%q is not in %s", want, p.text())
		}
	}
	merged := url.Values{"op": {"save"}, "version": {p.value(t, "version")}}
	for name, want := range map[string]string{"summary": "mine", "impact": "mine", "root_cause": "mine", "lessons": "theirs", "action_title": "my action"} {
		if got := p.value(t, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
		merged.Set(name, p.value(t, name))
	}
	if strings.Count(p.body, `class="theirs"`) != 1 {
		t.Errorf("more than one field is in conflict: %s", p.text())
	}
	merged.Set("summary", "mine and theirs")
	second.write("INC-1", merged).want(t, http.StatusSeeOther)
	inc = r.incident(1)
	if rca := inc.Postmortem.RCA; rca.Summary != "mine and theirs" || rca.Lessons != "theirs" || rca.Impact != "mine" || len(inc.Actions) != 1 {
		t.Errorf("merged: %+v, %d actions", rca, len(inc.Actions))
	}

	// The same text twice is no conflict.
	again := second.fill("INC-1", "detection", "the same")
	first.write("INC-1", first.fill("INC-1", "detection", "the same")).want(t, http.StatusSeeOther)
	second.write("INC-1", again).want(t, http.StatusSeeOther)
	// A form without its version overwrites nothing.
	blind := url.Values{"op": {"save"}, "summary": {"blind"}}
	second.write("INC-1", blind).want(t, http.StatusConflict)
	if got := r.incident(1).Postmortem.RCA.Summary; got != "mine and theirs" {
		t.Errorf("a form without its version has written %q", got)
	}
}

// slipping lets somebody else save in the moment between look and write.
type slipping struct {
	Doer
	once func()
}

func (s *slipping) Do(ctx context.Context, cmd incident.Command) (*incident.Incident, error) {
	if f := s.once; f != nil && cmd.Verb == incident.WriteRCA {
		s.once = nil
		f()
	}
	return s.Doer.Do(ctx, cmd)
}

// TestSameMoment: of two that save in the same moment one is told so.
func TestSameMoment(t *testing.T) {
	slip := &slipping{}
	r := newRig(t, func(c *Config) {
		slip.Doer = c.Service
		c.Service = slip
	})
	r.resolved("Payments DB is down")
	first, second := r.as(budi), r.as(ani)
	mine, theirs := second.fill("INC-1", "summary", "mine"), first.fill("INC-1", "summary", "theirs")
	slip.once = func() { first.write("INC-1", theirs).want(t, http.StatusSeeOther) }
	p := second.write("INC-1", mine).want(t, http.StatusConflict)
	if p.value(t, "summary") != "mine" || !strings.Contains(p.text(), "meanwhile: theirs") || r.incident(1).Postmortem.RCA.Summary != "theirs" {
		t.Errorf("stored %q; %s", r.incident(1).Postmortem.RCA.Summary, p.text())
	}
}

// TestCardInTheSameMoment: a card knows no version. What it saves between look
// and write is not overwritten, and other fields are no conflict.
func TestCardInTheSameMoment(t *testing.T) {
	slip := &slipping{}
	r := newRig(t, func(c *Config) {
		slip.Doer = c.Service
		c.Service = slip
	})
	r.resolved("Payments DB is down")
	b := r.as(budi)
	card := func(field, text string) func() {
		return func() {
			_, err := slip.Doer.Do(t.Context(), incident.Command{
				Verb: incident.WriteRCA, Incident: 1, Actor: incident.Actor{Kind: incident.KindUser, ID: ani, Name: "Ani"}, Role: incident.RoleResponder,
				Source: incident.SourceTeams, Args: incident.Args{RCA: map[string]string{field: text}},
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
	slip.once = card("summary", "theirs")
	for _, op := range []string{"save", "finish"} {
		p := b.write("INC-1", b.fill("INC-1", "summary", "mine "+op, "impact", "mine "+op, "action_title", "my action "+op, "op", op)).want(t, http.StatusConflict)
		rca := r.incident(1).Postmortem.RCA
		if rca.Summary == "mine "+op || rca.Impact == "mine "+op || p.value(t, "summary") != "mine "+op || !strings.Contains(p.text(), "meanwhile: "+rca.Summary) {
			t.Errorf("%s: stored %q and %q; %s", op, rca.Summary, rca.Impact, p.text())
		}
		if p.value(t, "action_title") != "" {
			t.Errorf("%s: the action that was added is typed still", op)
		}
		slip.once = card("summary", "theirs again")
	}
	slip.once = card("lessons", "theirs")
	b.write("INC-1", b.fill("INC-1", "summary", "mine")).want(t, http.StatusSeeOther)
	if inc := r.incident(1); inc.Postmortem.RCA.Summary != "mine" || inc.Postmortem.RCA.Lessons != "theirs" || len(inc.Actions) != 2 {
		t.Errorf("stored %+v, %d actions", inc.Postmortem.RCA, len(inc.Actions))
	}
}

// TestExpiredWhileWriting: what was typed outlives the session.
func TestExpiredWhileWriting(t *testing.T) {
	r := newRig(t)
	r.resolved("Payments DB is down")
	b := r.as(budi)
	form := b.fill("INC-1", "summary", "typed for hours", "category", "code")
	r.pass(sessionLife)
	p := b.write("INC-1", form).want(t, http.StatusUnauthorized)
	if p.value(t, "summary") != "typed for hours" || p.value(t, "category") != "code" || p.value(t, "version") != form.Get("version") {
		t.Errorf("something is lost: %s", p.body)
	}
	if got := r.incident(1).Postmortem.RCA.Summary; got != "" {
		t.Errorf("saved by nobody: %q", got)
	}
	b.get(b.depart(budi, "/sign-in")).want(t, http.StatusSeeOther)
	b.write("INC-1", form).want(t, http.StatusSeeOther)
}

// failing is a store in trouble.
type failing struct{ err error }

func (f *failing) Do(context.Context, incident.Command) (*incident.Incident, error) {
	return nil, f.err
}

// TestTrouble: neither a busy store nor a fault of ours loses what was typed, and
// the fault's own words stay in the log.
func TestTrouble(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
	}{{incident.ErrBusy, http.StatusServiceUnavailable}, {errors.New("disk of the canary is full"), http.StatusInternalServerError}} {
		r := newRig(t, func(c *Config) { c.Service = &failing{tt.err} })
		r.resolved("Payments DB is down")
		b := r.as(budi)
		p := b.write("INC-1", b.fill("INC-1", "summary", "typed")).want(t, tt.status)
		if p.value(t, "summary") != "typed" || strings.Contains(p.body, "canary") {
			t.Errorf("%v: %s", tt.err, p.body)
		}
		if !strings.Contains(r.log.String(), tt.err.Error()) {
			t.Errorf("the log has no %q: %s", tt.err, r.log)
		}
	}
}

// TestRoles: who may not, can not, whatever the form says.
func TestRoles(t *testing.T) {
	r := newRig(t)
	r.resolved("Payments DB is down")
	form := r.as(budi).fill("INC-1", append(full, "op", "finish")...)
	guest := r.as(tamu)
	if p := guest.get("/incidents/INC-1/rca").want(t, http.StatusOK); strings.Contains(p.body, "<textarea") || !strings.Contains(p.text(), "read only") {
		t.Errorf("a guest sees %s", p.text())
	}
	guest.write("INC-1", form).want(t, http.StatusForbidden)
	if rca := r.incident(1).Postmortem.RCA; !rca.IsZero() {
		t.Errorf("a guest has written %+v", rca)
	}
	// Somebody of another squad may write, but not complete.
	other := r.as(eko)
	if p := other.get("/incidents/INC-1/rca"); strings.Contains(p.body, `value="finish"`) {
		t.Error("completing is offered to somebody who may not")
	}
	other.write("INC-1", form).want(t, http.StatusForbidden)
	if inc := r.incident(1); inc.Status != incident.Resolved || inc.Postmortem.RCA.Summary != "It stood still." {
		t.Errorf("%s, %+v", inc.Status, inc.Postmortem.RCA)
	}
	// Nobody completes what is still open.
	r.declare("Something else is down")
	member := r.as(budi)
	if p := member.get("/incidents/INC-2/rca"); strings.Contains(p.body, `value="finish"`) {
		t.Error("completing is offered while the trouble lasts")
	}
	p := member.write("INC-2", member.fill("INC-2", append(full, "op", "finish")...)).want(t, http.StatusUnprocessableEntity)
	if !strings.Contains(p.text(), "still open") || r.incident(2).Postmortem.RCA.Summary != "It stood still." {
		t.Errorf("%s", p.text())
	}
}

func TestLargeBody(t *testing.T) {
	r := newRig(t)
	r.resolved("Payments DB is down")
	b := r.as(budi)
	b.write("INC-1", b.fill("INC-1", "summary", strings.Repeat("x", maxBody))).want(t, http.StatusRequestEntityTooLarge)
	// All fields full of the widest letters still fit.
	var wide []string
	for _, f := range []string{"summary", "impact", "detection", "root_cause", "five_whys", "contributing_factors", "resolution_steps", "lessons"} {
		wide = append(wide, f, strings.Repeat("🔥", incident.MaxText))
	}
	b.write("INC-1", b.fill("INC-1", wide...)).want(t, http.StatusSeeOther)
}

func FuzzForm(f *testing.F) {
	inc := &incident.Incident{Postmortem: incident.Postmortem{State: incident.PostmortemDraft, RCA: incident.RCA{Summary: "theirs", FiveWhys: []string{"a", "b"}}}}
	f.Add(versionOf(inc, jakarta), "mine", "2026-12-31 15:04", "save")
	f.Add("", "", "", "finish")
	f.Add("0-0-draft-0.a.b.c", "\r\n", "15:04", "action")
	f.Fuzz(func(t *testing.T, version, summary, at, op string) {
		form := readForm(url.Values{"version": {version}, "summary": {summary}, "detected_at": {at}, "op": {op}})
		d := form.merge(inc, jakarta)
		if version == versionOf(inc, jakarta) {
			if d != nil {
				t.Errorf("nobody else has saved, but %+v", d)
			}
			return
		}
		if d == nil {
			return
		}
		for name, v := range form.values { // what was typed stands, or is as it was read
			if d.values[name] != v && hash(v) != fieldHashes(version)[name] {
				t.Errorf("%s: %q has become %q", name, v, d.values[name])
			}
		}
	})
}
