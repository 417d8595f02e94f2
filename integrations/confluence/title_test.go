package confluence_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"imbot/integrations/confluence"
	"imbot/integrations/confluence/confluencesim"
)

// Pages of others keep their titles and content.
func TestTitleCollision(t *testing.T) {
	sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
	p := page()
	var made []confluence.Made
	for _, title := range []string{p.Title, "checkout IS down (inc-42)"} {
		sim.AddPage("OPS", title, "<p>foreign imbot-INC-42.0123456789abcdef</p>")
		m := put(t, c, p, "")
		made = append(made, m)
		if again := put(t, c, p, ""); again != m {
			t.Errorf("made %+v, found %+v", m, again)
		}
		sim.Purge(m.ID)
	}
	if made[0].Title != "Checkout is down (INC-42)" || made[1].Title != "Checkout is down (INC-42) (2)" {
		t.Errorf("made %+v", made)
	}
	// An incident of the same name has its own page.
	q := page()
	q.Key = "imbot-INC-43"
	if m := put(t, c, q, ""); m.Title != "Checkout is down (INC-43)" {
		t.Errorf("made %+v", m)
	}
	for _, p := range sim.Pages()[:2] {
		if p.Version != 1 || !strings.HasPrefix(p.Body, "<p>foreign") {
			t.Errorf("the foreign page is %+v", p)
		}
	}
}

// A title can be taken by a page that the user may not see, when the page is
// made and later.
func TestHiddenTitle(t *testing.T) {
	for _, vague := range []bool{false, true} {
		sim, c, _ := start(t, confluencesim.Options{VagueTitles: vague}, confluence.Config{})
		for _, title := range []string{"Checkout is down", "Secret"} {
			sim.Set(sim.AddPage("OPS", title, ""), func(p *confluencesim.Page) { p.Hidden = true })
		}
		p := page()
		made := put(t, c, p, "")
		if again := put(t, c, p, ""); made.Title != "Checkout is down (INC-42)" || again != made {
			t.Errorf("made %+v, found %+v", made, again)
		}
		p.Title = "Secret"
		if made = put(t, c, p, made.ID); made.Title != "Secret (INC-42)" {
			t.Errorf("renamed %+v", made)
		}
		// It is deleted, and the answer to making it anew gets lost.
		sim.Purge(made.ID)
		sim.Inject(confluencesim.Fault{Method: http.MethodPost, Times: 1, Meanwhile: func() {}}) // the hidden title
		sim.Inject(confluencesim.Fault{Method: http.MethodPost, Times: 1, After: true, Drop: true})
		_, err := c.Put(t.Context(), p, made.ID)
		wantError(t, "lost", err, 0, false)
		if again := put(t, c, p, made.ID); again.Title != "Secret (INC-42)" {
			t.Errorf("made anew %+v", again)
		}
		if p := sim.Pages(); len(p) != 3 {
			t.Errorf("%d pages", len(p))
		}
	}
}

// The title is given back when it is free again and there is something to say.
func TestTitleOnUpdate(t *testing.T) {
	sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
	foreign := sim.AddPage("OPS", "B", "")
	p := page()
	made := put(t, c, p, "")
	p.Title = "B"
	if made = put(t, c, p, made.ID); made.Title != "B (INC-42)" || made.Version != 2 {
		t.Errorf("made %+v", made)
	}
	if again := put(t, c, p, made.ID); again != made {
		t.Errorf("made %+v for nothing", again)
	}
	sim.Purge(foreign)
	p.Body = "<p>new</p>"
	if made = put(t, c, p, made.ID); made.Title != "B" || made.Version != 3 {
		t.Errorf("made %+v", made)
	}
	// If all are taken, a person has to decide.
	for _, title := range []string{"C", "C (INC-42)", "C (INC-42) (2)", "C (INC-42) (3)", "C (INC-42) (4)", "C (INC-42) (5)"} {
		sim.AddPage("OPS", title, "")
	}
	p.Title = "C"
	_, err := c.Put(t.Context(), p, made.ID)
	if e := wantError(t, "all taken", err, 0, true); !strings.Contains(e.Error(), "rename one") {
		t.Error(e)
	}
}

func TestLongTitles(t *testing.T) {
	sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
	for n, title := range []string{strings.Repeat("x", 10_000), strings.Repeat("😀", 5_000), "a\n\tb\x00\u202ec \x7f"} {
		for _, key := range []string{"imbot-INC-1", "imbot-INC-2"} {
			made := put(t, c, confluence.Page{Key: fmt.Sprint(key, n), Title: title}, "")
			if got, ok := sim.Page(made.ID); !ok || got.Title != made.Title {
				t.Errorf("made %+v", made)
			}
			if n == 2 && !strings.HasPrefix(made.Title, "a b c") {
				t.Errorf("title %q", made.Title)
			}
		}
	}
}
