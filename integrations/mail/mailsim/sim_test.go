package mailsim_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/mail/mailsim"
)

// dialog speaks SMTP by hand, without TLS.
type dialog struct {
	t testing.TB
	*textproto.Conn
}

func dial(t testing.TB, o mailsim.Options) (*mailsim.Server, *dialog) {
	t.Helper()
	o.TLS = mailsim.TLSNone
	sim := mailsim.New(o)
	t.Cleanup(sim.Close)
	return sim, connect(t, sim)
}

func connect(t testing.TB, sim *mailsim.Server) *dialog {
	t.Helper()
	c, err := net.Dial("tcp", sim.Addr())
	if err != nil {
		t.Fatal(err)
	}
	d := &dialog{t: t, Conn: textproto.NewConn(c)}
	t.Cleanup(func() { _ = d.Close() })
	d.want("220 ")
	return d
}

// say says lines and checks the answer to the last.
func (d *dialog) say(line, want string) string {
	d.t.Helper()
	if err := d.PrintfLine("%s", line); err != nil {
		d.t.Fatal(err)
	}
	return d.want(want)
}

func (d *dialog) want(want string) string {
	d.t.Helper()
	var all []string
	for {
		line, err := d.ReadLine()
		if err != nil {
			d.t.Fatalf("want %q: %v", want, err)
		}
		if all = append(all, line); len(line) < 4 || line[3] != '-' {
			break
		}
	}
	if last := all[len(all)-1]; !strings.HasPrefix(last, want) {
		d.t.Errorf("answer %q, want %q", last, want)
	}
	return strings.Join(all, "\n")
}

// send sends the lines of a mail, and checks the answer.
func (d *dialog) send(body, mail, want string) {
	d.t.Helper()
	d.say("MAIL FROM:<bot@example.com>"+body, "250")
	d.say("RCPT TO:<ani@example.com>", "250")
	d.say("DATA", "354")
	d.say(mail+"\r\n.", want)
}

const head = "From: bot@example.com\r\nDate: Sun, 01 Mar 2026 12:00:00 +0000\r\nMessage-ID: <a@b>\r\n"

func TestRules(t *testing.T) {
	for _, tt := range []struct{ name, body, mail, want string }{
		{"good", "", head + "\r\nhello", "250 2.0.0"},
		{"8 bit", " BODY=8BITMIME", head + "\r\nhällo", "250 2.0.0"},
		{"8 bit, not said", "", head + "\r\nhällo", "554 5.6.1"},
		{"8 bit, said otherwise", " BODY=7BIT", head + "\r\nhällo", "554 5.6.1"},
		{"not UTF-8", " BODY=8BITMIME", head + "\r\nh\xe4llo", "554 5.6.1"},
		{"8 bit in header", " BODY=8BITMIME", head + "Subject: hällo\r\n\r\nx", "554 5.6.1"},
		{"longest line", "", head + "\r\n" + strings.Repeat("a", 998), "250 2.0.0"},
		{"long line", "", head + "\r\n" + strings.Repeat("a", 999), "554 5.6.0"},
		{"line feed alone", "", head + "\r\na\nb", "554 5.6.0"},
		{"carriage return alone", "", head + "\r\na\rb", "554 5.6.0"},
		{"no header", "", "hello", "554 5.6.0"},
		{"no sender", "", strings.Replace(head, "From", "X-From", 1) + "\r\nx", "550 5.7.1"},
		{"two senders", "", head + "From: x@example.com\r\n\r\nx", "550 5.7.1 More than one header From"},
		{"two subjects", "", head + "Subject: a\r\nSubject: b\r\n\r\nx", "550 5.7.1"},
		{"no date", "", strings.Replace(head, "Date: Sun", "Date: Some", 1) + "\r\nx", "550 5.7.1"},
		{"no id", "", strings.Replace(head, "<a@b>", "a", 1) + "\r\nx", "550 5.7.1"},
		{"bad parts", "", head + "Content-Type: multipart/mixed; boundary=x\r\n\r\n--y", "554 5.6.0"},
		{"bad encoding", "", head + "Content-Transfer-Encoding: x-uue\r\n\r\nx", "554 5.6.0"},
		{"too large", "", head + "\r\n" + strings.Repeat(strings.Repeat("a", 98)+"\r\n", 50), "552 5.3.4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim, d := dial(t, mailsim.Options{MaxBytes: 4000})
			d.say("EHLO me", "250 ")
			d.send(tt.body, tt.mail, tt.want)
			want := 0
			if strings.HasPrefix(tt.want, "250") {
				want = 1
			}
			if n := len(sim.Mails()); n != want {
				t.Errorf("%d mails, want %d", n, want)
			}
			d.send("", head+"\r\nnext", "250 2.0.0") // it goes on
		})
	}
}

