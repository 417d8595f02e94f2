package incident

import (
	"slices"
	"time"
)

// Failing is something outside that has failed for good, as the timeline says.
type Failing struct {
	Effect string `json:"effect"` // its kind
	Text   string `json:"text"`
	At     Stamp  `json:"at"` // when it was said
}

const (
	// failingLasts is how long the same failure is not said again: whatever was
	// mended meanwhile and has broken once more is news by then.
	failingLasts = 24 * time.Hour
	maxFailing   = 20
)

// fail puts what has failed for good on the timeline. Each change of an incident
// may run into the same trouble anew, such as a token that has expired: that is
// said once, and again once a person has had it run again in vain.
func (a *change) fail() error {
	inc, f := a.inc, Failing{Effect: a.cmd.Args.Data["effect"], Text: Clip(a.cmd.Args.Text, MaxText), At: a.now.UTC()}
	// Failures are shown on the cards, with the button that runs them again; but a
	// card that has failed is not tried again for that.
	a.quiet = f.Effect == KindCard
	inc.Failing = slices.DeleteFunc(inc.Failing, func(old Failing) bool { return f.At.Sub(old.At) >= failingLasts })
	if slices.ContainsFunc(inc.Failing, func(old Failing) bool { return old.Effect == f.Effect && old.Text == f.Text }) {
		return nil
	}
	if len(inc.Failing) == maxFailing {
		inc.Failing = inc.Failing[1:]
	}
	inc.Failing = append(inc.Failing, f)
	a.event(EvFailed, f.Text, map[string]string{"effect": f.Effect})
	return nil
}
