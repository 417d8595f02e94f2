package mailsim

import (
	"bytes"
	"testing"
)

// Whatever a mail looks like, it is refused or can be looked at.
func FuzzMail(f *testing.F) {
	const head = "From: a@b\r\nDate: Sun, 01 Mar 2026 12:00:00 +0000\r\nMessage-ID: <a@b>\r\n"
	f.Add([]byte(head+"\r\nx"), true)
	f.Add([]byte(head+"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n--x--"), false)
	f.Add([]byte(head+"Content-Transfer-Encoding: base64\r\nSubject: =?x?q?=?=\r\n\r\n!"), false)
	f.Add([]byte("\r\n\r\n\xff"), true)
	f.Fuzz(func(t *testing.T, raw []byte, eightBit bool) {
		refused := lint(raw, eightBit)
		m, err := parse(raw)
		if refused != nil {
			if refused.Code < 500 || refused.EnhancedCode[0] != 5 || bytes.ContainsAny([]byte(refused.Message), "\r\n") {
				t.Errorf("%+v", refused)
			}
			return
		}
		if err != nil {
			return
		}
		if len(m.Parts) > maxParts || m.MessageID == "" || m.Header.Get("From") == "" {
			t.Errorf("%+v", m)
		}
	})
}
