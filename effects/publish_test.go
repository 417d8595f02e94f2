package effects_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/confluence"
	"imbot/integrations/confluence/confluencesim"
	"imbot/query"
)

// TestPublish: the page is made once, a minute after the first change, and
// written anew after others, each burst of them once.
func TestPublish(t *testing.T) {
	r := newWikiRig(t)
	id := r.declare(incident.Args{Title: "Checkout <b>fails</b> & burns", Description: "one in three"})
	r.do(incident.Command{Verb: incident.Ack, Incident: id})
	r.settle(59 * time.Second)
	if n := len(r.wiki.Requests()); n != 0 {
		t.Fatalf("%d requests within a minute", n)
	}
	r.settle(time.Minute)
	p := r.one(id)
	if p.Title != "INC-1 Checkout <b>fails</b> & burns" || p.Version != 1 || r.published(id) != 1 {
		t.Errorf("page %q, version %d, %d entries", p.Title, p.Version, r.published(id))
	}
	wantBody(t, p, "AKTIF", "one in three", "Draf RCA", "https://imbot.example.com/incidents/INC-1/rca")

	for _, s := range []string{"a", "b", "c"} {
		r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "note " + s}})
		r.settle(5 * time.Second)
	}
	r.do(incident.Command{Verb: incident.Resolve, Incident: id})
	r.do(incident.Command{Verb: incident.WriteRCA, Incident: id, Args: incident.Args{Complete: true, RCA: map[string]string{
		"summary": "the pool ran dry", "impact": "none could pay", "root_cause": "a leak", "category": "code", "resolution_steps": "rolled back",
	}}})
	r.settle(time.Hour)
	p = r.one(id)
	if p.Version != 2 || r.writes("") != 2 || r.published(id) != 1 {
		t.Errorf("version %d, %d writes, %d entries", p.Version, r.writes(""), r.published(id))
	}
	wantBody(t, p, "note a", "note c", "DITUTUP", "RCA lengkap", "the pool ran dry")

	// The same page serves when it is opened again, and what shows nothing new
	// writes nothing.
	r.do(incident.Command{Verb: incident.Reopen, Incident: id, Args: incident.Args{Reason: "again"}})
	r.settle(time.Hour)
	if p = r.one(id); p.Version != 3 {
		t.Errorf("reopened: version %d", p.Version)
	}
	wantBody(t, p, "AKTIF", "Draf RCA")
	r.do(incident.Command{Verb: incident.Subscribe, Incident: id, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: "eko@example.com"}}})
	r.settle(time.Hour)
	if p = r.one(id); p.Version != 3 || r.writes("") != 3 {
		t.Errorf("subscribed: version %d, %d writes", p.Version, r.writes(""))
	}
}

// pageFault is what goes wrong with a request, and how it ends.
type pageFault struct {
	confluencesim.Fault
	dead  bool
	after time.Duration // until the next try
}

var pageFaults = map[string]pageFault{
	"timeout":           {Fault: confluencesim.Fault{Hang: true}, after: 2 * time.Second},
	"500":               {Fault: confluencesim.Fault{Status: 500}, after: 2 * time.Second},
	"503":               {Fault: confluencesim.Fault{Status: 503}, after: 2 * time.Second},
	"429":               {Fault: confluencesim.Fault{Status: 429, RetryAfter: 77 * time.Second}, after: 77 * time.Second},
	"429, too soon":     {Fault: confluencesim.Fault{Status: 429, RetryAfter: time.Second}, after: 2 * time.Second},
	"no answer":         {Fault: confluencesim.Fault{Drop: true}, after: 2 * time.Second},
	"done, answer lost": {Fault: confluencesim.Fault{After: true, Drop: true}, after: 2 * time.Second},
	"done, 502":         {Fault: confluencesim.Fault{After: true, Status: 502, Body: "<html>Bad gateway</html>"}, after: 2 * time.Second},
	"done, login page":  {Fault: confluencesim.Fault{After: true, Status: 200, Body: "<html>Log in</html>"}, after: 2 * time.Second},
	"400":               {Fault: confluencesim.Fault{Status: 400}, dead: true},
	"401":               {Fault: confluencesim.Fault{Status: 401}, dead: true},
	"403":               {Fault: confluencesim.Fault{Status: 403}, dead: true},
	"302":               {Fault: confluencesim.Fault{Status: 302, Location: "/login"}, dead: true},
}

