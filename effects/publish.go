package effects

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/confluence"
	"imbot/outbox"
	"imbot/postmortem"
	"imbot/query"
)

// PagePutter keeps pages in Confluence; *confluence.Client is one.
type PagePutter interface {
	Put(ctx context.Context, p confluence.Page, known string) (confluence.Made, error)
}

// WholeViewer reads incidents with all that a document says; *query.Reader is
// one.
type WholeViewer interface {
	Whole(ctx context.Context, viewer query.Viewer, id incident.ID) (*query.View, error)
}

// Publisher keeps the page of each postmortem in Confluence: it is made once and
// written anew for each change. It shows what everybody may know, and nothing of
// private incidents.
//
// A page is recognised by its id, or by its mark where the answer to its
// creation was lost. Effects of one incident run one after the other, so that no
// two attempts overlap.
type Publisher struct {
	API      PagePutter
	Service  Doer
	View     WholeViewer
	Language func(squad string) string // of a squad's pages; nil: English
	Location *time.Location            // of all times; nil: UTC
}

// pageKey is the mark by which an incident's page is found again.
func pageKey(id incident.ID) string { return "imbot-" + id.String() }

// Publish makes or updates the page of an incident.
func (p *Publisher) Publish(ctx context.Context, job outbox.Job) error {
	v, err := p.View.Whole(ctx, query.Everybody, job.Incident)
	if errors.Is(err, incident.ErrNotFound) {
		return nil // it is private: nothing is told, and its page is for people to delete
	}
	if err != nil {
		return err
	}
	if !v.Incident.PageWanted(v.Level) {
		return nil
	}
	o := postmortem.Options{Zone: p.Location, Kept: true}
	if p.Language != nil {
		o.Lang = p.Language(v.Incident.Squad)
	}
	doc := postmortem.Document(v, o)
	known, _ := v.Incident.PublicPage()
	made, err := p.API.Put(ctx, confluence.Page{Key: pageKey(job.Incident), Title: doc.Title, Body: Storage(&doc)}, known.ID)
	if err != nil {
		return slower(job, err)
	}
	ref := incident.Ref{System: incident.SourceConfluence, Role: incident.RolePage, ID: made.ID, URL: shortURL(made)}
	if ref == known {
		return nil
	}
	_, err = p.Service.Do(ctx, incident.Command{
		Verb: incident.Attach, Incident: job.Incident, Actor: incident.System, Source: incident.SourceSystem, Args: incident.Args{Ref: &ref},
	})
	return err
}

// shortURL is the page's address without its title, which may change. Without
// that Confluence leads to the page all the same.
func shortURL(m confluence.Made) string {
	u, err := url.Parse(m.URL)
	if err != nil {
		return m.URL
	}
	before, _, ok := strings.Cut(u.Path, "/pages/"+m.ID+"/")
	if !ok {
		return m.URL
	}
	u.Path, u.RawPath = before+"/pages/"+m.ID, ""
	return u.String()
}

// Bounds of the wait before Confluence is tried again where it does not say when
// it may be: a page that was just made is not in its lists at once, and would not
// be found again.
const (
	minPageWait = 2 * time.Second
	maxPageWait = 5 * time.Minute
)

// slower asks for a wait that grows, and never is too short.
func slower(job outbox.Job, err error) error {
	var e *confluence.Error
	if !errors.As(err, &e) || e.Permanent() {
		return err
	}
	wait := min(maxPageWait, minPageWait<<min(max(job.Attempt-1, 0), 10))
	return &waitError{err, max(wait, e.RetryAfter())}
}
