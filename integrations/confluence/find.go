package confluence

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	v2 "github.com/ctreminiom/go-atlassian/v2/confluence/v2"
	"github.com/ctreminiom/go-atlassian/v2/pkg/infra/models"
)

// Where a page is looked for that was made without the caller learning its id.
const (
	recent     = 7 * 24 * time.Hour
	recentPage = 25 // pages in one answer, with their bodies
	recentMost = 8  // answers
)

// find returns the page and Confluence's answer about it, or nil if there is
// none. It looks by id, then by title, then among the newest pages of the space.
// These lists are no search: Confluence's search lags behind, and can't look for
// a mark.
func (c *Client) find(ctx context.Context, w *want, known string) (*models.PageScheme, []byte, error) {
	if known != "" {
		if page, answer, err := c.read(ctx, known); page != nil || err != nil {
			return page, answer, err
		}
	}
	id, err := c.findByTitle(ctx, w)
	if err == nil && id == "" && known == "" {
		id, err = c.findRecent(ctx, w) // after known it could only be a copy
	}
	if err != nil || id == "" || id == known {
		return nil, nil, err
	}
	return c.read(ctx, id)
}

// read returns a page with its body, or nil if it was deleted.
func (c *Client) read(ctx context.Context, id string) (page *models.PageScheme, answer []byte, err error) {
	op := "read page " + id
	err = c.call(ctx, op, func(ctx context.Context, api *v2.Client) error {
		p, resp, err := api.Page.Get(ctx, number(id), "storage", false, 0)
		if err != nil {
			return err
		}
		page, answer = p, resp.Bytes.Bytes()
		return checkPage(p)
	})
	var e *Error
	switch {
	case errors.As(err, &e) && e.NotFound():
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case page.Status == "archived":
		return nil, nil, invalid(op, "the page is archived: restore it in Confluence to have it updated, or delete it to have a new one")
	case page.Status != "current": // trashed or deleted
		return nil, nil, nil
	}
	return page, answer, nil
}

// findByTitle returns the id of our page if it has one of its titles, or "".
func (c *Client) findByTitle(ctx context.Context, w *want) (string, error) {
	for _, title := range w.titles {
		pages, err := c.titled(ctx, w, w.spaceID, title)
		if err != nil {
			return "", err
		}
		for _, p := range pages {
			if markOf(w.key, storage(p)) != "" {
				return p.ID, nil
			}
		}
		if len(pages) == 0 && !slices.Contains(w.refused, title) {
			return "", nil // our page would have had this title
		}
	}
	return "", nil
}

// titled returns the pages of a space with a title: one at most, but for
// archived ones.
func (c *Client) titled(ctx context.Context, w *want, spaceID, title string) ([]*models.PageScheme, error) {
	pages, _, err := c.list(ctx, "look for a title", &models.PageOptionsScheme{
		SpaceIDs: []int{number(spaceID)}, Title: title, BodyFormat: "storage",
	}, "")
	if err == nil {
		w.taken[title] = ""
	}
	for _, p := range pages {
		w.taken[title] = p.ID
	}
	return pages, err
}

// findRecent returns the id of our page if it is among the newest of the space,
// or "". Of copies, which have the mark as well, the oldest page is the one.
func (c *Client) findRecent(ctx context.Context, w *want) (string, error) {
	id, cursor := "", ""
	for range recentMost {
		pages, next, err := c.list(ctx, "look among the newest pages", &models.PageOptionsScheme{
			SpaceIDs: []int{number(w.spaceID)}, Sort: "-created-date", BodyFormat: "storage",
		}, cursor)
		if err != nil {
			return "", err
		}
		for _, p := range pages {
			if made, err := time.Parse(time.RFC3339, p.CreatedAt); err == nil && c.now().Sub(made) > recent {
				return id, nil
			}
			if markOf(w.key, storage(p)) != "" {
				id = p.ID
			}
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	return id, nil
}

// list returns one answer's pages, and where the next begin, "" if there are
// no more.
func (c *Client) list(ctx context.Context, op string, o *models.PageOptionsScheme, cursor string) (pages []*models.PageScheme, next string, err error) {
	err = c.call(ctx, op+" in space "+c.space, func(ctx context.Context, api *v2.Client) error {
		chunk, _, err := api.Page.Gets(ctx, o, cursor, recentPage)
		if err != nil {
			return err
		}
		pages = slices.DeleteFunc(chunk.Results, func(p *models.PageScheme) bool { return p == nil || !idPattern.MatchString(p.ID) })
		if chunk.Links != nil && chunk.Links.Next != "" {
			u, err := url.Parse(chunk.Links.Next)
			if err != nil {
				return errors.New("the link to the next pages can't be used")
			}
			next = u.Query().Get("cursor")
		}
		return nil
	})
	return pages, next, err
}

// freeTitle returns the first of the titles that no other page has.
func (c *Client) freeTitle(ctx context.Context, w *want) (string, error) {
	spaceID, own := w.spaceID, ""
	if w.page != nil {
		spaceID, own = w.page.SpaceID, w.page.ID
	}
	for _, title := range w.titles {
		if w.page != nil && w.page.Title == title {
			return title, nil
		}
		if slices.Contains(w.refused, title) {
			continue
		}
		if _, known := w.taken[title]; !known {
			if _, err := c.titled(ctx, w, spaceID, title); err != nil {
				return "", err
			}
		}
		if by := w.taken[title]; by == "" || by == own {
			return title, nil
		}
	}
	return "", invalid("put page "+w.key, fmt.Sprintf("other pages have the title and all its variants, such as %q: rename one", oneLine(w.titles[1], 300)))
}

// checkPage refuses what is no page that can be worked with.
func checkPage(p *models.PageScheme) error {
	if !idPattern.MatchString(p.ID) || !idPattern.MatchString(p.SpaceID) || p.Version == nil || p.Version.Number < 1 {
		return errors.New("it is a page without id, space or version")
	}
	return nil
}

func storage(p *models.PageScheme) string {
	if p.Body == nil || p.Body.Storage == nil {
		return ""
	}
	return p.Body.Storage.Value
}

// markPattern finds the mark that Put leaves on a page, with what Confluence
// adds to macros on its own.
var markPattern = regexp.MustCompile(`<ac:parameter[^<>]*>([A-Za-z0-9_-]{1,100})\.([0-9a-f]{16})</ac:parameter>`)

// markOf returns the hash that the last Put with the key left in a body, or ""
// if the page is none of the key's.
func markOf(key, body string) string {
	for _, m := range markPattern.FindAllStringSubmatch(body, -1) {
		if m[1] == key {
			return m[2]
		}
	}
	return ""
}

// number is an id that idPattern accepts as the library wants it.
func number(id string) int {
	n, _ := strconv.Atoi(id) // 18 digits fit
	return n
}