func TestEnvelope(t *testing.T) {
	sim, d := dial(t, mailsim.Options{MaxRecipients: 2, Greylist: true, Users: []mailsim.User{{Name: "bot", Password: "p", Senders: []string{"bot@example.com"}}}})
	if offered := d.say("EHLO me", "250 "); !strings.Contains(offered, "AUTH PLAIN LOGIN XOAUTH2") || strings.Contains(offered, "STARTTLS") || strings.Contains(offered, "SMTPUTF8") {
		t.Errorf("offered %s", offered)
	}
	d.say("MAIL FROM:<bot@example.com>", "530 5.7.57")
	d.say("AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00bot\x00x")), "535 5.7.8")
	d.say("AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00nobody\x00")), "535 5.7.8")
	d.say("AUTH CRAM-MD5", "504 5.7.4")
	d.say("AUTH XOAUTH2 "+base64.StdEncoding.EncodeToString([]byte("user=bot\x01auth=Bearer \x01\x01")), "334 ") // no token is no token
	d.say("", "535 5.7.8")
	d.say("AUTH XOAUTH2 "+base64.StdEncoding.EncodeToString([]byte("bot")), "501 5.5.2")
	d.say("AUTH LOGIN", "334 VXNlcm5hbWU6")
	d.say(base64.StdEncoding.EncodeToString([]byte("bot")), "334 UGFzc3dvcmQ6")
	d.say(base64.StdEncoding.EncodeToString([]byte("p")), "235")
	d.say("MAIL FROM:<x@example.com>", "550 5.7.60")
	d.say("MAIL FROM:<bot@example.com>", "250")
	d.say("RCPT TO:<ani@example.com>", "451 4.7.1")
	d.say("RCPT TO:<Ani@example.com>", "250")
	d.say("RCPT TO:<\u00e4ni@example.com>", "553 5.6.7")
	d.say("RCPT TO:<b@example.com>", "451 4.7.1")
	d.say("RCPT TO:<b@example.com>", "250")
	d.say("RCPT TO:<c@example.com>", "452 4.5.3")
	d.say("DATA", "354")
	d.say(head+"Subject: =?utf-8?q?h=C3=A4?=\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n"+
		"--y\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nh=C3=A4\r\n--y\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA+\r\n--y--\r\n--x--\r\n..dot\r\n.", "250")
	mails := sim.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	m := mails[0]
	if m.Subject != "hä" || m.Text != "hä" || m.HTML != "<p>" || len(m.Parts) != 2 || m.User != "bot" || m.TLS || m.Hello != "me" || m.MessageID != "<a@b>" || !strings.HasSuffix(string(m.Raw), "\r\n.dot\r\n") {
		t.Errorf("mail %+v", m)
	}
	if d := cmp.Diff([]string{"Ani@example.com", "b@example.com"}, m.To); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]int{"<a@b>": 1}, sim.ByMessageID()); d != "" {
		t.Error(d)
	}
	if sim.Clear(); len(sim.Mails()) != 0 {
		t.Error("Clear leaves mails")
	}
}

