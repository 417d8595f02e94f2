package commands

import (
	"testing"
	"time"

	"imbot/incident"
)

// The next status update is a time to come: in Jakarta it is 15:30.
func TestNextUpdate(t *testing.T) {
	env := Env{Now: now, Location: jakarta, Actor: ani}
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 12, day, hour, minute, 0, 0, jakarta) }
	for typed, want := range map[string]time.Time{
		"15:31": at(31, 15, 31), "15:30": at(32, 15, 30), "9:00am": at(32, 9, 0), "17.00": at(31, 17, 0), "7:15": at(32, 7, 15),
		"2026-12-31T16:00": at(31, 16, 0), "2026-12-31T10:00:00Z": at(31, 17, 0), "3pm": at(32, 15, 0), "soon": {},
		"in 30m": at(31, 16, 0), "30m": at(31, 16, 0), "In 1 hour": at(31, 16, 30), "+90 min": at(31, 17, 0), "dalam 2 jam": at(31, 17, 30), "0m": {}, "in a bit": {}, "tomorrow": {},
		"tomorrow 09:00": at(32, 9, 0), "besok 9:00": at(32, 9, 0), "Tomorrow 15:45": at(32, 15, 45), "lusa 8:00": at(33, 8, 0), "today 16:00": at(31, 16, 0), "yesterday 16:00": {},
	} {
		r, err := Parse(`update 42 rolling back next_update:"`+typed+`"`, env)
		if !want.IsZero() && (err != nil || !r.Command.Args.NextUpdate.Equal(want)) {
			t.Errorf("said %q: %s, want %s", typed, show(r, err), want)
		}
		form := map[string]any{"verb": "submit", "form": FormUpdate, "incident": "INC-42", "customers": "", "text": "rolling back", "next_update": " " + typed}
		r, err = FromCardAt(form, env)
		switch {
		case !want.IsZero() && (err != nil || !r.Command.Args.NextUpdate.Equal(want)):
			t.Errorf("the form with %q: %s, want %s", typed, show(r, err), want)
		case want.IsZero() && show(r, err) != "error ahead_unclear at next_update: “"+typed+"” is not a time to come: write it like 15:30, in 30m or tomorrow 09:00.":
			t.Errorf("the form with %q: %s", typed, show(r, err))
		case r.Values["next_update"] != typed:
			t.Errorf("the form is shown again with %q instead of %q", r.Values["next_update"], typed)
		}
	}
	// What is not this form is read as ever.
	r, err := FromCardAt(map[string]any{"verb": "ack", "incident": "INC-42", "next_update": "15:31"}, env)
	if err != nil || r.Command.Verb != incident.Ack {
		t.Errorf("a button: %s", show(r, err))
	}
}
