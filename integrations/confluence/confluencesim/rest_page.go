package confluencesim

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) getSpaces(w http.ResponseWriter, r *http.Request) {
	keys := strings.Split(r.URL.Query().Get("keys"), ",")
	var found []object
	for _, sp := range s.spaces {
		if !r.URL.Query().Has("keys") || slices.Contains(keys, sp.Key) {
			found = append(found, wireSpace(sp))
		}
	}
	s.list(w, r, found)
}

func (s *Server) getSpace(w http.ResponseWriter, r *http.Request) {
	sp := s.space(func(sp *Space) bool { return sp.ID == r.PathValue("id") })
	if sp == nil {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	out := wireSpace(sp)
	out["_links"] = object{"webui": "/spaces/" + sp.Key, "base": s.URL() + "/wiki"}
	if r.URL.Query().Get("include-operations") == "true" {
		operations := []object{{"operation": "read", "targetType": "space"}}
		if !sp.Readers && !sp.Archived {
			operations = append(operations, object{"operation": "create", "targetType": "comment"}, object{"operation": "create", "targetType": "page"})
		}
		out["operations"] = object{"results": operations, "meta": object{"hasMore": false}, "_links": object{"self": api + "/spaces/" + sp.ID + "/operations"}}
	}
	answer(w, http.StatusOK, out)
}

func wireSpace(sp *Space) object {
	status := "current"
	if sp.Archived {
		status = "archived"
	}
	return object{
		"id": sp.ID, "key": sp.Key, "name": sp.Name, "type": "global", "status": status,
		"homepageId": sp.HomepageID, "_links": object{"webui": "/spaces/" + sp.Key},
	}
}

func (s *Server) getPages(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	statuses := []string{"current", "archived"}
	if q.Has("status") {
		statuses = strings.Split(q.Get("status"), ",")
	}
	var found []*Page
	for _, p := range s.pages {
		if !p.Hidden && slices.Contains(statuses, p.Status) && (!q.Has("space-id") || slices.Contains(strings.Split(q.Get("space-id"), ","), p.SpaceID)) &&
			(!q.Has("title") || p.Title == q.Get("title")) {
			found = append(found, p)
		}
	}
	switch q.Get("sort") {
	case "":
	case "-created-date": // pages are kept in that order
		slices.Reverse(found)
	default:
		refuse(w, http.StatusBadRequest, "Provided value for 'sort' is not correct.")
		return
	}
	out := make([]object, 0, len(found))
	for _, p := range found {
		page, ok := s.wirePage(w, q, p)
		if !ok {
			return
		}
		out = append(out, page)
	}
	s.list(w, r, out)
}

// list answers with a part of what was found, and where the next begins.
func (s *Server) list(w http.ResponseWriter, r *http.Request, found []object) {
	q := r.URL.Query()
	limit := 25
	if q.Has("limit") {
		n, err := strconv.Atoi(q.Get("limit"))
		if err != nil || n < 1 || n > 250 {
			refuse(w, http.StatusBadRequest, "Provided value for 'limit' is not correct.")
			return
		}
		limit = n
	}
	limit = min(limit, s.opt.PageSize)
	from := 0
	if q.Has("cursor") {
		n, err := strconv.Atoi(strings.TrimPrefix(q.Get("cursor"), "c+/="))
		if err != nil || n < 0 || n > len(found) {
			refuse(w, http.StatusBadRequest, "Provided value for 'cursor' is not correct.")
			return
		}
		from = n
	}
	to := min(from+limit, len(found))
	links := object{"base": s.URL() + "/wiki"}
	if to < len(found) {
		next := url.Values{"cursor": {"c+/=" + strconv.Itoa(to)}}
		for name := range q {
			if name != "cursor" {
				next.Set(name, q.Get(name))
			}
		}
		links["next"] = r.URL.Path + "?" + next.Encode()
		w.Header().Set("Link", fmt.Sprintf("<%s>; rel=\"next\"", links["next"]))
	}
	answer(w, http.StatusOK, object{"results": append([]object{}, found[from:to]...), "_links": links})
}

func (s *Server) getPage(w http.ResponseWriter, r *http.Request) {
	p := s.page(r.PathValue("id"))
	if p == nil || p.Hidden {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	s.answerPage(w, r, p)
}

func (s *Server) answerPage(w http.ResponseWriter, r *http.Request, p *Page) {
	out, ok := s.wirePage(w, r.URL.Query(), p)
	if !ok {
		return
	}
	out["_links"].(object)["base"] = s.URL() + "/wiki"
	answer(w, http.StatusOK, out)
}

// wirePage is a page as answers have it. It refuses an unknown body-format.
func (s *Server) wirePage(w http.ResponseWriter, q url.Values, p *Page) (object, bool) {
	at := func(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z") }
	sp := s.space(func(sp *Space) bool { return sp.ID == p.SpaceID })
	out := object{
		"id": p.ID, "status": p.Status, "title": p.Title, "spaceId": p.SpaceID, "parentId": nil, "parentType": nil, "position": nil,
		"authorId": p.Author, "ownerId": p.Author, "lastOwnerId": nil, "createdAt": at(p.CreatedAt),
		"version": object{"number": p.Version, "createdAt": at(p.ChangedAt), "message": "", "minorEdit": false, "authorId": p.Author},
		"body":    object{},
		"_links":  object{"webui": "/spaces/" + sp.Key + "/pages/" + p.ID + "/" + url.PathEscape(p.Title), "editui": "/pages/resumedraft.action?draftId=" + p.ID, "tinyui": "/x/" + p.ID},
	}
	if p.ParentID != "" {
		out["parentId"], out["parentType"] = p.ParentID, "page"
	}
	switch q.Get("body-format") {
	case "":
	case "storage":
		out["body"] = object{"storage": object{"representation": "storage", "value": p.Body}}
	default:
		refuse(w, http.StatusBadRequest, "Provided value for 'body-format' is not correct.")
		return nil, false
	}
	return out, true
}

// body of a page to write.
type body struct {
	Representation string `json:"representation"`
	Value          string `json:"value"`
}

func (b *body) check() error {
	switch {
	case b == nil:
		return errors.New("body must be provided")
	case b.Representation != "storage":
		return fmt.Errorf("representation %q is not simulated", b.Representation)
	}
	return checkStorage(b.Value)
}

func (s *Server) postPage(w http.ResponseWriter, r *http.Request) {
	var in struct {
		SpaceID  string `json:"spaceId"`
		Status   string `json:"status"`
		Title    string `json:"title"`
		ParentID string `json:"parentId"`
		Body     *body  `json:"body"`
	}
	if !decode(w, r, &in) {
		return
	}
	sp := s.space(func(sp *Space) bool { return sp.ID == in.SpaceID })
	if sp == nil || sp.Readers || sp.Archived {
		refuse(w, http.StatusNotFound, "Could not find space with ID "+in.SpaceID+" or user does not have permission to create content in it.")
		return
	}
	if in.ParentID == "" {
		in.ParentID = sp.HomepageID
	}
	if !s.parent(sp.ID, in.ParentID) {
		refuse(w, http.StatusNotFound, "Could not find parent content with ID "+in.ParentID)
		return
	}
	if in.Status != "" && in.Status != "current" {
		refuse(w, http.StatusBadRequest, "status "+in.Status+" is not simulated")
		return
	}
	if err := s.checkTitle(sp.ID, "", in.Title); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if err := in.Body.check(); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	s.answerPage(w, r, s.add(sp, in.ParentID, in.Title, in.Body.Value, Bot))
}

// parent reports whether pages can be put under one.
func (s *Server) parent(spaceID, id string) bool {
	p := s.page(id)
	return p != nil && p.SpaceID == spaceID && p.Status == "current" && !p.Hidden
}

func (s *Server) putPage(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ID       string `json:"id"`
		Status   string `json:"status"`
		Title    string `json:"title"`
		SpaceID  string `json:"spaceId"`
		ParentID string `json:"parentId"`
		OwnerID  string `json:"ownerId"`
		Body     *body  `json:"body"`
		Version  *struct {
			Number  int    `json:"number"`
			Message string `json:"message"`
		} `json:"version"`
	}
	if !decode(w, r, &in) {
		return
	}
	p := s.page(r.PathValue("id"))
	if p == nil || p.Hidden || p.Status != "current" {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	sp := s.space(func(sp *Space) bool { return sp.ID == p.SpaceID })
	if sp.Readers || sp.Archived || (in.ParentID != "" && in.ParentID != p.ParentID && !s.parent(sp.ID, in.ParentID)) {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	switch {
	case in.ID != p.ID, in.Status != "current", in.Version == nil, in.OwnerID != "", in.SpaceID != "" && in.SpaceID != p.SpaceID:
		refuse(w, http.StatusBadRequest, "id, status, version, ownerId or spaceId is not correct.")
		return
	case in.Version.Number != p.Version+1:
		refuse(w, http.StatusConflict, fmt.Sprintf("Version must be incremented when updating a page. Current Version: [%d]. Provided version: [%d]", p.Version, in.Version.Number))
		return
	}
	switch err := s.checkTitle(sp.ID, p.ID, in.Title); {
	case errors.Is(err, errTitle) && s.opt.VagueTitles:
		refuse(w, http.StatusConflict, "Conflict")
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if err := in.Body.check(); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	p.Title, p.Body, p.Version, p.ChangedAt = in.Title, s.stored(in.Body.Value), p.Version+1, s.now()
	if in.ParentID != "" {
		p.ParentID = in.ParentID
	}
	s.answerPage(w, r, p)
}