// TestPublishFaults: each request of the page, gone wrong in each way. In the end
// there is one page, as it should be.
func TestPublishFaults(t *testing.T) {
	for what, method := range map[string]string{"find the space": http.MethodGet, "create": http.MethodPost, "update": http.MethodPut} {
		for name, f := range pageFaults {
			t.Run(what+" "+name, func(t *testing.T) {
				t.Parallel()
				publishFault(t, newWikiRig(t), method, f)
			})
		}
	}
}

func publishFault(t *testing.T, r *wikiRig, method string, f pageFault) {
	id := r.declare(incident.Args{Title: "Checkout fails"})
	if method == http.MethodPut {
		r.settle(time.Hour)
		r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "news"}})
	}
	f.Method, f.Times = method, 1
	r.wiki.Inject(f.Fault)
	r.calls = nil
	r.pass(time.Minute)
	_, _, err := r.runner.RunDue(hurried(t.Context()))
	must(t, err)
	got := r.effect(id)
	if f.dead {
		if got.State != dead || got.Error == "" || len(r.dead) != 1 {
			t.Fatalf("it is %s (%s), dead %q", got.State, got.Error, r.dead)
		}
		if tr := r.view(id).Trouble; len(tr) == 0 {
			t.Error("the incident shows no trouble")
		}
		r.do(incident.Command{Verb: incident.Retry, Incident: id})
	} else if after := got.NextAt.Sub(r.calls[0]); got.State != waiting || after != f.after {
		t.Fatalf("it is %s (%s), and tried again after %s, want %s", got.State, got.Error, after, f.after)
	}
	r.settle(time.Hour)
	if got := r.effect(id); got.State != done {
		t.Errorf("in the end it is %s: %s", got.State, got.Error)
	}
	p := r.one(id)
	if method == http.MethodPut {
		wantBody(t, p, "news")
	}
	if r.published(id) != 1 {
		t.Errorf("%d entries", r.published(id))
	}
}

// TestPublishBackoff: a Confluence that is down is asked ever more seldom.
func TestPublishBackoff(t *testing.T) {
	r := newWikiRig(t)
	r.declare(incident.Args{Title: "Checkout fails"})
	r.wiki.Inject(confluencesim.Fault{Status: 503})
	r.settle(time.Hour)
	var waits []time.Duration
	for i := 1; i < len(r.calls); i++ {
		waits = append(waits, r.calls[i].Sub(r.calls[i-1]))
	}
	if n := len(waits); n < 10 || waits[0] != 2*time.Second || waits[1] != 4*time.Second || waits[n-1] != 5*time.Minute {
		t.Errorf("waits %v", waits)
	}
}

// TestPublishTokenExpired: each change runs into it anew, and it is said once.
func TestPublishTokenExpired(t *testing.T) {
	r := newWikiRig(t)
	r.wiki.Inject(confluencesim.Fault{Status: 401})
	id := r.declare(incident.Args{Title: "Checkout answers with errors"})
	for range 5 {
		r.settle(time.Hour)
		r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "still looking"}})
	}
	r.settle(time.Hour)
	said := func() (n int) {
		v, err := r.reader.Whole(t.Context(), query.Everybody, id)
		must(t, err)
		for _, e := range v.Timeline {
			if e.Kind == incident.EvFailed {
				n++
			}
		}
		return n
	}
	if len(r.dead) != 6 || said() != 1 || r.effect(id).State != incident.EffectDead {
		t.Errorf("%d failures, said %d times, the effect is %+v", len(r.dead), said(), r.effect(id))
	}
	r.do(incident.Command{Verb: incident.Retry, Incident: id})
	if r.settle(time.Hour); said() != 2 {
		t.Errorf("said %d times after somebody had it run again in vain", said())
	}
	r.wiki.ClearFaults()
	r.do(incident.Command{Verb: incident.Retry, Incident: id})
	if r.settle(time.Hour); r.effect(id).State != incident.EffectDone || len(r.wiki.Pages()) != 1 {
		t.Errorf("mended: %+v", r.effect(id))
	}
}

