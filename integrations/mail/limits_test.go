package mail_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"imbot/integrations/mail"
	"imbot/integrations/mail/mailsim"
)

func TestTooManyForServer(t *testing.T) {
	sim, c := start(t, mailsim.Options{MaxRecipients: 2}, mail.Config{})
	var p *mail.PartialError
	if err := c.Send(t.Context(), message("b@example.com", "c@example.com", "d@example.com")); !errors.As(err, &p) || len(p.Retry()) != 2 || len(p.Sent) != 2 {
		t.Errorf("Send = %v", err)
	}
	if n := len(sim.Mails()); n != 1 {
		t.Errorf("%d mails", n)
	}
	_, c = start(t, mailsim.Options{MaxBytes: 500}, mail.Config{})
	wantError(t, c.Send(t.Context(), message()), true, "the server takes at most 500")
}

// The calls that one minute allows are spread; the rest is told when to come.
func TestPerMinute(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sim, c := start(t, mailsim.Options{}, mail.Config{PerMinute: 8, Now: func() time.Time { return at }})
	send := func() error { return c.Send(t.Context(), message()) }
	for range 2 {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	e := wantError(t, send(), false, "not tried: the mails of this minute are used up")
	if e.RetryAfter() != 10*time.Second+time.Millisecond || sim.Connections() != 2 {
		t.Errorf("RetryAfter %v after %d connections", e.RetryAfter(), sim.Connections())
	}
	at = at.Add(e.RetryAfter())
	if err := send(); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	// What is wrong with the mail itself, and checks, take nothing of it.
	at = at.Add(e.RetryAfter())
	for range 9 {
		wantError(t, c.Send(t.Context(), mail.Message{}), true, "no recipient")
		if err := c.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := send(); err != nil {
		t.Error(err)
	}

	// In no minute there are more than 30, whenever it begins.
	_, c = start(t, mailsim.Options{}, mail.Config{PerMinute: 30, Now: func() time.Time { return at }})
	var sent []time.Time
	for range 500 {
		ctx, cancel := context.WithCancel(t.Context())
		err := c.Send(ctx, message())
		cancel()
		switch {
		case err == nil:
			sent = append(sent, at)
		default:
			wantError(t, err, false, "used up")
			at = at.Add(500 * time.Millisecond)
		}
	}
	for n := range sent {
		if n >= 30 && sent[n].Sub(sent[n-30]) < time.Minute {
			t.Errorf("mails %d and %d are %v apart", n-30, n, sent[n].Sub(sent[n-30]))
		}
	}
	if len(sent) < 80 {
		t.Errorf("only %d mails in %v", len(sent), at)
	}
}

// At most MaxConnections are open, and the next mail waits for one.
func TestConnections(t *testing.T) {
	sim, c := start(t, mailsim.Options{}, mail.Config{})
	reached := make(chan struct{})
	sim.Inject(mailsim.Fault{At: mailsim.AtMail, Hang: true, Reached: reached, Times: mail.MaxConnections})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range mail.MaxConnections {
		wg.Go(func() { wantError(t, c.Send(ctx, message()), false, "stopped") })
		<-reached
	}
	short, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	if e := wantError(t, c.Send(short, message()), false, "all of the 3 connections were busy"); !errors.Is(e, context.DeadlineExceeded) {
		t.Error(e)
	}
	if n := sim.Connections(); n != mail.MaxConnections {
		t.Errorf("%d connections", n)
	}
	cancel()
	wg.Wait()
	for n := range 5 {
		wg.Go(func() {
			m := message()
			m.MessageID = fmt.Sprintf("m%d@example.com", n)
			if err := c.Send(t.Context(), m); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(sim.ByMessageID()); n != 5 {
		t.Errorf("%d mails", n)
	}
}
