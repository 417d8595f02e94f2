package confluencesim

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Space is a space as it is kept.
type Space struct {
	ID, Key, Name string
	HomepageID    string
	Archived      bool
	Readers       bool // the user may read only
}

// Page is a page as it is kept.
type Page struct {
	ID, SpaceID, ParentID string
	Title, Body           string // the body in storage format
	Version               int
	Status                string // current, archived or trashed
	Author                string // account id
	CreatedAt, ChangedAt  time.Time
	Hidden                bool // the user may not see it
}

// Bot is the account id of the user of the credentials, and Person that of
// everybody else.
const (
	Bot    = "712020:bot"
	Person = "712020:person"
)

// maxTitle is Confluence's bound, in UTF-16 code units.
const maxTitle = 255

// AddSpace adds a space with a home page, and returns it. The user may create
// pages in it.
func (s *Server) AddSpace(key, name string) Space {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := &Space{ID: s.newID(), Key: key, Name: name}
	home := &Page{ID: s.newID(), SpaceID: sp.ID, Title: name, Version: 1, Status: "current", Author: Person, CreatedAt: s.now(), ChangedAt: s.now()}
	sp.HomepageID = home.ID
	s.spaces, s.pages = append(s.spaces, sp), append(s.pages, home)
	return *sp
}

// ChangeSpace lets change alter a space. It panics if there is none of that key.
func (s *Server) ChangeSpace(key string, change func(*Space)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.space(func(sp *Space) bool { return sp.Key == key }))
}

// AddPage adds a page of somebody else's, and returns its id. It panics if
// Confluence would refuse it.
func (s *Server) AddPage(spaceKey, title, body string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := s.space(func(sp *Space) bool { return sp.Key == spaceKey })
	if err := errors.Join(s.checkTitle(sp.ID, "", title), checkStorage(body)); err != nil {
		panic("confluencesim: " + err.Error())
	}
	return s.add(sp, sp.HomepageID, title, body, Person).ID
}

// Edit changes a page as somebody else would: change may alter all but its id,
// and it has a version more.
func (s *Server) Edit(id string, change func(*Page)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.page(id)
	change(p)
	p.Version++
	p.ChangedAt = s.now()
}

// Set changes what is no content, such as Status and Hidden: the version
// remains.
func (s *Server) Set(id string, change func(*Page)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.page(id))
}

// Purge removes a page for good.
func (s *Server) Purge(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages = slices.DeleteFunc(s.pages, func(p *Page) bool { return p.ID == id })
}

// Page returns a page.
func (s *Server) Page(id string) (Page, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.page(id); p != nil {
		return *p, true
	}
	return Page{}, false
}

// Pages returns all pages, in the order they were made, but those in the trash
// and the home pages.
func (s *Server) Pages() []Page {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Page
	for _, p := range s.pages {
		if p.Status != "trashed" && p.ParentID != "" {
			all = append(all, *p)
		}
	}
	return all
}

func (s *Server) newID() string {
	s.lastID++
	return strconv.Itoa(s.lastID)
}

func (s *Server) space(is func(*Space) bool) *Space {
	if n := slices.IndexFunc(s.spaces, is); n >= 0 {
		return s.spaces[n]
	}
	return nil
}

func (s *Server) page(id string) *Page {
	if n := slices.IndexFunc(s.pages, func(p *Page) bool { return p.ID == id }); n >= 0 {
		return s.pages[n]
	}
	return nil
}

func (s *Server) add(sp *Space, parent, title, body, author string) *Page {
	p := &Page{
		ID: s.newID(), SpaceID: sp.ID, ParentID: parent, Title: title, Version: 1, Status: "current",
		Author: author, CreatedAt: s.now(), ChangedAt: s.now(),
	}
	p.Body = s.stored(body)
	s.pages = append(s.pages, p)
	return p
}

// stored is what Confluence makes of a body: macros get ids.
func (s *Server) stored(body string) string {
	const macro = "<ac:structured-macro "
	var b strings.Builder
	for {
		before, after, found := strings.Cut(body, macro)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString(macro)
		if tag, _, _ := strings.Cut(after, ">"); !strings.Contains(tag, "ac:macro-id") {
			fmt.Fprintf(&b, `ac:macro-id="%s" `, s.newID())
		}
		body = after
	}
}

var errTitle = errors.New("A page with this title already exists: A page already exists with the same TITLE in this space") //lint:ignore ST1005 Confluence's words

// checkTitle applies the rules for titles. Pages in the trash have none; that a
// page is not seen does not matter.
func (s *Server) checkTitle(spaceID, except, title string) error {
	switch {
	case strings.TrimSpace(title) == "":
		return errors.New("title is required for a published page")
	case len(utf16.Encode([]rune(title))) > maxTitle:
		return errors.New("title cannot be longer than 255 characters")
	case title != strings.TrimSpace(title):
		return errors.New("title has spaces around it")
	}
	for _, p := range s.pages {
		if p.SpaceID == spaceID && p.ID != except && p.Status != "trashed" && strings.EqualFold(p.Title, title) {
			return errTitle
		}
	}
	return nil
}

// checkStorage refuses a body that is not well-formed, or has markup that
// Confluence does not keep.
func checkStorage(body string) error {
	d := xml.NewDecoder(strings.NewReader(`<page xmlns:ac="ac" xmlns:ri="ri">` + body + "</page>"))
	d.Entity = xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("error parsing xhtml: %w", err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if slices.Contains([]string{"script", "style", "iframe", "object", "embed", "form", "input"}, e.Name.Local) {
			return fmt.Errorf("error parsing xhtml: <%s> is not allowed", e.Name.Local)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || (a.Name.Local == "href" && !strings.HasPrefix(a.Value, "http")) {
				return fmt.Errorf("error parsing xhtml: attribute %s is not allowed", a.Name.Local)
			}
		}
	}
}
