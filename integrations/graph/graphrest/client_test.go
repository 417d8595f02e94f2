package graphrest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
)

func TestNew(t *testing.T) {
	good := graphrest.Config{TenantID: "33333333-dddd-4eee-8fff-444444444444", Credential: credential{token: "t"}}
	for name, tt := range map[string]struct {
		change func(*graphrest.Config)
		fine   bool
	}{
		"good":                {func(*graphrest.Config) {}, true},
		"national cloud":      {func(c *graphrest.Config) { c.BaseURL = "https://graph.microsoft.us/v1.0/" }, true},
		"loopback":            {func(c *graphrest.Config) { c.BaseURL = "http://[::1]:1/v1.0" }, true},
		"plain http":          {func(c *graphrest.Config) { c.BaseURL = "http://graph.microsoft.com/v1.0" }, false},
		"no host":             {func(c *graphrest.Config) { c.BaseURL = "graph.microsoft.com/v1.0" }, false},
		"password in the URL": {func(c *graphrest.Config) { c.BaseURL = "https://me:pw@graph.microsoft.com/v1.0" }, false},
		"query":               {func(c *graphrest.Config) { c.BaseURL = "https://graph.microsoft.com/v1.0?x=y" }, false},
		"no credential":       {func(c *graphrest.Config) { c.Credential = nil }, false},
		"no tenant":           {func(c *graphrest.Config) { c.TenantID = "common" }, false},
	} {
		cfg := good
		tt.change(&cfg)
		if _, err := graphrest.New(cfg); (err == nil) != tt.fine || strings.Contains(fmt.Sprint(err), "pw") {
			t.Errorf("%s: New = %v, want fine %v", name, err, tt.fine)
		}
	}
}

func TestUser(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	w.AddUser(graphsim.User{Name: "Dewi (old)", Mail: "dewi@example.com", UPN: "dewi.old@example.com", Disabled: true})
	dewi := w.AddUser(graphsim.User{Name: "Dewi", Mail: "dewi@example.com", UPN: "dewi.new@example.com"})
	budi := graphrest.User{ID: w.budi.ID, Name: "Budi", Mail: w.budi.Mail, UPN: w.budi.UPN, Enabled: true}
	for in, want := range map[string]graphrest.User{
		w.ani.ID:                               {ID: w.ani.ID, Name: "Ani", Mail: w.ani.Mail, UPN: w.ani.UPN, Enabled: true},
		"ANI@example.com":                      {ID: w.ani.ID, Name: "Ani", Mail: w.ani.Mail, UPN: w.ani.UPN, Enabled: true},
		w.budi.UPN:                             budi,
		w.budi.Mail:                            budi, // with an apostrophe
		w.cin.Mail:                             {ID: w.cin.ID, Name: "Cin", Mail: w.cin.Mail, UPN: w.cin.UPN, Enabled: true, Guest: true},
		w.cin.UPN:                              {ID: w.cin.ID, Name: "Cin", Mail: w.cin.Mail, UPN: w.cin.UPN, Enabled: true, Guest: true},
		"dewi@example.com":                     {ID: dewi.ID, Name: "Dewi", Mail: dewi.Mail, UPN: dewi.UPN, Enabled: true},
		"dewi.old@example.com":                 {ID: w.userID(t, "dewi.old@example.com"), Name: "Dewi (old)", Mail: dewi.Mail, UPN: "dewi.old@example.com"},
		"nobody@example.com":                   {},
		"nobody'or'1@example.com":              {},
		"00000000-0000-0000-0000-000000000000": {},
	} {
		got, err := w.client.User(t.Context(), in)
		if want.ID == "" {
			if !errors.Is(err, graphrest.ErrNotFound) {
				t.Errorf("User(%q) = %v, %v; want not found", in, got, err)
			}
			continue
		}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("User(%q): %v (-want +got):\n%s", in, err, d)
		}
	}
	before := len(w.Requests())
	for _, bad := range []string{"", "ani", "@example.com", "a b@example.com", "a\"b@example.com", "a\n@example.com", "a@b@c", "ani@example.com?x", "../me@x/y", "a\\@example.com", "me"} {
		if _, err := w.client.User(t.Context(), bad); !errors.Is(err, graphrest.ErrInvalid) {
			t.Errorf("User(%q) = %v, want invalid", bad, err)
		}
	}
	if n := len(w.Requests()); n != before {
		t.Errorf("%d requests for what is no address", n-before)
	}
}

