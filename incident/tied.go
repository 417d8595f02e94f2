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
