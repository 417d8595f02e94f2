package confluence_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/confluence"
	"imbot/integrations/confluence/confluencesim"
)

func TestPut(t *testing.T) {
	sim, c, ck := start(t, confluencesim.Options{}, confluence.Config{})
	p := page()
	made := put(t, c, p, "")
	want := confluence.Made{ID: made.ID, URL: sim.URL() + "/wiki/spaces/OPS/pages/" + made.ID + "/Checkout%20is%20down", Title: "Checkout is down", Version: 1}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Error(diff)
	}
	got, _ := sim.Page(made.ID)
	if !strings.HasPrefix(got.Body, p.Body) || !strings.Contains(got.Body, ">imbot-INC-42.") {
		t.Errorf("the body is %s", got.Body)
	}

	// The same again writes nothing, with and without the id.
	before := writes(sim)
	for _, known := range []string{made.ID, ""} {
		if diff := cmp.Diff(want, put(t, c, p, known)); diff != "" {
			t.Error(diff)
		}
	}
	if n := writes(sim); n != before {
		t.Errorf("%d writes for nothing", n-before)
	}

	// What people add remains until there is something new.
	sim.Edit(made.ID, func(p *confluencesim.Page) { p.Body = "<p>Budi was here</p>" + p.Body })
	if again := put(t, c, p, made.ID); again.Version != 2 {
		t.Errorf("put again: %+v", again)
	}
	elsewhere := sim.AddPage("OPS", "Elsewhere", "")
	sim.Edit(made.ID, func(p *confluencesim.Page) { p.ParentID = elsewhere })
	moved, _ := sim.Page(made.ID)
	ck.Pass(time.Hour)
	p.Title, p.Body = "Checkout was down", "<p>new</p>"
	again := put(t, c, p, made.ID)
	if again.ID != made.ID || again.Version != 4 || again.Title != "Checkout was down" {
		t.Errorf("put the new: %+v", again)
	}
	got, _ = sim.Page(made.ID)
	if got.Title != p.Title || !strings.HasPrefix(got.Body, p.Body) || strings.Contains(got.Body, "Budi") || got.ParentID != moved.ParentID {
		t.Errorf("Confluence has %+v", got)
	}
	// An update names the parent, for that it stays without is not promised.
	all := sim.Requests()
	if last := string(all[len(all)-1].Body); !strings.Contains(last, `"parentId":"`+elsewhere+`"`) {
		t.Errorf("the update is %s", last)
	}
	if all := titles(sim); all != "Checkout was down | Elsewhere" {
		t.Errorf("pages %s", all)
	}
}

func TestPutUnderParent(t *testing.T) {
	sim, _, ck := start(t, confluencesim.Options{}, confluence.Config{})
	a, b := sim.AddPage("OPS", "Incidents", ""), sim.AddPage("OPS", "Other", "")
	c := connect(t, sim, confluence.Config{ParentID: a}, ck)
	one, two := page(), page()
	two.Key, two.Title, two.ParentID = "imbot-INC-43", "Other incident", b
	for id, p := range map[string]confluence.Page{a: one, b: two} {
		if got, _ := sim.Page(put(t, c, p, "").ID); got.ParentID != id {
			t.Errorf("%s is under %s, want %s", p.Key, got.ParentID, id)
		}
	}
}

// However an answer to create gets lost, there is one page.
func TestLostAnswerOnCreate(t *testing.T) {
	html := "<html>Bad gateway</html>"
	for name, f := range map[string]confluencesim.Fault{
		"dropped":     {After: true, Drop: true},
		"502":         {After: true, Status: 502, Body: html},
		"500 before":  {Status: 500},
		"200 HTML":    {After: true, Status: 200, Body: html},
		"cut JSON":    {After: true, Status: 200, Body: `{"id":`, Type: "application/json"},
		"no id":       {After: true, Status: 200, Body: `{}`, Type: "application/json"},
		"before send": {Drop: true},
	} {
		for renamed, change := range map[string]func(*confluencesim.Server, *confluence.Page){
			"same":       func(*confluencesim.Server, *confluence.Page) {},
			"new title":  func(_ *confluencesim.Server, p *confluence.Page) { p.Title = "Checkout was down" },
			"title lost": func(sim *confluencesim.Server, p *confluence.Page) { p.Title = "Taken" },
		} {
			t.Run(name+" "+renamed, func(t *testing.T) {
				sim, c, _ := start(t, confluencesim.Options{PageSize: 2}, confluence.Config{})
				sim.AddPage("OPS", "Taken", "<p>foreign</p>")
				f.Method, f.Times = http.MethodPost, 1
				sim.Inject(f)
				p := page()
				_, err := c.Put(t.Context(), p, "")
				var e *confluence.Error
				if !errors.As(err, &e) || e.Permanent() || !e.MayBeDone() {
					t.Fatalf("put = %v", err)
				}
				if n := writes(sim); n != 1 {
					t.Errorf("%d writes: the client itself has tried again", n)
				}
				for n := range 3 { // others write, too
					sim.AddPage("OPS", fmt.Sprintf("Note %d", n), "")
				}
				change(sim, &p)
				made := put(t, c, p, "")
				want := strings.ReplaceAll(p.Title, "Taken", "Taken (INC-42)")
				got, _ := sim.Page(made.ID)
				if got.Title != want || strings.Count(titles(sim), "Checkout")+strings.Count(titles(sim), "INC-42") != 1 {
					t.Errorf("made %+v, there are %s", made, titles(sim))
				}
				for _, p := range sim.Pages() {
					if p.Author == confluencesim.Person && p.Version != 1 {
						t.Errorf("the page of a person was changed: %+v", p)
					}
				}
			})
		}
	}
}

