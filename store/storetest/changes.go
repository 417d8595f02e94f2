package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"imbot/bot"
	"imbot/incident"
)

// everything writes one of each kind, all with this number.
func everything(tx incident.Tx, n int) error {
	id := incident.ID(n)
	return errors.Join(
		tx.PutIncident(sample(id, Start.Add(time.Duration(n)*time.Minute))),
		tx.AddEvents([]incident.Event{event(id, 1)}),
		tx.PutKey(fmt.Sprintf("in/%d", n), id.String(), false),
		tx.PutKey(fmt.Sprintf("ref/%d", n), id.String(), true),
		tx.PutEffects([]incident.Effect{{Key: id.String() + "/x", Kind: "x", Mode: incident.Once, Incident: id, Lane: id.String() + "/x"}}),
		tx.PutRaw(incident.Inbound{ID: fmt.Sprint(n), At: Start}),
	)
}

// traces says what is there of everything(n).
func traces(tx incident.Tx, n int) (string, error) {
	id := incident.ID(n)
	var out []string
	if _, err := tx.Incident(id); err == nil {
		out = append(out, "incident")
	} else if !errors.Is(err, incident.ErrNotFound) {
		return "", err
	}
	err := tx.Rows(incident.Cursor{}, true, func(r incident.Row) bool {
		if r.ID == id {
			out = append(out, "row")
		}
		return true
	})
	events, err2 := tx.Timeline(id, 0, 0)
	if len(events) > 0 {
		out = append(out, "event")
	}
	for _, k := range []string{"in", "ref"} {
		v, err := tx.Key(fmt.Sprintf("%s/%d", k, n), k == "ref")
		if err != nil {
			return "", err
		}
		if v != "" {
			out = append(out, k)
		}
	}
	effects, err3 := tx.Effects(id)
	if len(effects) > 0 {
		out = append(out, "effect")
	}
	err4 := tx.Raw(time.Time{}, func(in incident.Inbound) bool {
		if in.ID == fmt.Sprint(n) {
			out = append(out, "raw")
		}
		return true
	})
	return strings.Join(out, " "), errors.Join(err, err2, err3, err4)
}

const allTraces = "incident row event in ref effect raw"

func (e *env) wantTraces(what string, n int, want string) {
	e.Helper()
	e.view(func(tx incident.Tx) error {
		got, err := traces(tx, n)
		if got != want {
			e.Errorf("%s: there is %q of number %d, want %q", what, got, n, want)
		}
		return err
	})
}

func testAtomic(e *env) {
	err := e.Update(e.ctx(), func(tx incident.Tx) error {
		if err := everything(tx, 1); err != nil {
			return err
		}
		if got, err := traces(tx, 1); err != nil || got != allTraces {
			e.Errorf("inside the change there is %q (%v), want %q", got, err, allTraces)
		}
		return errStop
	})
	if !errors.Is(err, errStop) {
		e.Errorf("Update = %v, want the error of fn", err)
	}
	e.wantTraces("a change that failed", 1, "")
	e.none()
	e.update(func(tx incident.Tx) error { return everything(tx, 1) })
	e.wantTraces("a change that succeeded", 1, allTraces)
}

func testPanic(e *env) {
	err := e.Update(e.ctx(), func(tx incident.Tx) error {
		if err := everything(tx, 1); err != nil {
			return err
		}
		panic("on purpose")
	})
	if err == nil || !strings.Contains(err.Error(), "on purpose") {
		e.Errorf("Update with a panic = %v, want an error that names it", err)
	}
	e.wantTraces("a change that panicked", 1, "")
	e.update(func(tx incident.Tx) error { return everything(tx, 2) })
	e.wantTraces("the next change", 2, allTraces)
}

func testViewReadsOnly(e *env) {
	for name, fn := range map[string]func(tx incident.Tx) error{
		"NextID":      func(tx incident.Tx) error { _, err := tx.NextID(); return err },
		"PutIncident": func(tx incident.Tx) error { return tx.PutIncident(sample(1, Start)) },
		"AddEvents":   func(tx incident.Tx) error { return tx.AddEvents([]incident.Event{event(1, 1)}) },
		"PutKey":      func(tx incident.Tx) error { return tx.PutKey("k", "v", true) },
		"PutRaw":      func(tx incident.Tx) error { return tx.PutRaw(incident.Inbound{At: Start}) },
		"PutEffects": func(tx incident.Tx) error {
			return tx.PutEffects([]incident.Effect{{Key: "k", Kind: "x", Mode: incident.Once, Lane: "l"}})
		},
	} {
		if err := e.View(e.ctx(), fn); err == nil {
			e.Errorf("%s in a View succeeds", name)
		}
	}
	if err := e.View(e.ctx(), func(incident.Tx) error { return errStop }); !errors.Is(err, errStop) {
		e.Errorf("View = %v, want the error of fn", err)
	}
	e.wantTraces("after writing in views", 1, "")
}

