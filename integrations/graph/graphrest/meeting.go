package graphrest

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	kiota "github.com/microsoft/kiota-abstractions-go"
)

// NewMeeting is an online meeting to be made.
type NewMeeting struct {
	// Key makes it one meeting however often it is asked for: the same organiser
	// and key give the same meeting. Required, at most 200 characters.
	Key     string
	Subject string
	Start   time.Time // zero: now
	End     time.Time // zero: an hour after Start
}

// Meeting is an online meeting.
type Meeting struct {
	ID      string
	JoinURL string // https
	Subject string
}

// CreateMeeting makes an online meeting in the name of a user, or returns the one
// that was made with the same key, so that it can be repeated after any error. It
// needs OnlineMeetings.ReadWrite.All, and an application access policy for the
// organiser.
// https://learn.microsoft.com/graph/api/onlinemeeting-createorget
func (c *Client) CreateMeeting(ctx context.Context, organizerID string, m NewMeeting) (Meeting, error) {
	const op = "make the meeting"
	if err := CheckUserID(op, organizerID); err != nil {
		return Meeting{}, err
	}
	if m.Key == "" || len(m.Key) > 200 || visible(m.Key) != m.Key {
		return Meeting{}, Refused(op, "the meeting's key is missing, too long or has control characters")
	}
	if m.Start.IsZero() {
		m.Start = c.now()
	}
	if !m.End.After(m.Start) {
		m.End = m.Start.Add(time.Hour)
	}
	body := map[string]any{
		"externalId":    m.Key,
		"subject":       cutUnits(strings.Join(strings.Fields(visible(m.Subject)), " "), 255),
		"startDateTime": m.Start.UTC().Format(time.RFC3339), "endDateTime": m.End.UTC().Format(time.RFC3339),
	}
	var w struct {
		ID      string `json:"id"`
		JoinURL string `json:"joinWebUrl"`
		Subject string `json:"subject"`
	}
	err := c.send(ctx, raw{op: op, method: kiota.POST, path: "/users/" + organizerID + "/onlineMeetings/createOrGet", body: body, out: &w})
	if err != nil {
		return Meeting{}, err
	}
	if u, err := url.Parse(w.JoinURL); err != nil || u.Scheme != "https" || u.Host == "" {
		return Meeting{}, &Error{Op: op, Status: http.StatusOK, Message: "the answer of Graph has no address to join the meeting at", sent: true}
	}
	return Meeting{ID: w.ID, JoinURL: w.JoinURL, Subject: w.Subject}, nil
}