// TestPublishKilled: whoever takes over after a crash between two steps finds
// the page that was made.
func TestPublishKilled(t *testing.T) {
	// After the page was made, before that is recorded.
	r := newWikiRig(t)
	id := r.declare(incident.Args{Title: "Checkout fails"})
	r.wiki.Inject(confluencesim.Fault{Method: http.MethodPost, Times: 1, Meanwhile: func() {
		r.mu.Lock()
		r.lost = true
		r.mu.Unlock()
	}})
	r.pass(time.Minute)
	_, _, err := r.runner.RunDue(hurried(t.Context()))
	must(t, err)
	if _, ok := r.view(id).Incident.PublicPage(); ok || len(r.wiki.Pages()) != 1 {
		t.Fatalf("known %v, pages %d", ok, len(r.wiki.Pages()))
	}
	r.lost = false
	r.runner = r.newRunner()
	r.settle(time.Hour)
	r.one(id)

	// While the request runs: its job is leased, and nobody ends it.
	r = newWikiRig(t)
	id = r.declare(incident.Args{Title: "Checkout fails"})
	r.pass(time.Minute)
	jobs, err := r.store.Lease(t.Context(), r.clock(), r.clock().Add(time.Minute), 100)
	must(t, err)
	ran := false
	for _, job := range jobs {
		if job.Kind == incident.KindPublish {
			r.wiki.Inject(confluencesim.Fault{Method: http.MethodPost, Times: 1, After: true, Drop: true})
			if err := r.pages.Publish(t.Context(), job); err == nil {
				t.Error("the lost answer is no error")
			}
			ran = true
		}
	}
	if !ran {
		t.Fatal("the effect is not due")
	}
	r.runner = r.newRunner()
	r.settle(time.Hour)
	r.one(id)
}

// TestPublishTitleTaken: the page of somebody else is left alone.
func TestPublishTitleTaken(t *testing.T) {
	r := newWikiRig(t)
	other := r.wiki.AddPage("OPS", "INC-1 Checkout fails", "<p>mine</p>")
	id := r.declare(incident.Args{Title: "Checkout fails"})
	r.settle(time.Hour)
	if p := r.one(id); p.Title != "INC-1 Checkout fails (INC-1)" {
		t.Errorf("page %q", p.Title)
	}
	if p, _ := r.wiki.Page(other); p.Body != "<p>mine</p>" || p.Version != 1 {
		t.Errorf("the page of somebody else is %+v", p)
	}
}

// TestPublishDeleted: a page that people delete comes back with the next change,
// and is the one that the incident knows.
func TestPublishDeleted(t *testing.T) {
	r := newWikiRig(t)
	id := r.declare(incident.Args{Title: "Checkout fails"})
	r.settle(time.Hour)
	first := r.one(id)
	r.wiki.Purge(first.ID)
	r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "news"}})
	r.settle(time.Hour)
	if p := r.one(id); p.ID == first.ID || r.published(id) != 2 {
		t.Errorf("page %s after %s, %d entries", p.ID, first.ID, r.published(id))
	}
}