func TestUTF8(t *testing.T) {
	sim, d := dial(t, mailsim.Options{UTF8: true})
	if offered := d.say("EHLO me", "250 "); !strings.Contains(offered, "SMTPUTF8") {
		t.Errorf("offered %s", offered)
	}
	d.say("MAIL FROM:<b\u00f6t@example.com>", "553 5.6.7")
	d.say("MAIL FROM:<b\u00f6t@example.com> SMTPUTF8", "250")
	d.say("RCPT TO:<\u00e4ni@example.com>", "250")
	d.say("DATA", "354")
	d.say(head+"\r\nx\r\n.", "250")
	if mails := sim.Mails(); len(mails) != 1 || !mails[0].UTF8 || mails[0].From != "b\u00f6t@example.com" {
		t.Errorf("mails %+v", mails)
	}
}

// Over TLS only, where there is TLS.
func TestNoPasswordInTheClear(t *testing.T) {
	sim := mailsim.New(mailsim.Options{Users: []mailsim.User{{Name: "bot", Password: "p"}}})
	t.Cleanup(sim.Close)
	d := connect(t, sim)
	if offered := d.say("EHLO me", "250 "); strings.Contains(offered, "AUTH") || !strings.Contains(offered, "STARTTLS") {
		t.Errorf("offered %s", offered)
	}
	d.say("AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00bot\x00p")), "523 5.7.10")
}

func TestWait(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sim, d := dial(t, mailsim.Options{Now: func() time.Time { return at }})
	d.say("EHLO me", "250 ")
	got := make(chan int)
	go func() {
		mails, err := sim.Wait(t.Context(), 2)
		if err != nil {
			t.Error(err)
		}
		got <- len(mails)
	}()
	d.send("", head+"\r\n1", "250")
	d.send("", head+"\r\n2", "250")
	if n := <-got; n != 2 {
		t.Errorf("%d mails", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if mails, err := sim.Wait(ctx, 3); len(mails) != 2 || !errors.Is(err, context.Canceled) || !mails[0].At.Equal(at) {
		t.Errorf("Wait = %+v, %v", mails, err)
	}
}

// Faults rule in their order, and are over after their times.
func TestFaults(t *testing.T) {
	sim, d := dial(t, mailsim.Options{})
	sim.Inject(mailsim.Fault{At: mailsim.AtMail, Code: 451, Times: 2})
	sim.Inject(mailsim.Fault{At: mailsim.AtMail, Code: 550, Status: [3]int{5, 1, 8}, Message: "no", Times: 1})
	sim.Inject(mailsim.Fault{At: mailsim.AtRcpt, Rcpt: "b@example.com", Code: 550})
	d.say("EHLO me", "250 ")
	for _, want := range []string{"451 4.0.0", "451 4.0.0", "550 5.1.8 no", "250"} {
		d.say("MAIL FROM:<bot@example.com>", want)
	}
	for range 2 {
		d.say("RCPT TO:<B@example.com>", "550 5.0.0")
		d.say("RCPT TO:<a@example.com>", "250")
	}
	sim.ClearFaults()
	d.say("RCPT TO:<b@example.com>", "250")

	sim.Inject(mailsim.Fault{At: mailsim.AtStored, Code: 451, Times: 1}) // stored, and denied
	d.say("DATA", "354")
	d.say(head+"\r\nx\r\n.", "451")
	if n := len(sim.Mails()); n != 1 {
		t.Errorf("%d mails", n)
	}

	sim.Inject(mailsim.Fault{At: mailsim.AtSent, Drop: true})
	d.send("", head+"\r\nx", "250")
	if line, err := d.ReadLine(); err == nil {
		t.Errorf("then came %q", line)
	}
	if n := sim.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// Close ends what hangs, and can come twice.
func TestClose(t *testing.T) {
	sim, d := dial(t, mailsim.Options{})
	reached := make(chan struct{})
	sim.Inject(mailsim.Fault{At: mailsim.AtHello, Hang: true, Reached: reached})
	if err := d.PrintfLine("EHLO me"); err != nil {
		t.Fatal(err)
	}
	<-reached
	sim.Close()
	sim.Close()
	if _, err := bufio.NewReader(d.R).ReadByte(); err == nil {
		t.Error("the connection is still there")
	}
	if _, err := net.Dial("tcp", sim.Addr()); err == nil {
		t.Error("the port is still open")
	}
}