func (w *world) userID(t *testing.T, upn string) string {
	t.Helper()
	u, err := w.client.User(t.Context(), upn)
	must(t, "find "+upn, err)
	return u.ID
}

// With the lesser permission blocked accounts can't be told, and guests by their
// name only.
func TestUserWithBasicPermission(t *testing.T) {
	w := newWorld(t, graphsim.Options{Permissions: []string{"User.ReadBasic.All"}}, graphrest.Config{})
	off := w.AddUser(graphsim.User{Name: "Off", Mail: "off@example.com", Disabled: true})
	u, err := w.client.User(t.Context(), off.ID)
	if err != nil || !u.Enabled {
		t.Errorf("User = %+v, %v", u, err)
	}
	if u, err = w.client.User(t.Context(), w.cin.ID); err != nil || !u.Guest {
		t.Errorf("User = %+v, %v", u, err)
	}
	w.Revoke("User.ReadBasic.All")
	_, err = w.client.User(t.Context(), w.ani.ID)
	if e := wantError(t, "no permission", err, 403, true); e.Reason != graphrest.ReasonPermission || !errors.Is(err, graphrest.ErrForbidden) {
		t.Errorf("%v: reason %q", e, e.Reason)
	}
}

func TestMissing(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	var ids, want []string
	for i := range 40 {
		u := w.AddUser(graphsim.User{Name: fmt.Sprint(i), Mail: fmt.Sprintf("p%d@example.com", i), Disabled: i == 7})
		if i%9 == 5 {
			w.RemoveUser(u.ID)
		}
		if i == 7 || i%9 == 5 {
			want = append(want, strings.ToUpper(u.ID))
		}
		ids = append(ids, strings.ToUpper(u.ID))
	}
	got, err := w.client.Missing(t.Context(), ids)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("Missing: %v (-want +got):\n%s", err, d)
	}
	if n := len(w.Requests()); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestFindChat(t *testing.T) {
	w := newWorld(t, graphsim.Options{PageSize: 2}, graphrest.Config{})
	topic := "INC-7: it's down"
	clean := graphrest.CleanTopic(topic)
	if _, found, err := w.client.FindChat(t.Context(), w.ani.ID, topic); found || err != nil {
		t.Errorf("FindChat = %v, %v", found, err)
	}
	first := w.AddChat(clean, w.ani.ID, w.budi.ID)
	for range 5 {
		w.clock.Pass(time.Minute)
		w.AddChat(clean, w.ani.ID, w.cin.ID)
		w.AddChat(clean+" again", w.ani.ID, w.cin.ID)
	}
	w.AddChat(clean, w.budi.ID, w.cin.ID) // not Ani's
	got, found, err := w.client.FindChat(t.Context(), w.ani.ID, topic)
	if err != nil || !found || got.ID != first.ID || got.Topic != clean || got.Type != "group" || got.WebURL == "" || !got.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("FindChat = %+v, %v, %v; want %s", got, found, err, first.ID)
	}
	w.Revoke("Chat.ReadBasic.All")
	_, _, err = w.client.FindChat(t.Context(), w.ani.ID, topic)
	e := wantError(t, "no permission", err, 403, true)
	if !errors.Is(err, graphrest.ErrForbidden) || e.Reason != graphrest.ReasonPermission || len(e.Permissions) != 3 || e.Permissions[0] != "Chat.ReadBasic.All" {
		t.Errorf("%v: reason %q, permissions %q", e, e.Reason, e.Permissions)
	}
	for _, bad := range [][2]string{{"me", "x"}, {"", "x"}, {w.ani.ID, ""}, {w.ani.ID, " \n"}, {w.ani.ID + "/x", "x"}} {
		if _, _, err := w.client.FindChat(t.Context(), bad[0], bad[1]); !errors.Is(err, graphrest.ErrInvalid) {
			t.Errorf("FindChat(%q) = %v", bad, err)
		}
	}
}

