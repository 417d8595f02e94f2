package confluence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	v2 "github.com/ctreminiom/go-atlassian/v2/confluence/v2"
	"github.com/ctreminiom/go-atlassian/v2/pkg/infra/models"

	"imbot/integrations/internal/fit"
)

// Page is what a page shall be.
type Page struct {
	// Key is the marker by which the page is found again, such as
	// "imbot-INC-42": letters, digits, - and _, at most 100. It must never be
	// used for another page. It stands on the page in a mark that readers don't
	// see, and, without a leading "imbot-", in the title if that is taken.
	Key string

	// Title is shortened to [MaxTitle], and becomes a single line. Required.
	Title string

	// Body is in storage format, see [Doc]. It must be well-formed.
	Body string

	// ParentID is the id of the page to make it under. Default: that of [Config].
	// A page that exists stays where people have moved it to.
	ParentID string
}

// Made is a page as it is in Confluence.
type Made struct {
	ID      string
	URL     string // where people read it
	Title   string // the page may have another than was asked for
	Version int    // counted from 1
}

// maxTries bounds how often Put looks and writes again because somebody else
// was faster.
const maxTries = 4

var keyPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// Put makes a page, or brings it up to date if it is there. known is the id
// that it had before, or "".
//
// A page is recognized by its id or by Key, never by its title alone: so one
// that was made by a request whose answer got lost is found, and no page of
// somebody else is ever written to. Where another page of the space has the
// title, it becomes "Title (INC-42)", then "Title (INC-42) (2)". A page that was
// deleted is made anew.
//
// Nothing is written if title and body are those of the last Put, so that what
// people have added since remains; else their changes are replaced, and stay in
// the page's history. Without known, a lost page is searched by title and among
// those made within 7 days.
func (c *Client) Put(ctx context.Context, p Page, known string) (Made, error) {
	w, err := c.want(p, known)
	if err != nil {
		return Made{}, err
	}
	if w.spaceID, err = c.findSpaceID(ctx); err != nil {
		return Made{}, err
	}
	for try := 1; ; try++ {
		made, err := c.put(ctx, w, known)
		var e *Error
		if err == nil || try == maxTries || !errors.As(err, &e) || !w.again(e) {
			return made, err
		}
	}
}

// want is what Put is asked for, and what it has learned meanwhile.
type want struct {
	key, hash, body, parent, spaceID string
	titles                           []string          // in order of preference
	taken                            map[string]string // the id of the page that has a title, "" if none
	refused                          []string          // titles that Confluence did not take

	page  *models.PageScheme // the one to update, as last seen; nil if there is none
	title string             // the one last tried
	stale bool               // Confluence said that page was not the newest version
}

func (c *Client) want(p Page, known string) (*want, error) {
	op := "put page " + strconv.Quote(oneLine(p.Key, 100))
	title := oneLine(p.Title, 4*MaxTitle) // bytes are at least as many
	if p.ParentID == "" {
		p.ParentID = c.parent
	}
	switch {
	case !keyPattern.MatchString(p.Key):
		return nil, invalid(op, "the key must be 1 to 100 letters, digits, - or _")
	case title == "":
		return nil, invalid(op, "the title is empty")
	case known != "" && !idPattern.MatchString(known):
		return nil, invalid(op, fmt.Sprintf("%.40q is no id of a page", known))
	case p.ParentID != "" && !idPattern.MatchString(p.ParentID):
		return nil, invalid(op, fmt.Sprintf("%.40q is no id of a page to put it under", p.ParentID))
	}
	if err := wellFormed(p.Body); err != nil {
		return nil, &Error{Product: product, Op: op, Message: "the body is no well-formed storage format", Err: err, Final: true}
	}
	sum := sha256.Sum256([]byte(title + "\x00" + p.Body))
	w := &want{key: p.Key, hash: hex.EncodeToString(sum[:8]), parent: p.ParentID, titles: titles(title, p.Key)}
	w.body = p.Body + anchor(w.key+"."+w.hash)
	return w, nil
}