// A lost answer to an update is an update.
func TestLostAnswerOnUpdate(t *testing.T) {
	sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
	p := page()
	made := put(t, c, p, "")
	p.Body = "<p>new</p>"
	sim.Inject(confluencesim.Fault{Method: http.MethodPut, Times: 1, After: true, Drop: true})
	_, err := c.Put(t.Context(), p, made.ID)
	if e := wantError(t, "lost", err, 0, false); !e.MayBeDone() {
		t.Errorf("%v may not be done", e)
	}
	if again := put(t, c, p, made.ID); again.Version != 2 {
		t.Errorf("%+v was written twice", again)
	}
}

// Deleted pages are made anew, in the trash or gone.
func TestDeleted(t *testing.T) {
	sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
	p := page()
	made := put(t, c, p, "")
	sim.Set(made.ID, func(p *confluencesim.Page) { p.Status = "trashed" })
	second := put(t, c, p, made.ID)
	sim.Purge(second.ID)
	third := put(t, c, p, second.ID)
	if made.ID == second.ID || second.ID == third.ID || third.Title != p.Title || len(sim.Pages()) != 1 {
		t.Errorf("made %+v, %+v, %+v", made, second, third)
	}
	// And so while it is being updated.
	p.Body = "<p>new</p>"
	sim.Inject(confluencesim.Fault{Method: http.MethodPut, Times: 1, Meanwhile: func() { sim.Purge(third.ID) }})
	if fourth := put(t, c, p, third.ID); fourth.ID == third.ID || len(sim.Pages()) != 1 {
		t.Errorf("made %+v", fourth)
	}
	// A lost answer to making it anew leaves one.
	sim.Purge(sim.Pages()[0].ID)
	sim.Inject(confluencesim.Fault{Method: http.MethodPost, Times: 1, After: true, Drop: true})
	_, err := c.Put(t.Context(), p, third.ID)
	wantError(t, "lost", err, 0, false)
	if made := put(t, c, p, third.ID); len(sim.Pages()) != 1 || made.ID != sim.Pages()[0].ID {
		t.Errorf("there are %s", titles(sim))
	}
}

// Somebody has put the page away: that is for people to undo.
func TestArchived(t *testing.T) {
	sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
	made := put(t, c, page(), "")
	sim.Set(made.ID, func(p *confluencesim.Page) { p.Status = "archived" })
	for _, known := range []string{made.ID, ""} {
		_, err := c.Put(t.Context(), page(), known)
		if e := wantError(t, "archived", err, 0, true); !strings.Contains(e.Error(), "restore it") {
			t.Error(e)
		}
	}
	if n := writes(sim); n != 1 {
		t.Errorf("%d writes", n)
	}
}

// A copy of the page has its mark, but is not the page.
func TestCopy(t *testing.T) {
	sim, c, ck := start(t, confluencesim.Options{}, confluence.Config{})
	p := page()
	made := put(t, c, p, "")
	got, _ := sim.Page(made.ID)
	ck.Pass(time.Minute)
	dup := sim.AddPage("OPS", "Copy of "+got.Title, got.Body)
	p.Title = "Checkout was down"
	if again := put(t, c, p, ""); again.ID != made.ID {
		t.Errorf("put %+v, want %s", again, made.ID)
	}
	sim.Purge(made.ID)
	if again := put(t, c, p, made.ID); again.ID == dup {
		t.Errorf("the copy was changed: %+v", again)
	}
}

