package mail_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"imbot/integrations/mail"
	"imbot/integrations/mail/mailsim"
)

// late is a context whose time is up when a channel is closed: a time by the clock
// could be up before the server has come to where it is to hang.
type late struct {
	context.Context
	up <-chan struct{}
}

func (c late) Done() <-chan struct{} { return c.up }

func (c late) Err() error {
	select {
	case <-c.up:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Whatever the server hangs in, the caller can end it, and his time can run out.
func TestCancel(t *testing.T) {
	for _, tt := range []struct {
		at   mailsim.Step
		mode string
		sent int
	}{
		{mailsim.AtConnect, mail.TLSStart, 0},
		{mailsim.AtConnect, mail.TLSImplicit, 0},
		{mailsim.AtHello, mail.TLSStart, 0},
		{mailsim.AtTLS, mail.TLSStart, 0},
		{mailsim.AtAuth, mail.TLSStart, 0},
		{mailsim.AtMail, mail.TLSStart, 0},
		{mailsim.AtRcpt, mail.TLSImplicit, 0},
		{mailsim.AtData, mail.TLSStart, 0},
		{mailsim.AtStored, mail.TLSStart, 1},
	} {
		t.Run(string(tt.at)+" "+tt.mode, func(t *testing.T) {
			c := withPassword()
			c.TLS, c.Timeout = tt.mode, time.Hour
			sim, m := start(t, mailsim.Options{TLS: tt.mode, Users: []mailsim.User{bot}}, c)
			reached := make(chan struct{})
			sim.Inject(mailsim.Fault{At: tt.at, Hang: true, Reached: reached})
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-reached; cancel() }()
			e := wantError(t, m.Send(ctx, message()), false, "stopped")
			maybe := tt.at == mailsim.AtData || tt.at == mailsim.AtStored
			if !errors.Is(e, context.Canceled) || e.MaybeSent != maybe || len(sim.Mails()) != tt.sent {
				t.Errorf("%+v, %d mails", e, len(sim.Mails()))
			}

			up := make(chan struct{})
			go func() { <-reached; close(up) }()
			if e := wantError(t, m.Send(late{t.Context(), up}, message()), false, "the time was up"); !errors.Is(e, context.DeadlineExceeded) || e.MaybeSent != maybe {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestCancelledBefore(t *testing.T) {
	sim, c := start(t, mailsim.Options{}, mail.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range []error{c.Send(ctx, message()), c.Check(ctx)} {
		if e := wantError(t, err, false, ""); !errors.Is(e, context.Canceled) || e.MaybeSent {
			t.Errorf("%+v", e)
		}
	}
	if n := sim.Connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// The client's own time-out ends what hangs, and what waits for a token.
func TestTimeout(t *testing.T) {
	c := withPassword()
	c.Timeout = 3 * time.Second // enough to get there on any machine
	sim, m := start(t, mailsim.Options{Users: []mailsim.User{bot}}, c)
	sim.Inject(mailsim.Fault{At: mailsim.AtAuth, Hang: true})
	if e := wantError(t, m.Check(t.Context()), false, "sign in: the time was up"); !errors.Is(e, context.DeadlineExceeded) {
		t.Error(e)
	}
	c = mail.Config{User: bot.Name, Timeout: 3 * time.Second, Token: func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}}
	if e := wantError(t, client(t, sim, c).Check(t.Context()), false, "get a token"); !errors.Is(e, context.DeadlineExceeded) {
		t.Error(e)
	}
}

// A slow server is waited for.
func TestSlow(t *testing.T) {
	sim, c := start(t, mailsim.Options{}, mail.Config{})
	for _, at := range []mailsim.Step{mailsim.AtConnect, mailsim.AtHello, mailsim.AtTLS, mailsim.AtMail, mailsim.AtRcpt, mailsim.AtData, mailsim.AtStored} {
		sim.Inject(mailsim.Fault{At: at, Delay: 10 * time.Millisecond})
	}
	if err := c.Send(t.Context(), message()); err != nil || len(sim.Mails()) != 1 {
		t.Errorf("Send = %v, %d mails", err, len(sim.Mails()))
	}
}
