package effects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/outbox"
	"imbot/query"
)

// WakeAPI is how PagerDuty wakes people; *pagerduty.Client is one.
type WakeAPI interface {
	UserByEmail(ctx context.Context, email string) (pagerduty.User, error)
	RequestResponders(ctx context.Context, incidentID, from, message string, users []string) error
	Responders(ctx context.Context, incidentID string) ([]pagerduty.Responder, error)
	CreateIncident(ctx context.Context, from string, n pagerduty.NewIncident) (*pagerduty.Incident, error)
	Resolve(ctx context.Context, from, id, resolution string) error
}

// Why nobody was woken, besides the reasons of a Gap and the words of PagerDuty.
// What people read for them is in the message catalogue, under "standby.".
const (
	WhyNobodyNext = incident.WhyNobodyNext
	WhyUnknown    = incident.WhyUnknown // PagerDuty does not know the person
	WhyNoService  = "no_pager_service"  // the catalog does not say what PagerDuty calls the service
	WhyNoPager    = "no_pager"          // PagerDuty is not configured
	WhyNoToken    = "no_token"          // PagerDuty only tells imbot, and takes nothing
)

var errNoService = errors.New("the service has no pagerduty_service_id in the catalog")

// Waker wakes people through PagerDuty, for a chat wakes nobody.
type Waker struct {
	API     WakeAPI // nil: nobody can be woken, and the card says so
	Off     string  // why API is nil: WhyNoPager or WhyNoToken
	Standby Standby
	Service Doer
	View    Viewer
	// PagerService returns PagerDuty's id of a service; "" where it has none.
	PagerService func(service string) string
	// PagerUser returns PagerDuty's id of a person where the catalog says it; ""
	// where it does not.
	PagerUser func(person incident.Actor) string
	Now       func() time.Time
}

// whySilent is the Why of a Gap whose source did not answer, and may later.
const whySilent = "unreachable"

// How long a source of standby that does not answer is asked again.
const (
	findPause    = 30 * time.Second
	findPatience = time.Minute   // then people are told that nobody was woken yet
	findGiveUp   = 2 * time.Hour // then whoever is needed has been called in another way
)

// Find finds who is on standby, or who comes next. A source that does not answer
// is asked again: nobody may be left asleep for one answer that got lost.
func (w *Waker) Find(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.PageData](job)
	if err != nil {
		return err
	}
	change := incident.PageChange{Step: incident.PageFound, By: d.By, Note: d.Reason, Round: d.Round}
	if !d.After.IsZero() && len(d.Roles) == 1 {
		next, err := w.next(ctx, job.Incident, d)
		if err != nil {
			return err
		}
		change.Found, change.After = append(change.Found, next), true
		return w.step(ctx, job, "", change)
	}
	age := w.Now().Sub(job.FirstDue)
	elsewhere, err := w.elsewhere(ctx, job.Incident, d, age)
	if err != nil {
		return err
	}
	there := incident.PageChange{Step: incident.PageFound}
	duties, gaps := w.Standby.On(ctx, d.Roles)
	for _, duty := range duties {
		p := incident.Paged{Person: duty.Person, Role: duty.Role}
		if elsewhere != nil && elsewhere.Called(duty.Person) {
			there.Found = append(there.Found, p)
			p.State, p.Detail = incident.PageElsewhere, elsewhere.ID.String()
		}
		change.Found = append(change.Found, p)
	}
	if len(there.Found) > 0 { // who comes next for the role is called there, too
		host := job
		host.Incident = elsewhere.ID
		if err := w.step(ctx, host, fmt.Sprint("there/", job.Attempt), there); err != nil {
			return err
		}
	}
	var silent []string
	for _, g := range gaps {
		if g.Why == whySilent {
			silent = append(silent, g.Role)
			if age < findPatience {
				continue
			}
		}
		change.Found = append(change.Found, incident.Paged{Role: g.Role, Detail: g.Why})
	}
	if len(silent) == 0 || age >= findGiveUp {
		return w.step(ctx, job, "", change)
	}
	return w.findLater(ctx, job, change, silent)
}

// otherFirst is how long a page waits to see whom the other incident wakes.
const otherFirst = 10 * time.Second

