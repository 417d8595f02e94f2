package graphrest

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/mail"
	"net/url"
	"slices"
	"strings"

	kiota "github.com/microsoft/kiota-abstractions-go"
)

// MaxRecipients is how many addresses a mail may go to.
// https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits#receiving-and-sending-limits
const MaxRecipients = 500

// Message is a mail to be sent.
type Message struct {
	To, Cc, Bcc []string // addresses, or "Name <address>"
	ReplyTo     []string
	Subject     string
	HTML        string // the body; HTML wins over Text
	Text        string
	// ID is the mail's Message-ID, with its angle brackets; "" leaves it to
	// Exchange.
	ID string
	// Headers are further ones; Graph takes those that begin with "x-".
	Headers map[string]string
	// Keep stores a copy in the sender's folder of sent mail.
	Keep bool
}

type wireAddress struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

type wireRecipient struct {
	Address wireAddress `json:"emailAddress"`
}

type wireHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type wireBody struct {
	Type    string `json:"contentType"`
	Content string `json:"content"`
}

type wireMessage struct {
	Subject string          `json:"subject"`
	Body    wireBody        `json:"body"`
	To      []wireRecipient `json:"toRecipients"`
	Cc      []wireRecipient `json:"ccRecipients,omitempty"`
	Bcc     []wireRecipient `json:"bccRecipients,omitempty"`
	ReplyTo []wireRecipient `json:"replyTo,omitempty"`
	ID      string          `json:"internetMessageId,omitempty"`
	Headers []wireHeader    `json:"internetMessageHeaders,omitempty"`
}

// SendMail sends a mail from a mailbox, named by address or object id. Exchange
// accepts it here and delivers it later. Sending again sends it again: after an
// error with MayBeDone the mail may arrive twice, with the same Message-ID if it
// has one. It needs Mail.Send, which is best limited to the one mailbox.
// https://learn.microsoft.com/graph/api/user-sendmail
func (c *Client) SendMail(ctx context.Context, from string, m Message) error {
	const op = "send the mail"
	w, err := m.wire(op)
	if err != nil {
		return err
	}
	return c.sendMail(ctx, op, from, "application/json", map[string]any{"Message": w, "SaveToSentItems": m.Keep})
}

// SendMIME is SendMail of a message that is composed already, with all of its
// headers.
func (c *Client) SendMIME(ctx context.Context, from string, message []byte) error {
	const op = "send the mail"
	if _, err := mail.ReadMessage(bytes.NewReader(message)); err != nil {
		return Refused(op, "the message is no mail: "+oneLine(err.Error(), 100))
	}
	return c.sendMail(ctx, op, from, "text/plain", []byte(base64.StdEncoding.EncodeToString(message)))
}

func (c *Client) sendMail(ctx context.Context, op, from, media string, body any) error {
	if !guid.MatchString(from) && (!mailAddress.MatchString(from) || strings.ContainsAny(from, "'$")) {
		return Refused(op, "the sender is no mail address")
	}
	return c.send(ctx, raw{op: op, method: kiota.POST, path: "/users/" + url.PathEscape(from) + "/sendMail", media: media, body: body})
}

func (m *Message) wire(op string) (*wireMessage, error) {
	w := &wireMessage{Subject: strings.TrimSpace(visible(m.Subject)), Body: wireBody{Type: "html", Content: m.HTML}, ID: m.ID}
	if m.HTML == "" {
		w.Body = wireBody{Type: "text", Content: m.Text}
	}
	lists := []struct {
		from []string
		to   *[]wireRecipient
	}{{m.To, &w.To}, {m.Cc, &w.Cc}, {m.Bcc, &w.Bcc}, {m.ReplyTo, &w.ReplyTo}}
	for _, l := range lists {
		for _, s := range l.from {
			a, err := mail.ParseAddress(s)
			if err != nil || visible(s) != s {
				return nil, Refused(op, fmt.Sprintf("%.60q is no mail address", s))
			}
			*l.to = append(*l.to, wireRecipient{wireAddress{Name: a.Name, Address: a.Address}})
		}
	}
	if n := len(w.To) + len(w.Cc) + len(w.Bcc); n == 0 || n > MaxRecipients {
		return nil, Refused(op, fmt.Sprintf("a mail has 1 to %d recipients, not %d", MaxRecipients, n))
	}
	if m.ID != "" && (!strings.HasPrefix(m.ID, "<") || !strings.HasSuffix(m.ID, ">") || strings.ContainsAny(m.ID, " \t\r\n")) {
		return nil, Refused(op, "the Message-ID is none")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		value := m.Headers[name]
		if !strings.HasPrefix(strings.ToLower(name), "x-") || strings.ContainsAny(name, ": \r\n") || visible(value) != value {
			return nil, Refused(op, fmt.Sprintf("the header %.40q can't be sent: its name must begin with x-", name))
		}
		w.Headers = append(w.Headers, wireHeader{Name: name, Value: value})
	}
	return w, nil
}