// The search among the newest pages has an end.
func TestSearchIsBounded(t *testing.T) {
	sim, c, ck := start(t, confluencesim.Options{}, confluence.Config{})
	made := put(t, c, page(), "")
	for n := range 300 {
		sim.AddPage("OPS", fmt.Sprint("Note ", n), "")
	}
	p := page()
	p.Title = "Renamed"
	before := len(sim.Requests())
	if again := put(t, c, p, ""); again.ID == made.ID {
		t.Errorf("found %+v", again)
	}
	if n := len(sim.Requests()) - before; n != 1+8+1 {
		t.Errorf("%d requests", n)
	}
	ck.Pass(8 * 24 * time.Hour)
	before = len(sim.Requests())
	p.Key, p.Title = "imbot-INC-44", "Next"
	put(t, c, p, "")
	if n := len(sim.Requests()) - before; n != 1+1+1 {
		t.Errorf("%d requests among old pages", n)
	}
}

// Somebody else saves at the same time: the page is read again.
func TestConflict(t *testing.T) {
	sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
	p := page()
	made := put(t, c, p, "")
	edit := func() { sim.Edit(made.ID, func(p *confluencesim.Page) { p.Body += "<p>me, too</p>" }) }
	p.Title, p.Body = "New", "<p>new</p>"
	sim.Inject(confluencesim.Fault{Method: http.MethodPut, Times: 2, Meanwhile: edit})
	if made = put(t, c, p, made.ID); made.Version != 4 || made.Title != "New" {
		t.Errorf("made %+v", made)
	}
	// But not for ever.
	p.Body = "<p>newer</p>"
	sim.Inject(confluencesim.Fault{Method: http.MethodPut, Meanwhile: edit})
	before := writes(sim)
	_, err := c.Put(t.Context(), p, made.ID)
	wantError(t, "conflict", err, 409, false)
	if n := writes(sim) - before; n != 4 {
		t.Errorf("%d tries", n)
	}
	// Nor is an outdated answer to the reading taken for a refused title.
	sim.ClearFaults()
	p.Title = "Newer"
	sim.Inject(confluencesim.Fault{Method: http.MethodPut, Times: 2, Status: 409, Type: "application/json", Body: `{"errors":[{"title":"Version must be incremented"}]}`})
	if made = put(t, c, p, made.ID); made.Title != "Newer" {
		t.Errorf("made %+v", made)
	}
}

// Two that make the page at the same time make one page.
func TestConcurrentPut(t *testing.T) {
	sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
	sim.Inject(confluencesim.Fault{Method: http.MethodPost, Times: 1, Meanwhile: func() {
		if _, err := c.Put(context.Background(), page(), ""); err != nil {
			t.Error(err)
		}
	}})
	put(t, c, page(), "")
	if all := titles(sim); all != "Checkout is down" {
		t.Errorf("pages %s", all)
	}
	var wg sync.WaitGroup
	for n := range 8 {
		p := page()
		p.Key, p.Title = "imbot-INC-7", "Seven"
		p.Body = fmt.Sprintf("<p>%d</p>", n)
		wg.Go(func() {
			var e *confluence.Error
			if _, err := c.Put(context.Background(), p, ""); err != nil && (!errors.As(err, &e) || e.Permanent()) {
				t.Errorf("put: %v", err)
			}
		})
	}
	wg.Wait()
	if all := titles(sim); all != "Checkout is down | Seven" {
		t.Errorf("pages %s", all)
	}
}

// What can't be a page is not sent.
func TestInvalid(t *testing.T) {
	sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
	for name, tt := range map[string]struct {
		change func(*confluence.Page)
		known  string
		want   string
	}{
		"no key":     {func(p *confluence.Page) { p.Key = "" }, "", "the key"},
		"odd key":    {func(p *confluence.Page) { p.Key = "a<b" }, "", "the key"},
		"no title":   {func(p *confluence.Page) { p.Title = " \n\x01" }, "", "the title is empty"},
		"open tag":   {func(p *confluence.Page) { p.Body = "<p>" }, "", "well-formed"},
		"early end":  {func(p *confluence.Page) { p.Body = "</page><page>" }, "", "well-formed"},
		"directive":  {func(p *confluence.Page) { p.Body = "<!DOCTYPE x>" }, "", "well-formed"},
		"odd parent": {func(p *confluence.Page) { p.ParentID = "1/2" }, "", "put it under"},
		"odd id":     {func(*confluence.Page) {}, "../1", "no id"},
	} {
		p := page()
		tt.change(&p)
		_, err := c.Put(t.Context(), p, tt.known)
		if e := wantError(t, name, err, 0, true); !strings.Contains(e.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, e, tt.want)
		}
	}
	if n := len(sim.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}
