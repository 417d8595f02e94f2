package incident

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// boardKey is where the board of a service is kept; its value is no text.
func boardKey(service string) string { return "board/" + service }

// spanKey is where the times are kept that a board lies between.
func spanKey(service string) string { return "span/" + service }

// board reads a board once for each transaction.
func (w *work) board(service string) (*board, error) {
	if b := w.boards[service]; b != nil {
		return b, nil
	}
	span, err := w.tx.Key(spanKey(service), true)
	if err != nil {
		return nil, err
	}
	b := &board{service: service}
	if span != "" {
		b = openBoard(service, span, func() string {
			v, err := w.tx.Key(boardKey(service), true)
			if err != nil {
				w.failed = err
			}
			return v
		})
	}
	w.boards[service] = b
	return b, nil
}

// lateness is how late an event may come and be judged like one in time.
const lateness = 12 * time.Hour

// keepBoards stores what has changed.
func (w *work) keepBoards() error {
	if w.failed != nil {
		return w.failed
	}
	// What came to an end so long ago can take nothing back any more, even if that
	// comes some hours late.
	keep := (w.link.Window + max(w.link.Grace, w.link.FlapWindow) + lateness).Milliseconds()
	var changed []*board // of the hundreds that may have been looked at
	for _, b := range w.boards {
		if b.dirty {
			changed = append(changed, b)
		}
	}
	slices.SortFunc(changed, func(x, y *board) int { return cmp.Compare(x.service, y.service) })
	for _, b := range changed {
		service := b.service
		b.prune(keep)
		b.dirty = false
		if err := w.tx.PutKey(boardKey(service), b.encode(), true); err != nil {
			return err
		}
		if err := w.tx.PutKey(spanKey(service), b.span(), true); err != nil {
			return err
		}
	}
	return nil
}

// touchesLinks reports whether a command can change what links are decided from.
func touchesLinks(cmd *Command) bool {
	switch cmd.Verb {
	case Declare, Trigger, Update, Enrich, Resolve, Reopen, SetTime, SetLevel, SetLink, Unlink, Undo, Relink, Publicise:
		return true
	}
	return cmd.Args.Alert != nil
}

// observe adds to the facts what links are decided from.
func (w *work) observe(inc *Incident, cmd *Command, f *Facts) error {
	f.Linking = w.link
	if !touchesLinks(cmd) {
		return nil
	}
	sc := &scene{l: w.link, topo: w.topo, now: w.now, boards: w.boards, force: cmd.Verb == Relink || cmd.Verb == Undo}
	for _, service := range []string{f.Service.Key, inc.Service} {
		if _, err := w.board(service); err != nil {
			return err
		}
		if err := sc.loadCallees(service, w.board); err != nil {
			return err
		}
	}
	f.scene = sc
	switch {
	case cmd.Verb == SetLink:
		return w.observeParent(inc, cmd, f)
	case existing(inc) == nil:
		return w.observePast(cmd, f)
	}
	return nil
}

// observePast adds what the past says about a new alert.
func (w *work) observePast(cmd *Command, f *Facts) error {
	alert := subject(nil, cmd)
	p, err := getPast(w.tx, pastTitleKey(&Incident{Title: vendorTitle(alert), Service: f.Service.Key}))
	if err != nil {
		return err
	}
	f.Before = p.Roots
	if cmd.Verb != Trigger || cmd.History {
		return nil
	}
	if w.link.AutoPause {
		f.Pause = p.pause()
	}
	mutes, err := allMutes(w.tx)
	if err != nil || len(mutes) == 0 {
		return err
	}
	at := cmd.At
	if !alert.CreatedAt.IsZero() && alert.CreatedAt.Before(at) {
		at = alert.CreatedAt
	}
	if m, ok := mutedBy(mutes, f.Service.Key, f.Service.Squad, at); ok {
		f.Mute = &m
	}
	return nil
}

// observeParent adds what is known of the parent that a person names; nothing
// where the person may not know of it.
func (w *work) observeParent(inc *Incident, cmd *Command, f *Facts) error {
	parent, err := w.load(cmd.Args.Parent)
	if err == nil && !parent.VisibleTo(cmd.Actor, cmd.Role) {
		err = ErrNotFound
	}
	if errors.Is(err, ErrNotFound) {
		if cmd.Args.Parent == 0 {
			return nil
		}
		return notFound(cmd.Args.Parent)
	}
	if err != nil {
		return err
	}
	if parent.duplicate() && parent.Link.Parent != 0 && parent.Link.Parent != inc.ID {
		if parent, err = w.load(parent.Link.Parent); err != nil {
			return err
		}
	}
	info := &parentInfo{id: parent.ID, private: parent.Private}
	// Up from the parent to its root: a tree is not deep.
	for p, n := parent, 0; p.Link != nil && p.Link.Parent != 0 && n < maxDepth; n++ {
		if p.Link.Parent == inc.ID {
			info.circle = true
			break
		}
		if p, err = w.load(p.Link.Parent); err != nil {
			return err
		}
	}
	f.parent = info
	return nil
}

// maxDepth bounds how far a tree is followed.
const maxDepth = 64

