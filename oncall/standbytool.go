package oncall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of a standby tool's answer.
const (
	maxAnswer  = 64 << 10 // bytes
	maxEntries = 200
	maxLevel   = 20
	maxName    = 100 // characters
)

// toolError is an answer that asking again soon will not mend, or, with a wait
// or a status that says so, one that it may.
type toolError struct {
	message string
	again   bool
	wait    time.Duration
}

func (e *toolError) Error() string             { return e.message }
func (e *toolError) Permanent() bool           { return !e.again }
func (e *toolError) RetryAfter() time.Duration { return e.wait }

// fetchURL asks a standby tool.
func (k *Keeper) fetchURL(ctx context.Context, raw string) ([]duty, error) {
	u, err := url.Parse(raw)
	if err != nil || !trusted(u) {
		return nil, &toolError{message: "the address must be https (http is for this machine only)"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, raw, nil)
	if err != nil {
		return nil, &toolError{message: "the address can't be used"}
	}
	req.Header.Set("Accept", "application/json")
	if k.c.Token != nil {
		if bearer, hosts := k.c.Token(); bearer != "" && (len(hosts) == 0 || slices.Contains(hosts, u.Hostname())) {
			req.Header.Set("Authorization", "Bearer "+bearer)
		}
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return nil, withoutURL(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, withoutURL(ctx, err)
	case resp.StatusCode != http.StatusOK:
		return nil, statusError(resp)
	case len(body) > maxAnswer:
		return nil, &toolError{message: fmt.Sprintf("the answer is longer than %d KB", maxAnswer>>10)}
	}
	return parseTool(body)
}

// trusted reports whether a token may go there.
func trusted(u *url.URL) bool {
	if u.Host == "" || u.User != nil {
		return false
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (ip.IsLoopback() || u.Hostname() == "localhost")
}

// withoutURL leaves out the address, whose query may be secret.
func withoutURL(ctx context.Context, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("no answer: %w", err)
}

func statusError(resp *http.Response) *toolError {
	e := &toolError{message: "it answered " + strconv.Itoa(resp.StatusCode)}
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		e.message += "; check the standby token in the configuration"
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code/100 == 5:
		e.again = true
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 && s < 1e6 {
			e.wait = time.Duration(s) * time.Second
		}
	case code/100 == 3:
		e.message += "; redirects are not followed: write the address that it leads to"
	}
	return e
}

var mailShape = regexp.MustCompile(`^[^\s@<>(),;:"\\\x00-\x1f\x7f]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// parseTool reads the answer of a standby tool, as docs/standby.md describes it.
// Members that are not described are passed over; an entry that is wrong makes
// all of it wrong, for a list that lacks somebody would look complete.
func parseTool(body []byte) ([]duty, error) {
	var list struct {
		OnCall *[]struct {
			Mail  string `json:"mail"`
			Name  string `json:"name"`
			From  string `json:"from"`
			Until string `json:"until"`
			Level *int   `json:"level"`
		} `json:"on_call"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		var typ *json.UnmarshalTypeError
		if errors.As(err, &typ) {
			return nil, &toolError{message: fmt.Sprintf("the answer is not as described: %s: unexpected %s", typ.Field, typ.Value)}
		}
		return nil, &toolError{message: "the answer is not JSON"}
	}
	if list.OnCall == nil {
		return nil, &toolError{message: "the answer has no list on_call"}
	}
	if n := len(*list.OnCall); n > maxEntries {
		return nil, &toolError{message: fmt.Sprintf("on_call has %d entries, more than %d", n, maxEntries)}
	}
	out := make([]duty, 0, len(*list.OnCall))
	for i, e := range *list.OnCall {
		d := duty{person: Person{Mail: strings.ToLower(strings.TrimSpace(e.Mail)), Name: oneLine(e.Name)}, level: 1}
		if e.Level != nil {
			d.level = *e.Level
		}
		var errFrom, errUntil error
		d.from, errFrom = moment(e.From)
		d.until, errUntil = moment(e.Until)
		problem := ""
		switch {
		case len(d.person.Mail) > 254 || !mailShape.MatchString(d.person.Mail):
			problem = "mail is not a mail address"
		case errFrom != nil:
			problem = "from is not an RFC 3339 time"
		case errUntil != nil:
			problem = "until is not an RFC 3339 time"
		case !d.until.IsZero() && !d.until.After(d.from):
			problem = "until is not after from"
		case d.level < 1 || d.level > maxLevel:
			problem = fmt.Sprintf("level is not 1 to %d", maxLevel)
		}
		if problem != "" {
			return nil, &toolError{message: fmt.Sprintf("on_call[%d]: %s", i, problem)}
		}
		out = append(out, d)
	}
	return out, nil
}

func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	return t.UTC(), err
}

// oneLine makes a name of at most maxName characters, for cards show it.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if utf8.RuneCountInString(s) > maxName {
		s = strings.TrimSpace(string([]rune(s)[:maxName]))
	}
	return s
}