func TestCatalogApp(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	got, err := w.client.CatalogApp(t.Context(), strings.ToUpper(manifestID))
	want := graphrest.CatalogApp{
		ID: w.app.ID, ExternalID: manifestID, Name: "imbot", Distribution: "organization", Version: "1.2.0",
		Permissions: []graphrest.RSC{{Name: "Chat.Manage.Chat"}, {Name: "ChatMember.Read.Chat"}},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("CatalogApp: %v (-want +got):\n%s", err, d)
	}
	w.PutApp(graphsim.App{ExternalID: manifestID, Name: "imbot", Version: "1.3.0", Submitted: true})
	if got, err = w.client.CatalogApp(t.Context(), manifestID); err != nil || got.Version != "" {
		t.Errorf("CatalogApp of a submitted app = %+v, %v", got, err)
	}
	w.RemoveApp(manifestID)
	_, err = w.client.CatalogApp(t.Context(), manifestID)
	if e := wantError(t, "removed", err, 404, true); e.Reason != graphrest.ReasonNotInCatalog || !errors.Is(err, graphrest.ErrNotFound) {
		t.Errorf("%v: reason %q", e, e.Reason)
	}
	if _, err := w.client.CatalogApp(t.Context(), "x' or 'a' eq 'a"); !errors.Is(err, graphrest.ErrInvalid) {
		t.Errorf("hostile id: %v", err)
	}
}

func TestInstallApp(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	chat := w.AddChat("x", w.ani.ID, w.budi.ID).ID
	for range 3 { // the second and third are conflicts, which is what was wanted
		must(t, "install", w.client.InstallApp(t.Context(), chat, w.app.ID, consent))
	}
	if c, _ := w.Chat(chat); len(c.Apps) != 1 || len(c.Apps[0].Permissions) != 2 {
		t.Errorf("the chat has %+v", c.Apps)
	}
	got, err := w.client.InstalledApps(t.Context(), chat)
	if err != nil || len(got) != 1 || got[0].CatalogID != w.app.ID || got[0].ExternalID != manifestID || got[0].Version != "1.2.0" || got[0].ID == "" {
		t.Errorf("InstalledApps = %+v, %v", got, err)
	}
	plain := w.PutApp(graphsim.App{ExternalID: "22222222-aaaa-4bbb-8ccc-333333333334", Version: "1"})
	must(t, "install without consent", w.client.InstallApp(t.Context(), chat, plain.ID, nil))
	for _, bad := range [][2]string{{"19:x@y/../..", w.app.ID}, {"", w.app.ID}, {chat, "x"}, {chat, w.app.ID + "/.."}} {
		if err := w.client.InstallApp(t.Context(), bad[0], bad[1], nil); !errors.Is(err, graphrest.ErrInvalid) {
			t.Errorf("InstallApp(%q) = %v", bad, err)
		}
	}
}

// What stands in the way of an installation is told apart.
func TestInstallRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(w *world)
		consent []graphrest.RSC
		status  int
		reason  graphrest.Reason
	}{
		"consent off":      {func(w *world) { w.SetConsent(false) }, consent, 403, graphrest.ReasonConsentOff},
		"not in catalog":   {func(w *world) { w.RemoveApp(manifestID) }, consent, 404, graphrest.ReasonNotInCatalog},
		"blocked":          {func(w *world) { a := w.app; a.Blocked = true; w.PutApp(a) }, consent, 403, graphrest.ReasonAppBlocked},
		"older in catalog": {func(w *world) { a := w.app; a.Permissions = a.Permissions[:1]; w.PutApp(a) }, consent, 400, graphrest.ReasonConsentMismatch},
		"no consent":       {func(*world) {}, nil, 400, graphrest.ReasonConsentMismatch},
		"no permission":    {func(w *world) { w.Revoke("TeamsAppInstallation.ReadWriteAndConsentSelfForChat.All") }, consent, 403, graphrest.ReasonPermission},
		"plain permission": {func(w *world) {
			w.Revoke("TeamsAppInstallation.ReadWriteAndConsentSelfForChat.All")
			w.Grant("TeamsAppInstallation.ReadWriteSelfForChat.All")
		}, consent, 403, graphrest.ReasonPermission},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, graphsim.Options{}, graphrest.Config{})
			chat := w.AddChat("x", w.ani.ID, w.budi.ID).ID
			tt.prepare(w)
			e := wantError(t, name, w.client.InstallApp(t.Context(), chat, w.app.ID, tt.consent), tt.status, true)
			if e.Reason != tt.reason || e.Reason.Fix() == "" || !strings.Contains(e.Error(), e.Reason.Fix()) || e.RequestID == "" {
				t.Errorf("%v: reason %q, want %q", e, e.Reason, tt.reason)
			}
			if (tt.reason == graphrest.ReasonPermission) != (len(e.Permissions) > 0) {
				t.Errorf("permissions %q", e.Permissions)
			}
		})
	}
}

