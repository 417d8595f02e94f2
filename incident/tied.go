package incident

import "errors"

// maxTied bounds whose cards follow a change of an incident beside theirs; that
// it has become private all of them follow.
const maxTied = 20

// face is what the cards and pages of other incidents say of this one.
type face struct {
	title, service, level, room string
	status                      Status
	private                     bool
}

func faceOf(inc *Incident) face {
	f := face{title: inc.Title, service: inc.ServiceName, level: inc.Level, status: inc.Status, private: inc.Private}
	if inc.Room.Usable() {
		f.room = inc.Room.URL
	}
	return f
}

// tellTied brings the cards and pages up to date that say something of an incident
// beside theirs: those of its parent, its children, and of the burst that it has
// left.
func (w *work) tellTied(inc, old *Incident) error {
	is, was := faceOf(inc), faceOf(old)
	if old.Episode == 0 || is == was {
		return nil
	}
	var ids []ID
	if inc.Link != nil && inc.Link.Parent != 0 {
		ids = append(ids, inc.Link.Parent)
	}
	for _, c := range inc.Children {
		ids = append(ids, c.ID)
	}
	if len(ids) > maxTied && is.private == was.private {
		ids = ids[:maxTied]
	}
	if err := w.redraw(ids...); err != nil || inc.Link == nil {
		return err
	}
	parent, err := w.load(inc.Link.Parent)
	if err != nil || parent.Link == nil {
		return nil // or not known yet
	}
	top, err := w.load(parent.Link.Parent)
	if err != nil {
		return nil
	}
	return w.put(top.pageEffects(w.now)) // pages show one generation more
}

// maxAlike bounds the records that are looked through for those that name an
// incident as a similar one.
const maxAlike = 5000

// tellAlike takes an incident that has become private from the cards and pages of
// its service's other incidents, which name it, with its cause, as a similar one.
// Cards do while their incident is not closed, pages always.
func (w *work) tellAlike(inc, old *Incident) error {
	if old.Episode == 0 || !inc.Private || old.Private || inc.Service == "" {
		return nil
	}
	var active, closed []ID
	n := 0
	err := w.tx.Rows(Cursor{}, false, func(r Row) bool {
		switch {
		case r.Service != inc.Service || r.ID == inc.ID:
		case r.Status == Closed:
			closed = append(closed, r.ID)
		default:
			active = append(active, r.ID)
		}
		n++
		return n < maxAlike
	})
	if err != nil {
		return err
	}
	if err := w.redraw(active...); err != nil {
		return err
	}
	for _, id := range closed {
		other, err := w.load(id)
		if err != nil {
			return err
		}
		if err := w.put(other.pageEffects(w.now)); err != nil {
			return err
		}
	}
	return nil
}

// redraw brings the cards and pages of incidents up to date.
func (w *work) redraw(ids ...ID) error {
	for _, id := range ids {
		inc, err := w.load(id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := w.put(append(cardsOf(inc), inc.pageEffects(w.now)...)); err != nil {
			return err
		}
	}
	return nil
}
