package mail_test

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"imbot/integrations/mail"
)

// scripted is a server that says the next line after each one that it gets, and
// hangs up at the end. "…" stands for a line without an end.
func scripted(t testing.TB, c mail.Config, lines ...string) *mail.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			talk(c, lines)
			hangUp(c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	c.From, c.Host, c.Port, c.TLS = "bot@example.com", "127.0.0.1", l.Addr().(*net.TCPAddr).Port, mail.TLSNone
	m, err := mail.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// hangUp ends a connection so that the other side sees its end: closing it with
// something unread would reset it.
func hangUp(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_ = c.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
}

func talk(c net.Conn, lines []string) {
	r := bufio.NewReader(c)
	for n, line := range lines {
		if n > 0 {
			got, err := r.ReadString('\n')
			for strings.HasPrefix(lines[n-1], "354") && err == nil && got != ".\r\n" {
				got, err = r.ReadString('\n')
			}
			if err != nil {
				return
			}
		}
		if line != "…" {
			_, _ = io.WriteString(c, line+"\r\n")
			continue
		}
		for {
			if _, err := io.WriteString(c, strings.Repeat("250-x", 1000)); err != nil {
				return
			}
		}
	}
}

// What answers may be no mail server, or a bad one.
func TestHostile(t *testing.T) {
	hello := "250-me\r\n250 8BITMIME"
	for _, tt := range []struct {
		name      string
		lines     []string
		permanent bool
		says      string
	}{
		{"hangs up at once", nil, false, "connect: the server hung up"},
		{"another protocol", []string{"HTTP/1.1 400 Bad Request"}, false, "this is no answer of a mail server"},
		{"SSH, which looks like the first of several lines", []string{"SSH-2.0-OpenSSH_9.6\x1b[2J"}, false, "the server hung up"},
		{"endless greeting", []string{"…"}, false, "the server's answers are longer than 1024 KB"},
		{"endless hello", []string{"220 me", "…"}, false, "longer than 1024 KB"},
		{"no service", []string{"554 no service"}, true, "connect: no service (554)"},
		{"wrong code", []string{"220 me", "220 me", "220 me"}, false, "say hello: me (220)"},
		{"DATA refused", []string{"220 me", hello, "250 ok", "250 ok", "554 5.5.1 no"}, true, "hand the mail over: no (554 5.5.1)"},
		{"DATA later", []string{"220 me", hello, "250 ok", "250 ok", "451 4.3.0 no"}, false, "hand the mail over: no (451 4.3.0)"},
		{"strange end", []string{"220 me", hello, "250 ok", "250 ok", "354 go", "what"}, false, "it may have gone out"},
		{"another code at the end", []string{"220 me", hello, "250 ok", "250 ok", "354 go", "251 ok"}, false, "hand the mail over: ok (251)"},
		{"hangs up at the end", []string{"220 me", hello, "250 ok", "250 ok", "354 go"}, false, "the server hung up"},
		{"tiny", []string{"220 me", "250-me\r\n250 SIZE 10"}, true, "takes at most 10"},
		{"many lines", []string{"550-" + strings.Repeat("5.7.1 very long\r\n550-", 2000) + "\r\n550 5.7.1 end"}, true, "connect: very long very long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := wantError(t, scripted(t, mail.Config{}, tt.lines...).Send(t.Context(), message()), tt.permanent, tt.says)
			if len(e.Error()) > 700 {
				t.Errorf("an error of %d bytes", len(e.Error()))
			}
		})
	}
	// A server of old takes a mail, too, and none has to say goodbye.
	for _, lines := range [][]string{
		{"220 me", "502 what?", "250 hello", "250 ok", "251 forwarded", "354 go", "250 ok", "221 bye"},
		{"220 me", "250 hello", "250 ok", "250 ok", "354 go", "250 ok"},
		{"220 me", "250-hello\r\n250-SMTPUTF8\r\n250 SIZE many", "250 ok", "250 ok", "354 go", "250 ok", "500 what?"},
	} {
		if err := scripted(t, mail.Config{}, lines...).Send(t.Context(), message()); err != nil {
			t.Errorf("%q: %v", lines, err)
		}
	}
}

// A server that got a secret may say it again, in any form.
func TestSecretsSaidAgain(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	both := "\x00" + bot.Name + "\x00" + password
	for _, tt := range []struct {
		name  string
		c     mail.Config
		lines []string
	}{
		{"one question too many", withPassword(), []string{"250 AUTH LOGIN", "334 " + b64("Username:"), "334 " + b64("Password:"), "334 " + b64("is it "+password+"?")}},
		{"in a refusal", withPassword(), []string{"250 AUTH PLAIN", "535-5.7.8 not " + b64(both) + "\r\n535 5.7.8 nor " + password}},
		{"in a word", withPassword(), []string{"250 AUTH PLAIN", "<" + b64(password) + ">"}},
		{"later", withPassword(), []string{"250 AUTH PLAIN", "235 ok", "550 " + password + " is not a sender"}},
		{"token", withToken(token, nil), []string{"250 AUTH XOAUTH2", "535 " + token + b64("user="+bot.Name+"\x01auth=Bearer "+token+"\x01\x01")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := append([]string{"220 me", "250-me\r\n" + tt.lines[0]}, tt.lines[1:]...)
			var e *mail.Error
			err := scripted(t, tt.c, lines...).Send(t.Context(), message())
			if !errors.As(err, &e) {
				t.Fatalf("Send = %v", err)
			}
			wantText(t, err, "***")
			if strings.Contains(err.Error(), b64(both)[:12]) {
				t.Errorf("%v holds a secret", err)
			}
		})
	}
}
