package confluence

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	v2 "github.com/ctreminiom/go-atlassian/v2/confluence/v2"
	"github.com/ctreminiom/go-atlassian/v2/pkg/infra/models"
)

// Check asks Confluence whether pages can be made: whether the credentials are
// accepted, the space is there and not archived, the user may create pages in
// it, and the page to put them under is one of that space. It changes nothing.
func (c *Client) Check(ctx context.Context) error {
	space, err := c.findSpace(ctx)
	if err != nil {
		return err
	}
	op := "check space " + c.space
	if space.Status == "archived" {
		return invalid(op, "the space is archived: restore it or configure another")
	}
	if err := c.checkCreate(ctx, op, space.ID); err != nil {
		return err
	}
	if c.parent == "" {
		return nil
	}
	page, _, err := c.read(ctx, c.parent)
	switch {
	case err != nil:
		return err
	case page == nil:
		return invalid(op, fmt.Sprintf("there is no page %s to put pages under, or the user may not see it", c.parent))
	case page.SpaceID != space.ID:
		return invalid(op, fmt.Sprintf("the page %s to put pages under is in another space", c.parent))
	}
	return nil
}

// checkCreate asks what the user may do in the space. The library has no way to
// ask for that.
func (c *Client) checkCreate(ctx context.Context, op, spaceID string) error {
	var space struct {
		Operations struct {
			Results []struct {
				Operation  string `json:"operation"`
				TargetType string `json:"targetType"`
			} `json:"results"`
			Meta struct {
				HasMore bool `json:"hasMore"`
			} `json:"meta"`
		} `json:"operations"`
	}
	err := c.call(ctx, op, func(ctx context.Context, api *v2.Client) error {
		req, err := api.NewRequest(ctx, http.MethodGet, "wiki/api/v2/spaces/"+url.PathEscape(spaceID)+"?include-operations=true", "", nil)
		if err != nil {
			return err
		}
		_, err = api.Call(req, &space)
		return err
	})
	if err != nil {
		return err
	}
	for _, o := range space.Operations.Results {
		if o.Operation == "create" && o.TargetType == "page" {
			return nil
		}
	}
	if space.Operations.Meta.HasMore {
		return nil // only the first 50 are told
	}
	return invalid(op, "the user may not create pages in the space: give him that permission in the settings of the space")
}

// findSpaceID returns the id of the space, which does not change.
func (c *Client) findSpaceID(ctx context.Context) (string, error) {
	c.mu.Lock()
	id := c.spaceID
	c.mu.Unlock()
	if id != "" {
		return id, nil
	}
	space, err := c.findSpace(ctx)
	if err != nil {
		return "", err
	}
	return space.ID, nil
}

// forgetSpace has the next Put look for the space again: it may have been
// deleted and made anew.
func (c *Client) forgetSpace() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spaceID = ""
}

func (c *Client) findSpace(ctx context.Context) (*models.SpaceSchemeV2, error) {
	var found *models.SpaceSchemeV2
	op := "find space " + c.space
	err := c.call(ctx, op, func(ctx context.Context, api *v2.Client) error {
		chunk, _, err := api.Space.Bulk(ctx, &models.GetSpacesOptionSchemeV2{Keys: []string{c.space}}, "", 25)
		if err != nil {
			return err
		}
		for _, s := range chunk.Results {
			if s == nil || !idPattern.MatchString(s.ID) {
				return errors.New("it has a space without id")
			}
			if strings.EqualFold(s.Key, c.space) {
				found = s
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, invalid(op, "there is no such space, or the user may not see it: check the key and the user's permissions")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spaceID = found.ID
	return found, nil
}
