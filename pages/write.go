package pages

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"imbot/incident"
	"imbot/locale"
	"imbot/query"
)

// source names the pages as the system that commands come from.
const source = "web"

// writeRCA saves what was typed: as a draft, with an action, or as the complete
// RCA. Nothing typed is lost: what can not be saved is shown again, with what is
// wrong.
func (s *server) writeRCA(w http.ResponseWriter, r *http.Request, v *visitor) error {
	if err := r.ParseForm(); err != nil {
		return bodyError(err)
	}
	t := readForm(r.PostForm)
	err := s.save(w, r, v, t)
	if err != nil && statusOf(err) >= http.StatusInternalServerError {
		s.Logger.Error("pages.server not saved", "request", w.Header().Get("X-Request-Id"), "err", err)
		return s.keep(w, r, v, statusOf(err))
	}
	return err
}

func (s *server) save(w http.ResponseWriter, r *http.Request, v *visitor, t *form) error {
	q, story, err := s.load(r, v)
	if err != nil {
		return err
	}
	if err := v.mayWrite(false, q); err != nil {
		return err
	}
	if d := t.merge(q.Incident, v.zone); d != nil {
		return s.conflict(w, v, q, story, d)
	}
	o, err := s.carryOut(r.Context(), v, q, t)
	meanwhile := errors.Is(err, errMeanwhile)
	switch {
	case err != nil && !meanwhile:
		return err
	case !meanwhile && len(o.errs) == 0:
		to := "/incidents/" + q.Incident.ID.String()
		if t.op != opFinish {
			to += "/rca?done=" + cmp.Or(o.done, "none")
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
	if q, story, err = s.load(r, v); err != nil { // a part is saved, or it is another's
		return err
	}
	t.values = t.without(o.done)
	d := &draft{values: t.values, errs: o.errs, version: versionOf(q.Incident, v.zone)}
	if meanwhile {
		if m := t.merge(q.Incident, v.zone); m != nil {
			d = m
		}
		return s.conflict(w, v, q, story, d)
	}
	p := s.rcaPage(v, q, story, d)
	p.Problem = cmp.Or(p.Problem, v.T("web.rca.mend"))
	return s.show(w, http.StatusUnprocessableEntity, "rca", p)
}

// conflict shows what was typed together with what somebody else saved since the
// form was read.
func (s *server) conflict(w http.ResponseWriter, v *visitor, q *query.View, story *story, d *draft) error {
	p := s.rcaPage(v, q, story, d)
	p.Problem = v.T("web.rca.conflict", "who", person(q.Incident.Postmortem.By), "when", v.when(q.Incident.Postmortem.At))
	return s.show(w, http.StatusConflict, "rca", p)
}

// errMeanwhile says that somebody else saved in the same moment.
var errMeanwhile = errors.New("somebody else saved in the same moment")

// outcome is what a form has led to.
type outcome struct {
	done string            // "action" if one was added, else "draft"; "": nothing was saved
	errs map[string]string // what is wrong, by field
}

// carryOut gives the commands of the form, one after the other. What is wrong
// with one keeps the others from nothing but completing the RCA. An RCA that is
// complete stays so: what is changed in it makes the next revision.
func (s *server) carryOut(ctx context.Context, v *visitor, q *query.View, t *form) (outcome, error) {
	o := outcome{errs: map[string]string{}}
	complete := t.op == opFinish || (q.Incident.Postmortem.State == incident.PostmortemComplete && v.mayWrite(true, q) == nil)
	for _, c := range t.commands(v, q.Incident, s.Now(), complete, o.errs) {
		c.Actor, c.Role, c.Source = v.Actor, v.Role, source
		inc, err := s.try(ctx, c, len(o.errs) > 0)
		var p *incident.Problem
		if inc != nil && !stands(inc, &c) || errors.As(err, &p) && p.Key == "rca_changed" {
			return o, errMeanwhile
		}
		if err != nil && !v.note(o.errs, err, inputOf(&c)) {
			return o, err
		}
		if inc == nil {
			continue
		}
		if c.Verb == incident.DoAction {
			o.done = "action"
		}
		o.done = cmp.Or(o.done, "draft")
	}
	return o, nil
}

// try gives one command. What can not be completed, or shall not since something
// else is wrong, is saved as a draft at least; then both results are set. Both
// are nil where there was nothing to save.
func (s *server) try(ctx context.Context, c incident.Command, wrong bool) (*incident.Incident, error) {
	if !c.Args.Complete {
		return s.Service.Do(ctx, c)
	}
	var why error
	if !wrong {
		inc, err := s.Service.Do(ctx, c)
		if err == nil {
			return inc, nil
		}
		why = err
	}
	c.Args.Complete = false
	if len(c.Args.RCA) == 0 {
		return nil, why
	}
	inc, err := s.Service.Do(ctx, c)
	if err != nil {
		return nil, err
	}
	return inc, why
}

// note writes an error that may be shown beside its field; false for one that is
// no fault of the form. at is the field, where the error does not know better.
func (v *visitor) note(errs map[string]string, err error, at string) bool {
	var p *incident.Problem
	if !errors.As(err, &p) || errors.Is(err, incident.ErrForbidden) || errors.Is(err, incident.ErrNotFound) {
		return false
	}
	if missing, ok := p.Args["missing"].([]string); ok && len(missing) > 0 {
		for _, f := range missing {
			errs[f] = v.T("form.required")
		}
		return true
	}
	if name := "action_" + p.Field; slices.Contains(formNames, name) {
		at = name
	} else if slices.Contains(formNames, p.Field) {
		at = p.Field
	}
	errs[at] = locale.Problem(v.Lang(), p)
	return true
}