// elsewhere is the incident whose room serves this one, where the level wants
// people woken: whoever is called for that sits in the same room already. nil
// where there is none, or it is over.
func (w *Waker) elsewhere(ctx context.Context, id incident.ID, d incident.PageData, age time.Duration) (*incident.Incident, error) {
	if d.Round > 0 || !d.By.IsZero() {
		return nil, nil // a person asks
	}
	v, err := w.View.Get(ctx, query.Self, id, false)
	if err != nil {
		return nil, err
	}
	other, err := host(ctx, w.View, v.Incident)
	switch {
	case err != nil || other == nil || !other.Active():
		return nil, err
	case len(other.Pages) == 0 && age < otherFirst:
		return nil, outbox.Later(w.Now().Add(otherFirst/2), "it is not known yet who is woken for "+other.ID.String())
	}
	return other, nil
}

// next finds who comes after somebody for a role. Whoever was called for in vain
// already is passed over.
func (w *Waker) next(ctx context.Context, id incident.ID, d incident.PageData) (incident.Paged, error) {
	v, err := w.View.Get(ctx, query.Self, id, false)
	if err != nil {
		return incident.Paged{}, err
	}
	role, after := d.Roles[0], d.After
	for range len(v.Incident.Pages) + 1 { // no chain has more who were called for
		next, ok := w.Standby.Next(ctx, role, after)
		if !ok {
			break
		}
		if !v.Incident.InVain(next.Person, d.Round) {
			return incident.Paged{Person: next.Person, Role: next.Role}, nil
		}
		after = next.Person
	}
	return incident.Paged{Role: role, Detail: WhyNobodyNext}, nil
}

// findLater wakes those who were found, and comes back for the other roles. The
// rules wake nobody twice for that.
func (w *Waker) findLater(ctx context.Context, job outbox.Job, change incident.PageChange, silent []string) error {
	v, err := w.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	if !v.Incident.Active() {
		return notNeeded("it was over before it was known who is on standby")
	}
	if len(change.Found) > 0 {
		if err := w.step(ctx, job, fmt.Sprint("try/", job.Attempt), change); err != nil {
			return err
		}
	}
	return outbox.Later(w.Now().Add(findPause), "who is on standby could not be asked for: "+strings.Join(silent, ", "))
}

// Wake wakes one person. PagerDuty does not recognise a repeated request to a
// responder: from the second attempt on it is looked for first. An incident that
// is made instead has a key, by which PagerDuty makes one only.
func (w *Waker) Wake(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.WakeData](job)
	if err != nil {
		return err
	}
	v, err := w.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	if !v.Incident.Active() {
		return notNeeded("the incident was over before anybody was woken")
	}
	if !v.Incident.Waking(d.Person, d.Again) {
		return notNeeded("it is known what became of it")
	}
	if w.API == nil {
		return w.refuse(ctx, job, d, w.Off)
	}
	user, err := w.user(ctx, d.Person)
	if outbox.Permanent(err) { // another one may be known
		return w.step(ctx, job, "refused", incident.PageChange{Step: incident.PageRefused, Who: d.Person, Again: d.Again, Why: WhyUnknown, Next: true})
	}
	if err != nil {
		return err
	}
	ref, err := w.ask(ctx, job, v, d, user)
	if errors.Is(err, errNoService) {
		return w.refuse(ctx, job, d, WhyNoService)
	}
	if outbox.Permanent(err) {
		return w.refuse(ctx, job, d, err.Error())
	}
	if err != nil {
		return err
	}
	return w.step(ctx, job, "done", incident.PageChange{Step: incident.PageDone, Who: d.Person, Again: d.Again, Ref: ref, User: user})
}