// TestPublishNever: nothing is told of what is private, hidden, or owes no RCA.
func TestPublishNever(t *testing.T) {
	r := newWikiRig(t)
	secret := r.declare(incident.Args{Title: "Secret leak", Level: "security"})
	r.declare(incident.Args{Title: "Odd", Level: incident.Other})
	r.do(incident.Command{Verb: incident.AddNote, Incident: secret, Args: incident.Args{Text: "Secret note"}})
	became := r.declare(incident.Args{Title: "Secret too"})
	r.do(incident.Command{Verb: incident.SetLevel, Incident: became, Args: incident.Args{Level: "security"}})
	r.settle(time.Hour)
	if n := len(r.wiki.Requests()); n != 0 {
		t.Errorf("%d requests: %s", n, r.wiki.Dump())
	}
	if r.published(became) != 0 {
		t.Error("a page that is not there is said to be exposed")
	}
	r.do(incident.Command{Verb: incident.Publicise, Incident: secret, Args: incident.Args{Reason: "over"}})
	r.settle(time.Hour)
	if p := r.one(secret); !strings.Contains(p.Title, "Secret leak") {
		t.Errorf("page %q", p.Title)
	}
}

// TestPublishThenPrivate: the page stays as it was, nothing more is told, and
// people are told to delete it.
func TestPublishThenPrivate(t *testing.T) {
	r := newWikiRig(t)
	id := r.declare(incident.Args{Title: "Checkout fails"})
	r.settle(time.Hour)
	before := r.writes("")
	r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "public words"}})
	r.do(incident.Command{Verb: incident.SetLevel, Incident: id, Args: incident.Args{Level: "security"}})
	r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "secret words"}})
	r.settle(time.Hour)
	if r.writes("") != before || strings.Contains(string(r.wiki.Dump()), "secret words") {
		t.Errorf("%d writes after it became private", r.writes("")-before)
	}
	var said incident.Event
	for _, e := range r.view(id).Timeline {
		if e.Kind == incident.EvPublished {
			said = e
		}
	}
	if ref, _ := r.view(id).Incident.PublicPage(); said.Data["how"] != "exposed" || said.Data["url"] != ref.URL || ref.URL == "" {
		t.Errorf("the timeline says %+v of %+v", said, ref)
	}
}

// TestPublishRelatives: of private incidents around it nothing is on the page.
func TestPublishRelatives(t *testing.T) {
	r := newWikiRig(t)
	id := r.declare(incident.Args{Title: "Checkout fails"})
	child := r.declare(incident.Args{Title: "Finder fails", Service: "finder"})
	secret := r.declare(incident.Args{Title: "Hidden fails", Service: "finder"})
	for _, c := range []incident.ID{child, secret} {
		r.do(incident.Command{Verb: incident.SetLink, Incident: c, Args: incident.Args{Parent: id, LinkKind: incident.LinkCascade}})
	}
	r.do(incident.Command{Verb: incident.SetLevel, Incident: secret, Args: incident.Args{Level: "security"}})
	r.settle(time.Hour)
	var p confluencesim.Page
	for _, x := range r.wiki.Pages() {
		if strings.Contains(x.Title, "Checkout") {
			p = x
		}
	}
	wantBody(t, p, child.String(), "Finder fails")
	if strings.Contains(p.Body, secret.String()) || strings.Contains(p.Body, "Hidden") {
		t.Errorf("the page tells of %s: %s", secret, p.Body)
	}
}

// refusing fails every time.
type refusing struct{ err error }

func (f refusing) Put(context.Context, confluence.Page, string) (confluence.Made, error) {
	return confluence.Made{}, f.err
}

// TestPublishOtherErrors: an error that is none of Confluence's is left to the
// outbox as it is.
func TestPublishOtherErrors(t *testing.T) {
	r := newWikiRig(t)
	r.declare(incident.Args{Title: "Checkout fails"})
	odd := errors.New("odd")
	p := &effects.Publisher{API: refusing{odd}, Service: r.svc, View: r.reader}
	r.pass(time.Minute)
	jobs, err := r.store.Lease(t.Context(), r.clock(), r.clock().Add(time.Minute), 100)
	must(t, err)
	for _, job := range jobs {
		if job.Kind == incident.KindPublish && p.Publish(t.Context(), job) != odd { //nolint:errorlint // it is not wrapped
			t.Error("the error is another one")
		}
	}
}
