package incident

import "testing"

// TestDraftFromTemplate: the RCA begins with the prompts of its level, and they
// are no answers.
func TestDraftFromTemplate(t *testing.T) {
	prompts := map[string]string{"summary": "What happened?", "impact": "Who could not do what?", "five_whys": "Why?\nAnd why that?", "category": "code"}
	inc := &Incident{ID: 1}
	c := newStatic()
	levels := testLevels()
	for i := range levels {
		if levels[i].Key == HighResponseTime {
			levels[i].Template = prompts
		}
	}
	do := func(cmd Command) error {
		f := factsFor(c, existing(inc), &cmd, false)
		f.Levels = levels
		next := inc.Clone()
		_, _, err := Apply(next, cmd, f, clock)
		if err == nil {
			inc = next
		}
		return err
	}
	if err := do(Command{Verb: Trigger, Ref: &alertRef, Actor: pager, Source: SourcePagerDuty, At: t0, Args: Args{Alert: alert(slow)}}); err != nil {
		t.Fatal(err)
	}
	if rca := inc.Postmortem.RCA; rca.Summary != "What happened?" || rca.Impact == "" || len(rca.FiveWhys) != 2 || inc.Postmortem.State != PostmortemDraft {
		t.Errorf("draft %+v", inc.Postmortem)
	}
	if err := do(by(ani, Resolve, Args{})); err != nil {
		t.Fatal(err)
	}
	complete := by(ani, WriteRCA, Args{Complete: true, RCA: map[string]string{"summary": "the pool ran dry", "root_cause": "a leak", "resolution_steps": "restarted"}})
	wantProblem(t, do(complete), ErrInvalid, "rca_missing") // impact and category are still the prompts
	complete.Args.RCA["impact"], complete.Args.RCA["category"] = "none could pay", "capacity"
	if err := do(complete); err != nil || inc.Status != Closed {
		t.Errorf("%v, %s", err, inc.Status)
	}
}