// ask makes the request: for help with the pager's incident where there is one,
// else by an incident that is assigned to the person.
func (w *Waker) ask(ctx context.Context, job outbox.Job, v *query.View, d incident.WakeData, user string) (ref string, err error) {
	from := sender(ctx, w.API, d.By)
	alert, known := v.Incident.AlertRef()
	if known && alert.System == incident.SourcePagerDuty {
		err := w.respond(ctx, job, v, d, alert.ID, from, user)
		var e *pagerduty.Error
		// Accounts without responder requests, and incidents that are over there,
		// refuse: an incident of its own does it, too.
		if err == nil || !errors.As(err, &e) || !e.Permanent() || errors.Is(err, pagerduty.ErrSender) {
			return "", err
		}
	}
	service := w.PagerService(v.Incident.Service)
	if service == "" {
		return "", errNoService
	}
	in, err := w.API.CreateIncident(ctx, from, pagerduty.NewIncident{
		Title: wakeText(v, d), ServiceID: service, Assignees: []string{user}, Urgency: "high",
		IncidentKey: incident.WakeKey(job.Incident, d.Person, d.Again), Details: v.URL,
	})
	if err != nil {
		return "", err
	}
	return in.ID, nil
}

func (w *Waker) respond(ctx context.Context, job outbox.Job, v *query.View, d incident.WakeData, alert, from, user string) error {
	text := wakeText(v, d)
	if job.Attempt > 1 {
		asked, err := w.API.Responders(ctx, alert)
		if err != nil {
			return err
		}
		since := job.FirstDue.Add(-clockSkew)
		if slices.ContainsFunc(asked, func(r pagerduty.Responder) bool {
			return r.User != nil && r.User.ID == user && (d.Again == 0 || r.RequestedAt.After(since)) // else it is an earlier page
		}) {
			return nil
		}
	}
	return w.API.RequestResponders(ctx, alert, from, text, []string{user})
}

// Waited looks whether whoever was woken has answered.
func (w *Waker) Waited(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.WakeData](job)
	if err != nil {
		return err
	}
	return w.step(ctx, job, "", incident.PageChange{Step: incident.PageWaited, Who: d.Person, Again: d.Again})
}

// Over resolves what was made in PagerDuty to wake somebody. Doing it again
// changes nothing there.
func (w *Waker) Over(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.PageOverData](job)
	if err != nil {
		return err
	}
	v, err := w.View.Get(ctx, query.Self, job.Incident, false)
	switch {
	case err != nil:
		return err
	case v.Incident.Active():
		return notNeeded("the incident was reopened before PagerDuty could be told")
	case w.API == nil:
		return outbox.Skip(w.Off)
	}
	return settled(w.API.Resolve(ctx, "", d.Ref, job.Incident.String()+" is over"))
}

func (w *Waker) refuse(ctx context.Context, job outbox.Job, d incident.WakeData, why string) error {
	return w.step(ctx, job, "refused", incident.PageChange{Step: incident.PageRefused, Who: d.Person, Again: d.Again, Why: why})
}

func (w *Waker) step(ctx context.Context, job outbox.Job, what string, c incident.PageChange) error {
	_, err := w.Service.Do(ctx, incident.Command{
		Verb: incident.PageStep, Incident: job.Incident, Actor: incident.System, Source: incident.SourceSystem,
		Keys: []string{"page/" + job.Key + "/" + what}, Args: incident.Args{Page: &c},
	})
	return err
}

// user is PagerDuty's id of a person.
func (w *Waker) user(ctx context.Context, who incident.Actor) (string, error) {
	if id := w.PagerUser(who); id != "" {
		return id, nil
	}
	if id, ok := strings.CutPrefix(who.ID, "pd:"); ok {
		return strings.ToUpper(id), nil
	}
	if !strings.Contains(who.ID, "@") {
		return "", fmt.Errorf("%w: no mail address is known", outbox.ErrPermanent)
	}
	u, err := w.API.UserByEmail(ctx, who.ID)
	return u.ID, err
}

// wakeText is what is read on a lock screen at night. A private incident's title
// stays here.
func wakeText(v *query.View, d incident.WakeData) string {
	parts := []string{v.Incident.ID.String()}
	if !v.Incident.Private {
		parts = append(parts, v.Level.Title+": "+incident.Clip(incident.Line(v.Incident.Title), 160))
	}
	if d.Role != "" {
		parts = append(parts, "you are on standby for "+strings.TrimPrefix(d.Role, incident.PartSquad))
	}
	if d.Reason != "" && !v.Incident.Private {
		parts = append(parts, incident.Clip(incident.Line(d.Reason), 160))
	}
	if v.URL != "" {
		parts = append(parts, v.URL)
	}
	return strings.Join(parts, " · ")
}
