package mailsim

import (
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// Step is a point in a connection at which something can go wrong.
type Step string

// The steps, in their order.
const (
	AtConnect Step = "connect" // before the greeting; with TLSImplicit before the handshake
	AtHello   Step = "hello"   // EHLO, before and after STARTTLS
	AtTLS     Step = "tls"     // after the answer to STARTTLS, before the handshake
	AtAuth    Step = "auth"    // AUTH
	AtMail    Step = "mail"    // MAIL FROM
	AtRcpt    Step = "rcpt"    // RCPT TO
	AtData    Step = "data"    // the mail was read, and is not stored
	AtStored  Step = "stored"  // the mail is stored, the answer not yet sent: it gets lost here
	AtSent    Step = "sent"    // the answer is sent; only Drop does something
)

// Fault makes a step fail. Delay and Hang come first, then Drop, then Code. At
// AtConnect and AtTLS a Code breaks the connection off, too.
type Fault struct {
	At      Step
	Rcpt    string          // at AtRcpt: only this address; empty: each
	Code    int             // the answer, such as 451; 0: none
	Status  [3]int          // the enhanced status code; zero: X.0.0
	Message string          // of the answer
	Drop    bool            // break the connection off
	Hang    bool            // give no answer until the server is closed
	Delay   time.Duration   // answer that much later
	Reached chan<- struct{} // gets a value when the step is reached, which waits until it is read
	Times   int             // after so many it is over; 0: it stays
}

// Inject makes all coming connections fail. Of several faults at one step the
// first rules.
func (s *Server) Inject(f Fault) { s.faults.Add(f, 0, f.Times) }

// ClearFaults ends all faults; what hangs stays so.
func (s *Server) ClearFaults() { s.faults.Clear() }

// act does what the fault of a step is about, and returns the answer that goes
// instead of the usual one, or nil.
func (c *conn) act(at Step, rcpt string) *smtp.SMTPError {
	f, _, ok := c.s.faults.Take(func(f Fault) bool {
		return f.At == at && (f.Rcpt == "" || strings.EqualFold(f.Rcpt, rcpt))
	})
	if !ok {
		return nil
	}
	if f.Reached != nil {
		select {
		case f.Reached <- struct{}{}:
		case <-c.s.closed:
		}
	}
	if f.Hang {
		<-c.s.closed
	} else if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.s.closed:
		}
	}
	switch {
	case f.Hang, f.Drop && at != AtSent:
		_ = c.Close()
		return &smtp.SMTPError{Code: 421, Message: "broken off"} // nobody reads it
	case f.Drop:
		c.closeAfterWrite = true
	case f.Code != 0:
		return &smtp.SMTPError{Code: f.Code, EnhancedCode: f.Status, Message: f.Message}
	}
	return nil
}
