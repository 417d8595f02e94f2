package query

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"imbot/incident"
)

// Filter selects incidents for a list. Zero fields select everything.
type Filter struct {
	Status  []incident.Status
	Level   string
	Squad   string
	Service string
	Q       string    // words that the title contains, any case
	Since   time.Time // opened at or after
	Until   time.Time // opened before
	Link    string    // "none", "duplicate" or "cascade"
	Limit   int       // 1 to MaxLimit; 0 means 50
	Cursor  string    // from Page.Next
}

// MaxLimit bounds one page of a list.
const MaxLimit = 200

// maxScan bounds the records that one page may look at: a filter that matches
// next to nothing ends with a cursor instead of holding a read transaction.
const maxScan = 200_000

// Page is one page of a list, newest first.
type Page struct {
	Incidents []*View
	Next      string // cursor of the next page; "" at the end
}

// List returns one page of what the viewer may see, by opened_at descending,
// then by number descending.
func (r *Reader) List(ctx context.Context, viewer Viewer, f Filter) (Page, error) {
	after, err := parseCursor(f.Cursor)
	if err != nil {
		return Page{}, err
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, MaxLimit)
	f.Q = strings.ToLower(f.Q)
	var page Page
	err = r.Store.View(ctx, func(tx incident.Tx) error {
		page = Page{}
		return r.fill(ctx, tx, viewer, &f, after, limit, &page)
	})
	return page, err
}

func (r *Reader) fill(ctx context.Context, tx incident.Tx, viewer Viewer, f *Filter, after incident.Cursor, limit int, page *Page) error {
	openOnly := len(f.Status) == 1 && f.Status[0] == incident.Open
	scanned, s := 0, r.sight(tx, viewer)
	var inner error
	err := tx.Rows(after, openOnly, func(row incident.Row) bool {
		if !f.Since.IsZero() && row.OpenedAt.Before(f.Since) {
			return false
		}
		if scanned++; scanned > r.scanLimit() || ctx.Err() != nil {
			page.Next = formatCursor(after)
			inner = ctx.Err()
			return false
		}
		if f.matches(&row) {
			// Whether there is a next page is said of what the viewer may see only:
			// else it would tell that something private matches.
			var inc *incident.Incident
			if inc, inner = tx.Incident(row.ID); inner != nil {
				return false
			}
			if viewer.sees(inc) {
				if n := len(page.Incidents); n == limit {
					last := page.Incidents[n-1].Incident
					page.Next = formatCursor(incident.Cursor{OpenedAt: last.OpenedAt, ID: last.ID})
					return false
				}
				v := r.view(inc)
				if inner = s.hide(inc); inner != nil {
					return false
				}
				page.Incidents = append(page.Incidents, v)
			}
		}
		after = incident.Cursor{OpenedAt: row.OpenedAt, ID: row.ID}
		return true
	})
	return errors.Join(err, inner)
}

func (r *Reader) scanLimit() int {
	if r.maxScan > 0 {
		return r.maxScan
	}
	return maxScan
}

func (f *Filter) matches(r *incident.Row) bool {
	if len(f.Status) > 0 {
		ok := false
		for _, s := range f.Status {
			ok = ok || s == r.Status
		}
		if !ok {
			return false
		}
	}
	switch f.Link {
	case "":
	case "none":
		if r.Link != "" {
			return false
		}
	default:
		if r.Link != f.Link {
			return false
		}
	}
	return (f.Level == "" || strings.EqualFold(f.Level, r.Level)) &&
		(f.Squad == "" || strings.EqualFold(f.Squad, r.Squad)) &&
		(f.Service == "" || strings.EqualFold(f.Service, r.Service)) &&
		(f.Until.IsZero() || r.OpenedAt.Before(f.Until)) &&
		(f.Q == "" || containsAll(strings.ToLower(r.Title), f.Q))
}

func containsAll(title, q string) bool {
	for _, w := range strings.Fields(q) {
		if !strings.Contains(title, w) {
			return false
		}
	}
	return true
}

// formatCursor packs a place in the order into an opaque string: seconds and
// nanoseconds apart, so that it holds every time there is.
func formatCursor(c incident.Cursor) string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, cursorLen), uint64(c.OpenedAt.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(c.OpenedAt.Nanosecond()))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(b, uint64(c.ID)))
}

const cursorLen = 8 + 4 + 8

func parseCursor(s string) (incident.Cursor, error) {
	if s == "" {
		return incident.Cursor{}, nil
	}
	bad := incident.NewProblem(incident.ErrInvalid, "cursor", "bad_cursor", "The cursor is not one of ours: use next_cursor as it came, or leave it out.")
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != cursorLen {
		return incident.Cursor{}, bad
	}
	c := incident.Cursor{
		OpenedAt: time.Unix(int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint32(b[8:]))).UTC(),
		ID:       incident.ID(binary.BigEndian.Uint64(b[12:])),
	}
	if c.ID <= 0 || formatCursor(c) != s {
		return incident.Cursor{}, bad
	}
	return c, nil
}
