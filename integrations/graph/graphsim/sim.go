// Package graphsim is a Microsoft Graph to test and demonstrate against: an HTTP
// server on a loopback port that keeps people, group chats and their messages, an
// app catalog, apps in chats and of people, online meetings and sent mail, and
// answers the calls that package graph makes by Graph's rules: which permission
// each call needs, granted to the app or within a chat, what a chat may look like,
// what can be installed, and how many calls there may be.
//
// It is no substitute for Graph: of filters it knows those that its client
// writes, everything is there at once, and the words of some refusals are
// guesses where Microsoft documents none; each of those says so.
package graphsim

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"imbot/integrations/internal/fault"
	"imbot/integrations/internal/loopback"
)

// Options of a simulator. The zero value works.
type Options struct {
	// TenantID is the tenant. Default "33333333-dddd-4eee-8fff-444444444444".
	TenantID string

	// AppID is the app that calls, as the manifests in the catalog name it.
	// Default "11111111-aaaa-4bbb-8ccc-222222222222".
	AppID string

	// Permissions are granted to the app at the start. Default:
	// DefaultPermissions. Grant and Revoke change them.
	Permissions []string

	// Verify checks an Authorization header. Default: it is "Bearer " and Token.
	Verify func(authorization string) error

	// Now tells the time. Default time.Now.
	Now func() time.Time

	// PageSize is how many entries a page has at most. Default 50.
	PageSize int

	// Unlimited turns Graph's rate limits off.
	Unlimited bool

	// ChatIDs are the ids of the first chats that are made: so that they are
	// conversations that a simulator of Teams has already. Those after them have
	// ids that are made up.
	ChatIDs []string

	// ChatURL, if not nil, returns where a chat can be opened. Default: an address
	// of Microsoft's, where nobody has it.
	ChatURL func(id string) string

	// Changed, if not nil, is told of each chat that a call made or changed,
	// before the call is answered: so that a simulator of Teams has it, too. It may
	// use the simulator.
	Changed func(Chat)

	// Installed, if not nil, is told of each person to whose own apps a call added
	// the app that calls, and of the id of their 1:1 chat, before the call is
	// answered. It may use the simulator.
	Installed func(userID, chatID string)
}

// DefaultPermissions lets the app do everything that its client can.
var DefaultPermissions = []string{
	"User.Read.All", "Chat.Create", "Chat.ReadBasic.All", "TeamsAppInstallation.ReadWriteAndConsentSelfForChat.All",
	"TeamsAppInstallation.ReadWriteSelfForUser.All", "AppCatalog.Read.All", "OnlineMeetings.ReadWrite.All", "Mail.Send",
}

// Token is what the default of Options.Verify accepts.
const Token = "sim-token"

// Server is a running simulator. Its methods are safe for concurrent use.
type Server struct {
	*loopback.Server
	fault.Injector
	fault.Log

	opt    Options
	handle http.Handler

	mu         sync.Mutex // guards all below
	granted    map[string]bool
	consentOff bool
	noPolicy   map[string]bool // organisers without application access policy
	askConsent bool            // for people, too
	barred     map[string]bool // people whose policy does not let apps in
	users      []*User
	apps       []*App
	chats      []*chat
	own        map[string][]installation // people's own apps, by object id
	meetings   []*Meeting
	mails      []Mail
	mailing    map[string]int // requests of a mailbox under way
	lastID     int
	buckets    map[string]*bucket
	dirty      []*chat  // changed by the call that is being answered
	added      []string // people for whom that call installed the app
}

// New starts a simulator on a free port of 127.0.0.1. It panics if there is no
// port, for then nothing can be tested. Close ends it.
func New(o Options) *Server {
	o.setDefaults()
	s := &Server{
		opt: o, granted: make(map[string]bool), noPolicy: make(map[string]bool),
		barred: make(map[string]bool), own: make(map[string][]installation),
		mailing: make(map[string]int), buckets: make(map[string]*bucket),
	}
	s.Grant(o.Permissions...)
	s.handle = s.handler()
	s.Server = loopback.Start(s.handle)
	return s
}

func (o *Options) setDefaults() {
	if o.TenantID == "" {
		o.TenantID = "33333333-dddd-4eee-8fff-444444444444"
	}
	if o.AppID == "" {
		o.AppID = "11111111-aaaa-4bbb-8ccc-222222222222"
	}
	if o.Permissions == nil {
		o.Permissions = DefaultPermissions
	}
	if o.Verify == nil {
		o.Verify = func(authorization string) error {
			if authorization != "Bearer "+Token {
				return errors.New("not the token")
			}
			return nil
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.PageSize <= 0 {
		o.PageSize = 50
	}
	if o.ChatURL == nil {
		tenant := o.TenantID
		o.ChatURL = func(id string) string {
			return "https://teams.microsoft.com/l/chat/" + url.PathEscape(id) + "/0?tenantId=" + tenant
		}
	}
}

// URL is where Graph is, with its version.
func (s *Server) URL() string { return s.Server.URL() + "/v1.0" }

// TenantID is the tenant.
func (s *Server) TenantID() string { return s.opt.TenantID }

// ServeHTTP answers a call without a network.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handle.ServeHTTP(w, r) }

func (s *Server) now() time.Time { return s.opt.Now().UTC().Truncate(time.Millisecond) }

// Grant gives the app permissions.
func (s *Server) Grant(permissions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range permissions {
		s.granted[p] = true
	}
}

// Revoke takes permissions away from the app.
func (s *Server) Revoke(permissions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range permissions {
		delete(s.granted, p)
	}
}

// SetConsent turns resource-specific consent for chats on, as it is at the
// start, or off for the whole tenant.
func (s *Server) SetConsent(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consentOff = !on
}

// SetMeetingPolicy says whether an application access policy lets the app make
// meetings for a user, as it is at the start.
func (s *Server) SetMeetingPolicy(userID string, granted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noPolicy[strings.ToLower(userID)] = !granted
}

// allowed reports whether one of the permissions is granted: to the app, or
// within the chat to an app that is installed there.
func (s *Server) allowed(c *chat, wanted ...string) bool {
	return slices.ContainsFunc(wanted, func(p string) bool {
		return s.granted[p] || (c != nil && c.consents(s.opt.AppID, p))
	})
}
