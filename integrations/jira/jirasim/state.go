package jirasim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Errors of the methods that act on issues.
var (
	ErrNotFound = errors.New("jirasim: no such thing")
	ErrInvalid  = errors.New("jirasim: not possible")
)

// User is a person who can be assigned issues.
type User struct {
	AccountID string // made up if empty
	Name      string // login name on Data Center; made up if empty
	FullName  string
	Email     string
	HideEmail bool // Cloud does not show the address
	Inactive  bool
	App       bool // no person; Cloud only
}

// Issue is an issue, to compare with what others know of it.
type Issue struct {
	ID, Key     string
	Project     string // key
	Type        string // name
	Summary     string
	Description string
	Status      string // name
	Category    string // of the status, such as "done"
	Resolution  string // name; "" while unresolved
	Priority    string // name
	Labels      []string
	Due         string // such as "2026-01-31"
	Assignee    string // account id; "" for nobody
	Reporter    string // account id
	Created     time.Time
	Updated     time.Time
	Fields      map[string]any // custom ones
	Comments    []Comment
	Links       []Link
}

// Comment is a comment on an issue.
type Comment struct {
	ID      string
	Author  string // account id
	Body    string
	Created time.Time
}

// Link is a remote link of an issue.
type Link struct {
	ID       int
	GlobalID string
	URL      string
	Title    string
	Summary  string
	Relation string
	Resolved bool
}

func (i Issue) clone() Issue {
	i.Labels, i.Comments, i.Links = slices.Clone(i.Labels), slices.Clone(i.Comments), slices.Clone(i.Links)
	i.Fields = maps.Clone(i.Fields)
	return i
}

// issue is an issue with what the index knows of it.
type issue struct {
	Issue
	project  *Project
	versions []Issue // oldest first; the index has the last that is older than its delay
	deleted  time.Time
}

// AddUser adds a user, and returns the account id.
func (s *Server) AddUser(u User) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.users) + 1
	if u.AccountID == "" {
		u.AccountID = fmt.Sprintf("712020:user-%d", n)
	}
	if u.Name == "" {
		u.Name = fmt.Sprintf("user%d", n)
	}
	s.users = append(s.users, &u)
	return u.AccountID
}

// bot is the user of the credentials.
func (s *Server) bot() *User { return s.users[0] }

func (s *Server) user(id string) *User {
	for _, u := range s.users {
		if u.AccountID == id {
			return u
		}
	}
	return nil
}

// Spec describes an issue to create.
type Spec struct {
	Project  string // key
	Type     string // name; default: the project's first
	Summary  string
	Labels   []string
	Due      string
	Assignee string // account id
	By       string // account id; default: the user of the credentials
}

// Create creates an issue as a person does, and returns it. It panics where the
// project is unknown: a test has a mistake.
func (s *Server) Create(spec Spec) Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.project(spec.Project)
	if p == nil {
		panic("jirasim: no project " + spec.Project)
	}
	if spec.Type == "" {
		spec.Type = p.Types[0].Name
	}
	by := s.user(spec.By)
	if by == nil {
		by = s.bot()
	}
	i := s.add(p, by, Issue{Type: spec.Type, Summary: spec.Summary, Labels: spec.Labels, Due: spec.Due, Assignee: spec.Assignee, Priority: defaultPriority})
	return i.clone()
}

// add creates an issue. The caller holds mu.
func (s *Server) add(p *Project, by *User, n Issue) *issue {
	p.last++
	n.ID, n.Key, n.Project = strconv.Itoa(s.newID()), fmt.Sprintf("%s-%d", p.Key, p.last), p.Key
	first := p.Workflow.Statuses[0]
	n.Status, n.Category, n.Reporter = first.Name, first.Category, by.AccountID
	n.Created = s.now()
	n.Updated = n.Created
	i := &issue{Issue: n, project: p}
	s.issues = append(s.issues, i)
	s.byKey[n.Key], s.byKey[n.ID] = i, i
	s.remember(i)
	s.issueEvent(by, i, "jira:issue_created", "issue_created", nil)
	return i
}

// remember puts a version on its way to the index, and forgets those that the
// index will not show again.
func (s *Server) remember(i *issue) {
	i.versions = append(i.versions, i.clone())
	shown := s.now().Add(-s.opt.IndexDelay)
	for len(i.versions) > 1 && !i.versions[1].Updated.After(shown) {
		i.versions = i.versions[1:]
	}
}