func TestCreateMeeting(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	m := graphrest.NewMeeting{Key: "INC-7", Subject: "INC-7\ndown"}
	first, err := w.client.CreateMeeting(t.Context(), w.ani.ID, m)
	must(t, "meeting", err)
	w.Inject(graphsim.Fault{Times: 1, After: true, Drop: true})
	_, err = w.client.CreateMeeting(t.Context(), w.ani.ID, m)
	if e := wantError(t, "lost", err, 0, false); !e.MayBeDone() {
		t.Errorf("%v", e)
	}
	again, err := w.client.CreateMeeting(t.Context(), w.ani.ID, m)
	if err != nil || again != first || first.JoinURL == "" || first.Subject != "INC-7 down" {
		t.Errorf("meetings %+v and %+v, %v", first, again, err)
	}
	if made := w.Meetings(); len(made) != 1 || made[0].End.Sub(made[0].Start) != time.Hour || !made[0].Start.Equal(w.clock.Now()) {
		t.Errorf("meetings %+v", made)
	}
	w.SetMeetingPolicy(w.budi.ID, false)
	_, err = w.client.CreateMeeting(t.Context(), w.budi.ID, m)
	if e := wantError(t, "policy", err, 403, true); e.Reason != graphrest.ReasonMeetingPolicy {
		t.Errorf("%v: reason %q", e, e.Reason)
	}
	w.Inject(graphsim.Fault{Times: 1, Status: 200, Type: "application/json", Body: `{"id":"1","joinWebUrl":"javascript:alert(1)"}`})
	_, err = w.client.CreateMeeting(t.Context(), w.ani.ID, m)
	wantError(t, "no address", err, 200, false)
	for _, bad := range []graphrest.NewMeeting{{}, {Key: "a\nb"}, {Key: strings.Repeat("x", 201)}} {
		if _, err := w.client.CreateMeeting(t.Context(), w.ani.ID, bad); !errors.Is(err, graphrest.ErrInvalid) {
			t.Errorf("CreateMeeting(%+v) = %v", bad, err)
		}
	}
}

