package incident

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ErrNotOver is returned by Import for an incident that has not ended: what goes
// on is no history.
var ErrNotOver = errors.New("it is not over")

// Import records one incident of the pager's past: cmds are its whole story, a
// Trigger first, in the order of their times, and are carried out as
// Command.History has it. All of it is one transaction, so that an import which
// is killed leaves whole incidents only. One that is known already stays as it
// is: added is false then. The error wraps ErrNotOver if the story does not end.
func (s *Service) Import(ctx context.Context, cmds []Command) (inc *Incident, added bool, err error) {
	if len(cmds) == 0 || cmds[0].Verb != Trigger || cmds[0].Ref == nil {
		return nil, false, invalid("verb", "unknown_verb", "There is no story without a trigger.").With("verb", "import")
	}
	cat := s.Catalog()
	topo := s.topology()
	cmds = slices.Clone(cmds)
	for i := range cmds {
		cmds[i].History = true
		if cmds[i].Actor.Kind == KindUser {
			cmds[i].Actor = cat.Person(cmds[i].Actor)
		}
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		first := cmds[0]
		added = false
		var err error
		if inc, err = (&work{tx: tx}).find(&first); inc != nil || err != nil {
			return err
		}
		for _, cmd := range cmds {
			if inc, err = s.work(tx, cat, topo).do(cmd); err != nil {
				return err
			}
		}
		if inc.Active() {
			return ErrNotOver
		}
		added = true
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return inc, added, nil
}

// toldBefore reports whether a vendor's word belongs to the time that was
// imported: history has it already. Vendors tell the same time now to the
// millisecond, now to the second.
func (c *Command) toldBefore(inc *Incident, at time.Time) bool {
	return inc.Imported && !c.History && c.FromVendor() && c.Actor.Kind != KindSystem && !at.Truncate(time.Second).After(inc.ResolvedAt)
}

// revive makes an ordinary incident of one that was history and opens again.
func (a *change) revive() {
	inc := a.inc
	if !inc.Imported || a.cmd.History || a.was.active {
		return
	}
	if l := inc.live(); l.Active() {
		inc.Imported, inc.NoticeGap = false, ""
	}
}