// spread carries out what a decision means for other incidents.
func (w *work) spread(inc *Incident, sc *scene) error {
	if sc == nil {
		return nil
	}
	if sc.own != nil && sc.own.service != w.from {
		if err := w.leave(inc, sc); err != nil {
			return err
		}
	}
	if !sc.changed {
		return nil
	}
	more, err := sc.consequences(w.board)
	if err != nil {
		return err
	}
	for _, list := range []map[ID]*decision{sc.others, more} {
		for _, id := range slices.Sorted(maps.Keys(list)) {
			if id == inc.ID {
				continue
			}
			if err := w.follow(id, &decided{decision: *list[id]}); err != nil {
				return err
			}
		}
	}
	if sc.swept == nil {
		return nil
	}
	if at := sc.swept.next(); at != 0 {
		e := effect(inc.ID, KindRelink, Once, "", itoa(int(at/1000)))
		e.Due = time.UnixMilli(at).UTC().Add(time.Second)
		if err := w.put([]Effect{e}); err != nil {
			return err
		}
	}
	return nil
}

// leave takes an incident off the board of the service that it belonged to.
func (w *work) leave(inc *Incident, sc *scene) error {
	old := w.boards[w.from]
	if old == nil || old.find(inc.ID) == nil {
		return nil
	}
	behind := &scene{l: sc.l, topo: sc.topo, now: sc.now, boards: sc.boards, own: old}
	behind.drop(inc.ID)
	w.from = old.service
	return w.spread(inc, behind)
}

// follow brings a decision to another incident.
func (w *work) follow(id ID, d *decided) error {
	inc, err := w.load(id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	w.tied = true
	return w.apply(inc, Command{Verb: Follow, Incident: id, Actor: System, Source: SourceSystem, decided: d})
}

// linked brings parents, counts and labels in line with a link that has changed.
func (w *work) linked(inc *Incident, old *Link, cmd *Command) error {
	was, is := parentOf(old), parentOf(inc.Link)
	if was == is {
		return nil
	}
	if old != nil && old.By.Kind == KindSystem && cmd.FromVendor() {
		if err := countMade(w.tx, old.Rule, -1); err != nil {
			return err
		}
	}
	if l := inc.Link; l != nil && l.By.Kind == KindSystem && cmd.Verb != Undo {
		if err := countMade(w.tx, l.Rule, 1); err != nil {
			return err
		}
	}
	if was.ID != 0 {
		if err := w.dropChild(was.ID, inc.ID); err != nil {
			return err
		}
	}
	if is.ID != 0 {
		return w.addChild(is.ID, Child{ID: inc.ID, Kind: is.Kind})
	}
	return nil
}

func ruleOf(l *Link) string {
	if l == nil {
		return ""
	}
	return l.Rule
}

func parentOf(l *Link) Child {
	if l == nil {
		return Child{}
	}
	return Child{ID: l.Parent, Kind: l.Kind}
}

// label keeps a person's correction: what was decided, and from what. Of a
// private incident not a byte leaves.
func (w *work) label(inc *Incident, old *Link, was past, cmd *Command) error {
	if cmd.Verb == Undo {
		return undoLabels(w.tx, cmd.undoes)
	}
	if inc.Private {
		return nil
	}
	for _, l := range labelsOf(inc, old, was, cmd) {
		l.At, l.By, l.Incident = w.now.UTC(), cmd.Actor, inc.ID
		n, err := addLabel(w.tx, l)
		if err != nil {
			return err
		}
		if inc.LinkWas != nil && l.Verdict != LabelLevel {
			inc.LinkWas.Labels = append(inc.LinkWas.Labels, n)
		}
	}
	return nil
}

// labelsOf says what a command tells about the rules.
func labelsOf(inc *Incident, old *Link, was past, cmd *Command) []Label {
	var out []Label
	byRule := old != nil && old.By.Kind == KindSystem
	switch cmd.Verb {
	case SetLevel:
		if inc.Level != was.level && was.levelBy.IsZero() {
			out = append(out, Label{Verdict: LabelLevel, From: was.level, To: inc.Level, Rule: was.rule, Inputs: MaskTitle(inc.Title)})
		}
	case Unlink, SetLink:
		if byRule && parentOf(old) != parentOf(inc.Link) {
			out = append(out, Label{Verdict: LabelWrong, Kind: old.Kind, Rule: old.Rule, Other: old.Parent, Inputs: inputs(inc, old)})
		}
		if l := inc.Link; cmd.Verb == SetLink && l != nil && parentOf(old) != parentOf(l) {
			out = append(out, Label{Verdict: LabelMissed, Kind: l.Kind, Other: l.Parent, Inputs: inputs(inc, l)})
		}
	}
	return out
}

// inputs says what a link was decided from, for those who judge the rules.
func inputs(inc *Incident, l *Link) string {
	b, err := json.Marshal(struct {
		Service    string    `json:"service,omitempty"`
		Title      string    `json:"title"`
		Trouble    string    `json:"trouble,omitempty"`
		Opened     time.Time `json:"opened"`
		Began      time.Time `json:"parent_began,omitzero"`
		Path       []Via     `json:"path,omitempty"`
		Confidence float64   `json:"confidence"`
	}{inc.Service, MaskTitle(inc.Title), inc.Trouble, inc.OpenedAt, l.Began, l.Path, l.Confidence})
	if err != nil { // only our own plain struct comes here
		return ""
	}
	return string(b)
}
