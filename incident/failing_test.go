package incident

import (
	"fmt"
	"testing"
	"time"
)

// gaveUp is the word that an effect has failed for good.
func gaveUp(kind, text string) Command {
	c := failed(kind)
	c.Args.Text = text
	return c
}

// TestFailureSaidOnce: what each change runs into anew, such as a token that has
// expired, is said once, until a person has it run again or a day has passed.
func TestFailureSaidOnce(t *testing.T) {
	w := triggered(t, down)
	said := func(what string, cmd Command, want bool) {
		t.Helper()
		if w.do(cmd); (w.kinds() == "failed") != want {
			t.Errorf("%s: events %q", what, w.kinds())
		}
	}
	said("first", gaveUp(KindPublish, "the token has expired"), true)
	said("the same", gaveUp(KindPublish, "the token has expired"), false)
	said("of another kind", gaveUp(KindHook, "the token has expired"), true)
	said("other words", gaveUp(KindPublish, "the space is gone"), true)
	said("the same in between", gaveUp(KindPublish, "the token has expired"), false)
	if w.do(gaveUp(KindPublish, "the token has expired")); w.targets(KindCard) == "" {
		t.Error("the cards, which count what has failed, are not brought up to date")
	}
	again := by(dewi, Retry, Args{})
	again.retried = 1
	w.do(again)
	said("after somebody had it run again", gaveUp(KindPublish, "the token has expired"), true)
	w.now = w.now.Add(23 * time.Hour)
	said("within a day", gaveUp(KindPublish, "the token has expired"), false)
	w.now = w.now.Add(2 * time.Hour)
	said("a day later", gaveUp(KindPublish, "the token has expired"), true)
	for n := range 3 * maxFailing {
		said("many", gaveUp(KindMail, fmt.Sprint("no mailbox ", n)), true)
	}
	if n := len(w.inc.Failing); n > maxFailing {
		t.Errorf("%d are remembered", n)
	}
}