func testContext(e *env) {
	ctx, cancel := context.WithCancel(e.ctx())
	cancel()
	ran := false
	fn := func(tx incident.Tx) error { ran = true; return everything(tx, 1) }
	if err := e.Update(ctx, fn); !errors.Is(err, context.Canceled) {
		e.Errorf("Update with a context that has ended = %v", err)
	}
	if err := e.View(ctx, func(tx incident.Tx) error { ran = true; return nil }); !errors.Is(err, context.Canceled) {
		e.Errorf("View with a context that has ended = %v", err)
	}
	if ran {
		e.Error("fn has run, although the context had ended before")
	}
	// Once fn has run to its end, the change is carried out, and Update says so.
	ctx, cancel = context.WithCancel(e.ctx())
	defer cancel()
	err := e.Update(ctx, func(tx incident.Tx) error {
		err := everything(tx, 2)
		cancel()
		return err
	})
	want := allTraces
	if err != nil {
		want = "" // a store may give up here, but must then have kept nothing
	}
	e.wantTraces("a context that ended in the middle", 2, want)
}

// testCounter counts in parallel: serializable changes lose no step.
func testCounter(e *env) {
	const workers, steps = 16, 40
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range steps {
				err := e.Update(e.ctx(), func(tx incident.Tx) error {
					v, err := tx.Key("kept counter", true)
					if err != nil {
						return err
					}
					n, _ := strconv.Atoi(v)
					if err := tx.PutKey("kept counter", strconv.Itoa(n+1), true); err != nil {
						return err
					}
					if w == 0 {
						return errStop // some fail: their steps must not count
					}
					return nil
				})
				if (err != nil) != (w == 0) {
					e.Errorf("worker %d: %v", w, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got, want := e.key("kept counter"), strconv.Itoa((workers-1)*steps); got != want {
		e.Errorf("the counter is at %s, want %s", got, want)
	}
}

// testTransfer moves between two values in parallel; nobody may ever see another
// sum, in changes or in views.
func testTransfer(e *env) {
	e.putKey("a", "100", true)
	e.putKey("b", "0", true)
	read := func(tx incident.Tx) (a, b int, err error) {
		va, err := tx.Key("a", true)
		vb, err2 := tx.Key("b", true)
		a, _ = strconv.Atoi(va)
		b, _ = strconv.Atoi(vb)
		if a+b != 100 {
			err = errors.Join(err, fmt.Errorf("a %d + b %d is not 100", a, b))
		}
		return a, b, errors.Join(err, err2)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for range 40 {
				err := e.Update(e.ctx(), func(tx incident.Tx) error {
					a, b, err := read(tx)
					if err != nil {
						return err
					}
					return errors.Join(tx.PutKey("a", strconv.Itoa(a-1-w), true), tx.PutKey("b", strconv.Itoa(b+1+w), true))
				})
				err = errors.Join(err, e.View(e.ctx(), func(tx incident.Tx) error {
					_, _, err := read(tx)
					return err
				}))
				if err != nil {
					e.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// testSnapshot looks at the store twice within one View, with a change between.
func testSnapshot(e *env) {
	e.put(sample(1, Start))
	e.view(func(tx incident.Tx) error {
		e.update(func(tx incident.Tx) error { return everything(tx, 2) })
		got, err := traces(tx, 2)
		if got != "" {
			e.Errorf("a View sees %q of a change that came after its begin", got)
		}
		return err
	})
	e.wantTraces("a new View", 2, allTraces)
}

func testReopen(e *env) {
	e.update(func(tx incident.Tx) error { return everything(tx, 1) })
	e.must(e.SaveConversation(e.ctx(), bot.Conversation{ID: "19:a", Name: "payments"}))
	e.must(e.SavePerson(e.ctx(), bot.Person{ID: "dewi@example.com", Name: "Dewi"}))
	e.reopen()
	e.wantTraces("after opening again", 1, allTraces)
	if c, err := e.Conversation(e.ctx(), "19:a"); err != nil || c.Name != "payments" {
		e.Errorf("Conversation = %+v, %v", c, err)
	}
	if p, err := e.Person(e.ctx(), "dewi@example.com"); err != nil || p.Name != "Dewi" {
		e.Errorf("Person = %+v, %v", p, err)
	}
	job := e.one("INC-1/x")
	e.reopen()
	// The lease runs out across a restart at the latest; a store for one process
	// knows at once that the holder is gone.
	e.clock.Add(2 * time.Minute)
	if again := e.one("INC-1/x"); again.Attempt != 2 || again.Lease <= job.Lease {
		e.Errorf("job after a restart = %+v, want its second attempt", again)
	}
}

func testClose(e *env) {
	e.must(e.Writable(e.ctx()))
	e.put(sample(1, Start))
	e.must(e.Close())
	if err := e.Update(e.ctx(), func(tx incident.Tx) error { return nil }); err == nil {
		e.Error("Update after Close succeeds")
	}
	if err := e.View(e.ctx(), func(tx incident.Tx) error { return nil }); err == nil {
		e.Error("View after Close succeeds")
	}
	if err := e.Close(); err != nil {
		e.Errorf("closing twice: %v", err)
	}
	e.start()
	e.wantRows("after opening again", false, 1)
}