// titles are the title and what it becomes if that is taken.
func titles(title, key string) []string {
	all := []string{fit.UTF16(title, MaxTitle)}
	suffix := " (" + key + ")"
	if short := strings.TrimPrefix(key, "imbot-"); short != "" {
		suffix = " (" + short + ")"
	}
	for n := 1; n <= 5; n++ {
		s := suffix
		if n > 1 {
			s += " (" + strconv.Itoa(n) + ")"
		}
		all = append(all, fit.UTF16(title, MaxTitle-len(s))+s)
	}
	return all
}

// again reports whether looking and writing again may help at once: somebody
// else has changed or deleted the page, or has taken the title.
func (w *want) again(e *Error) bool {
	switch {
	case w.title == "": // nothing was written
		return false
	case e.Status == http.StatusConflict:
		w.stale = strings.Contains(strings.ToLower(e.Message), "version must")
		return true
	case e.NotFound():
		return w.page != nil
	case e.Status == http.StatusBadRequest && aboutTitle(e.Message):
		w.refused = append(w.refused, w.title)
		return true
	}
	return false
}

// aboutTitle recognizes "A page with this title already exists: …".
func aboutTitle(message string) bool {
	message = strings.ToLower(message)
	return strings.Contains(message, "title") && strings.Contains(message, "exist")
}

// put looks and writes once.
func (c *Client) put(ctx context.Context, w *want, known string) (Made, error) {
	before, tried := w.page, w.title
	w.taken, w.page, w.title = map[string]string{}, nil, ""
	page, answer, err := c.find(ctx, w, known)
	if err != nil {
		return Made{}, err
	}
	if page != nil && slices.Contains(w.titles, page.Title) && markOf(w.key, storage(page)) == w.hash {
		return c.made(page, answer), nil
	}
	if page != nil && before != nil && !w.stale && tried != before.Title && before.ID == page.ID && before.Version.Number == page.Version.Number {
		// Nobody has changed the page, so what was refused is the new title:
		// where a page that the user can't see has it, Confluence may say
		// something else.
		w.refused = append(w.refused, tried)
	}
	w.page, w.stale = page, false
	if w.title, err = c.freeTitle(ctx, w); err != nil {
		return Made{}, err
	}
	if page == nil {
		return c.create(ctx, w)
	}
	return c.update(ctx, w)
}

func (c *Client) create(ctx context.Context, w *want) (made Made, err error) {
	err = c.call(ctx, "create page for "+w.key, func(ctx context.Context, api *v2.Client) error {
		page, resp, err := api.Page.Create(ctx, &models.PageCreatePayloadScheme{
			SpaceID: w.spaceID, Status: "current", Title: w.title, ParentID: w.parent,
			Body: &models.PageBodyRepresentationScheme{Representation: "storage", Value: w.body},
		})
		if err != nil {
			return err
		}
		made = c.made(page, resp.Bytes.Bytes())
		return checkPage(page)
	})
	var e *Error
	if errors.As(err, &e) && e.NotFound() {
		e.Message += fmt.Sprintf("; check that the space %s and the page to put it under exist, and that the user may create pages there", c.space)
		c.forgetSpace()
	}
	return made, err
}

func (c *Client) update(ctx context.Context, w *want) (made Made, err error) {
	err = c.call(ctx, "update page "+w.page.ID, func(ctx context.Context, api *v2.Client) error {
		page, resp, err := api.Page.Update(ctx, number(w.page.ID), &models.PageUpdatePayloadScheme{
			ID: w.page.ID, Status: "current", Title: w.title,
			SpaceID: w.page.SpaceID, ParentID: w.page.ParentID, // it stays where it is
			Body:    &models.PageBodyRepresentationScheme{Representation: "storage", Value: w.body},
			Version: &models.PageUpdatePayloadVersionScheme{Number: w.page.Version.Number + 1},
		})
		if err != nil {
			return err
		}
		made = c.made(page, resp.Bytes.Bytes())
		return checkPage(page)
	})
	return made, err
}