// indexed returns the issue as searches know it, or false.
func (s *Server) indexed(i *issue) (Issue, bool) {
	shown := s.now().Add(-s.opt.IndexDelay)
	if !i.deleted.IsZero() && !i.deleted.After(shown) {
		return Issue{}, false
	}
	for n := len(i.versions) - 1; n >= 0; n-- {
		if !i.versions[n].Updated.After(shown) {
			return i.versions[n], true
		}
	}
	return Issue{}, false
}

// find returns an issue by any of its keys, or by id.
func (s *Server) find(key string) *issue {
	if i := s.byKey[key]; i != nil && i.deleted.IsZero() {
		return i
	}
	return nil
}

// Issue returns an issue by key or id.
func (s *Server) Issue(key string) (Issue, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(key)
	if i == nil {
		return Issue{}, false
	}
	return i.clone(), true
}

// Issues returns all issues, oldest first.
func (s *Server) Issues() []Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Issue
	for _, i := range s.issues {
		if i.deleted.IsZero() {
			out = append(out, i.clone())
		}
	}
	return out
}

// Edit changes fields of an issue as a person does. by is an account id. Id, key,
// status and times are not changed so.
func (s *Server) Edit(by, key string, edit func(*Issue)) error {
	return s.act(by, key, func(u *User, i *issue) error {
		s.change(u, i, "issue_generic", func(n *Issue) {
			edit(n)
			n.ID, n.Key, n.Status, n.Category, n.Created, n.Updated = i.ID, i.Key, i.Status, i.Category, i.Created, i.Updated
		})
		return nil
	})
}

// Assign assigns an issue as a person does; "" to nobody.
func (s *Server) Assign(by, key, assignee string) error {
	return s.act(by, key, func(u *User, i *issue) error {
		if assignee != "" && s.user(assignee) == nil {
			return ErrNotFound
		}
		s.change(u, i, "issue_assigned", func(n *Issue) { n.Assignee = assignee })
		return nil
	})
}

// Move moves an issue into a status as a person does, whatever the workflow
// says.
func (s *Server) Move(by, key, status string) error {
	return s.act(by, key, func(u *User, i *issue) error {
		st := i.project.Workflow.status(status)
		if st == nil {
			return ErrInvalid
		}
		s.enter(u, i, *st, "Done")
		return nil
	})
}

// enter moves an issue into a status.
func (s *Server) enter(by *User, i *issue, st Status, resolution string) {
	s.change(by, i, "issue_generic", func(n *Issue) {
		n.Status, n.Category = st.Name, st.Category
		n.Resolution = ""
		if st.Category == "done" {
			n.Resolution = resolution
		}
	})
}

// Relocate moves an issue to another project: it gets a new key, and is still
// found by the old one.
func (s *Server) Relocate(by, key, project string) error {
	return s.act(by, key, func(u *User, i *issue) error {
		p := s.project(project)
		if p == nil {
			return ErrNotFound
		}
		p.last++
		i.project = p
		s.change(u, i, "issue_moved", func(n *Issue) { n.Project, n.Key = p.Key, fmt.Sprintf("%s-%d", p.Key, p.last) })
		s.byKey[i.Key] = i
		return nil
	})
}

// Say adds a comment as a person does.
func (s *Server) Say(by, key, body string) error {
	return s.act(by, key, func(u *User, i *issue) error {
		s.comment(u, i, body)
		return nil
	})
}

// Delete deletes an issue as a person does.
func (s *Server) Delete(by, key string) error {
	return s.act(by, key, func(u *User, i *issue) error {
		s.issueEvent(u, i, "jira:issue_deleted", "", nil)
		i.deleted = s.now()
		return nil
	})
}

func (s *Server) act(by, key string, do func(*User, *issue) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, u := s.find(key), s.user(by)
	if i == nil || u == nil {
		return fmt.Errorf("%w: %s or %s", ErrNotFound, key, by)
	}
	return do(u, i)
}

// change changes an issue, and tells of it if anything is different then.
func (s *Server) change(by *User, i *issue, subtype string, apply func(*Issue)) {
	before := i.clone()
	after := i.clone()
	apply(&after)
	items := s.differences(&before, &after)
	if len(items) == 0 {
		return
	}
	after.Updated = s.now()
	i.Issue = after
	s.remember(i)
	s.issueEvent(by, i, "jira:issue_updated", subtype, items)
}

// comment adds a comment. The caller holds mu.
func (s *Server) comment(by *User, i *issue, body string) Comment {
	c := Comment{ID: strconv.Itoa(s.newID()), Author: by.AccountID, Body: body, Created: s.now()}
	i.Comments = append(i.Comments, c)
	i.Updated = c.Created
	s.remember(i)
	s.commentEvent(by, i, c)
	return c
}