func TestSendMail(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	m := graphrest.Message{
		To: []string{"Ani <ani@example.com>", "team@example.com"}, Cc: []string{"cc@example.com"}, ReplyTo: []string{"r@example.com"},
		Subject: "INC-7\r\nBcc: x@example.com", HTML: "<p>a & b</p>", ID: "<INC-7/1@imbot>", Headers: map[string]string{"X-Incident": "INC-7"},
	}
	must(t, "send", w.client.SendMail(t.Context(), "ani@example.com", m))
	want := graphsim.Mail{
		From: w.ani.ID, At: w.clock.Now(), Subject: "INC-7  Bcc: x@example.com", Type: "html", Body: "<p>a & b</p>",
		To: []string{"ani@example.com", "team@example.com", "cc@example.com"}, ID: m.ID, Headers: m.Headers,
	}
	if d := cmp.Diff([]graphsim.Mail{want}, w.Mails()); d != "" {
		t.Errorf("mails (-want +got):\n%s", d)
	}
	must(t, "text", w.client.SendMail(t.Context(), w.ani.ID, graphrest.Message{To: []string{"a@b.example"}, Text: "hello", Keep: true}))
	mime := "From: a@b.example\r\nTo: c@d.example\r\nSubject: s\r\nMessage-ID: <1@x>\r\nReferences: <0@x>\r\n\r\nbody\r\n"
	must(t, "MIME", w.client.SendMIME(t.Context(), w.ani.ID, []byte(mime)))
	if got := w.Mails(); len(got) != 3 || got[1].Type != "text" || !got[1].Kept || got[2].Body != mime || got[2].ID != "<1@x>" || got[2].Type != "mime" {
		t.Errorf("mails %+v", got)
	}
	none := w.AddUser(graphsim.User{Mail: "none@example.com", NoMailbox: true})
	for name, from := range map[string]string{"no mailbox": none.ID, "nobody": "nobody@example.com"} {
		e := wantError(t, name, w.client.SendMail(t.Context(), from, graphrest.Message{To: []string{"a@b.example"}}), 404, true)
		if e.Reason != graphrest.ReasonMailbox {
			t.Errorf("%v: reason %q", e, e.Reason)
		}
	}
	before := len(w.Requests())
	for name, bad := range map[string]graphrest.Message{
		"nobody":     {},
		"no address": {To: []string{"ani"}},
		"injection":  {To: []string{"a@b.example\r\nBcc: c@d.example"}},
		"header":     {To: []string{"a@b.example"}, Headers: map[string]string{"Bcc": "x@y.example"}},
		"value":      {To: []string{"a@b.example"}, Headers: map[string]string{"X-A": "1\r\nBcc: x@y.example"}},
		"id":         {To: []string{"a@b.example"}, ID: "x"},
		"too many":   {To: strings.Fields(strings.Repeat("a@b.example ", 501))},
	} {
		if err := w.client.SendMail(t.Context(), w.ani.ID, bad); !errors.Is(err, graphrest.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, from := range []string{"", "me", "a/../b@c.example", "a b@c.example"} {
		if err := w.client.SendMail(t.Context(), from, m); !errors.Is(err, graphrest.ErrInvalid) {
			t.Errorf("from %q: %v", from, err)
		}
	}
	if err := w.client.SendMIME(t.Context(), w.ani.ID, []byte("no mail")); !errors.Is(err, graphrest.ErrInvalid) {
		t.Errorf("no MIME: %v", err)
	}
	if err := w.client.SendMail(t.Context(), w.ani.ID, graphrest.Message{To: []string{"a@b.example"}, Text: strings.Repeat("x", 5<<20)}); !errors.Is(err, graphrest.ErrInvalid) {
		t.Errorf("too long: %v", err)
	}
	if n := len(w.Requests()); n != before {
		t.Errorf("%d requests of mails that can't be sent", n-before)
	}
}

// Bodies are sent whole, not in chunks and not compressed.
func TestBodies(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graphrest.Config{})
	chat := w.AddChat("x", w.ani.ID, w.budi.ID).ID
	must(t, "install", w.client.InstallApp(t.Context(), chat, w.app.ID, consent))
	must(t, "mail", w.client.SendMail(t.Context(), w.ani.ID, graphrest.Message{To: []string{"a@b.example"}, Text: "x"}))
	for _, r := range w.Requests() {
		if r.Length != int64(len(r.Body)) || r.Header.Get("Content-Encoding") != "" || r.Method != http.MethodPost || len(r.Body) == 0 {
			t.Errorf("%s %s: length %d of %d, headers %v", r.Method, r.URL, r.Length, len(r.Body), r.Header)
		}
	}
}

func TestPermissions(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range graphrest.Permissions() {
		if p.Feature == "" || p.Permission == "" || p.LostWithout == "" || seen[p.Permission] || p.InChat != strings.HasSuffix(p.Permission, ".Chat") {
			t.Errorf("%+v", p)
		}
		seen[p.Permission] = true
	}
	for _, p := range graphsim.DefaultPermissions {
		if !seen[p] {
			t.Errorf("the table does not have %s", p)
		}
	}
}
