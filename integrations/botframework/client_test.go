package botframework_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
)

func TestSendUpdateDelete(t *testing.T) {
	w := newWorld(t, nil)
	for _, conv := range []string{w.dev, w.chat, w.Personal(w.alice.ID)} {
		ref := w.Reference(conv)
		id, err := w.client.Send(t.Context(), ref, text("first"))
		if err != nil || id == "" {
			t.Fatalf("Send(%s) = %q, %v", conv, id, err)
		}
		if err := w.client.Update(t.Context(), ref, id, text("second")); err != nil {
			t.Fatalf("Update(%s): %v", conv, err)
		}
		posts := w.Posts(conv)
		if len(posts) != 1 || posts[0].ID != id || posts[0].Activity.Text != "second" || len(posts[0].History) != 1 {
			t.Fatalf("posts in %s: %+v", conv, posts)
		}
		if err := w.client.Delete(t.Context(), ref, id); err != nil {
			t.Fatalf("Delete(%s): %v", conv, err)
		}
		if !w.Posts(conv)[0].Deleted {
			t.Errorf("post in %s is not deleted", conv)
		}
		err = w.client.Update(t.Context(), ref, id, text("third"))
		if !botframework.ActivityGone(err) || botframework.ConversationGone(err) {
			t.Errorf("update of a deleted post: %v", err)
		}
	}
	if got, want := w.PostCount(""), 3; got != want {
		t.Errorf("PostCount = %d, want %d", got, want)
	}
	if got := w.Entra().TokensGiven(); got != 1 {
		t.Errorf("%d tokens were asked for, want 1", got)
	}
}

func TestThreads(t *testing.T) {
	w := newWorld(t, nil)
	ref := w.Reference(w.dev)
	conv, root, err := w.client.CreateChannelPost(t.Context(), botframework.Reference{ServiceURL: w.ServiceURL(), TenantID: tenantID}, w.dev, text("root"))
	if err != nil {
		t.Fatal(err)
	}
	if want := w.dev + ";messageid=" + root; conv != want {
		t.Errorf("conversation = %q, want %q", conv, want)
	}
	if _, err := w.client.ReplyInThread(t.Context(), ref, root, text("answer")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.Send(t.Context(), ref, text("another thread")); err != nil {
		t.Fatal(err)
	}
	thread := ref.Thread(root)
	if err := w.client.Update(t.Context(), thread, root, text("root, changed")); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range w.Posts(thread.ConversationID) {
		got = append(got, p.Activity.Text)
	}
	if diff := cmp.Diff([]string{"root, changed", "answer"}, got); diff != "" {
		t.Errorf("thread (-want +got):\n%s", diff)
	}
	if got := len(w.Posts(w.dev)); got != 3 {
		t.Errorf("%d posts in the channel, want 3", got)
	}
	_, err = w.client.ReplyInThread(t.Context(), ref, "1234567890", text("to nothing"))
	if !botframework.ConversationGone(err) {
		t.Errorf("reply to an unknown thread: %v", err)
	}
	if id, err := w.client.ReplyInThread(t.Context(), w.Reference(w.chat), root, text("plain")); err != nil || id == "" {
		t.Errorf("reply in a chat: %q, %v", id, err)
	}
}

func TestRosters(t *testing.T) {
	w := newWorld(t, nil)
	ref := w.Reference(w.dev)
	want := botframework.Member{
		ID: w.bob.ID, Name: w.bob.Name, Email: w.bob.Mail, UPN: w.bob.Mail,
		AADObjectID: w.bob.AADObjectID, UserRole: "guest", TenantID: tenantID,
	}
	for _, id := range []string{w.bob.ID, w.bob.AADObjectID} {
		m, err := w.client.Member(t.Context(), ref, id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, *m); diff != "" {
			t.Errorf("Member(%s) (-want +got):\n%s", id, diff)
		}
	}
	if _, err := w.client.Member(t.Context(), ref, "29:nobody"); err == nil || botframework.ConversationGone(err) {
		t.Errorf("a stranger: %v", err)
	}
	people := []string{w.alice.ID}
	for range 1100 {
		people = append(people, w.AddUser(botframeworksim.User{Name: "n"}).ID)
	}
	if err := w.SetMembers(w.chat, people...); err != nil {
		t.Fatal(err)
	}
	all, err := w.client.Members(t.Context(), w.Reference(w.chat))
	if err != nil || len(all) != len(people) || all[1100].ID != people[1100] {
		t.Errorf("Members: %d, %v, want %d", len(all), err, len(people))
	}
	channels, err := w.client.TeamChannels(t.Context(), ref, w.team)
	if diff := cmp.Diff([]botframework.Ref{{ID: w.team}, {ID: w.dev, Name: "dev"}}, channels); diff != "" || err != nil {
		t.Errorf("TeamChannels: %v (-want +got):\n%s", err, diff)
	}
}

func TestCreatePersonal(t *testing.T) {
	w := newWorld(t, nil)
	stranger := w.AddUser(botframeworksim.User{Name: "Eve"})
	foreign := w.AddUser(botframeworksim.User{Name: "Mallory", TenantID: "other"})
	ref := botframework.Reference{ServiceURL: w.ServiceURL(), TenantID: tenantID}
	conv, err := w.client.CreatePersonal(t.Context(), ref, w.bob.ID) // shares the team
	if err != nil || conv != w.Personal(w.bob.ID) {
		t.Fatalf("CreatePersonal = %q, %v", conv, err)
	}
	ref.ConversationID = conv
	if _, err := w.client.Send(t.Context(), ref, text("hello")); err != nil {
		t.Error(err)
	}
	for _, id := range []string{stranger.ID, foreign.ID, "eve@example.com", ""} {
		_, err := w.client.CreatePersonal(t.Context(), ref, id)
		var e *botframework.Error
		if !errors.As(err, &e) || !e.Permanent() || e.Ambiguous() {
			t.Errorf("CreatePersonal(%q): %v", id, err)
		}
	}
}

func TestGone(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.SetInstalled(w.chat, false); err != nil {
		t.Fatal(err)
	}
	if err := w.Block(w.alice.ID, true); err != nil {
		t.Fatal(err)
	}
	if err := w.DeleteChannel(t.Context(), w.alice.ID, w.dev); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		conv, code string
		status     int
		roster     bool
	}{
		{w.chat, "BotNotInConversationRoster", http.StatusForbidden, true},
		{w.Personal(w.alice.ID), "MessageWritesBlocked", http.StatusForbidden, false},
		{w.dev, "ConversationNotFound", http.StatusNotFound, false},
		{"19:unknown@thread.v2", "ConversationNotFound", http.StatusNotFound, false},
	} {
		ref := w.Reference(tt.conv)
		_, sendErr := w.client.Send(t.Context(), ref, text("x"))
		for _, err := range []error{sendErr, w.client.Update(t.Context(), ref, "123", text("x"))} {
			var e *botframework.Error
			if !errors.As(err, &e) || e.Status != tt.status || e.Code != tt.code {
				t.Errorf("%s: %v, want %d %s", tt.conv, err, tt.status, tt.code)
				continue
			}
			if !e.Permanent() || !botframework.ConversationGone(err) || botframework.ActivityGone(err) || botframework.NotInRoster(err) != tt.roster {
				t.Errorf("%s: %v is taken for something else", tt.conv, err)
			}
		}
	}
}

func TestPing(t *testing.T) {
	w := newWorld(t, nil)
	ref := w.Reference(w.chat)
	if err := w.client.Ping(t.Context(), ref); err != nil {
		t.Error(err)
	}
	if err := w.client.Ping(t.Context(), botframework.Reference{ServiceURL: w.ServiceURL()}); err != nil {
		t.Errorf("without a conversation: %v", err)
	}
	if err := w.SetInstalled(w.chat, false); err != nil {
		t.Fatal(err)
	}
	if err := w.client.Ping(t.Context(), ref); !botframework.NotInRoster(err) {
		t.Errorf("outside the roster: %v", err)
	}
	w.Entra().RevokeTokens()
	var e *botframework.Error
	err := w.client.Ping(t.Context(), botframework.Reference{ServiceURL: w.ServiceURL()})
	if !errors.As(err, &e) || e.Status != http.StatusUnauthorized || e.Permanent() {
		t.Errorf("with a revoked token: %v", err)
	}
	if len(w.Posts(w.chat)) != 0 {
		t.Error("Ping posted something")
	}
}

func TestTooLarge(t *testing.T) {
	w := newWorld(t, nil)
	_, err := w.client.Send(t.Context(), w.Reference(w.chat), text(strings.Repeat("x", botframework.MaxMessageSize/2)))
	var e *botframework.Error
	if !errors.As(err, &e) || e.Status != http.StatusRequestEntityTooLarge || !e.Permanent() || e.Code != "MessageSizeTooBig" {
		t.Errorf("oversized message: %v", err)
	}
	if len(w.Calls()) != 0 {
		t.Error("it was sent all the same")
	}
	// Angle brackets are not escaped to six characters each.
	if _, err := w.client.Send(t.Context(), w.Reference(w.chat), text(strings.Repeat("<", botframework.MaxMessageSize/2-100))); err != nil {
		t.Errorf("a message just below the limit: %v", err)
	}
}

func TestTargeted(t *testing.T) {
	w := newWorld(t, nil)
	a := text("only you")
	a.Recipient = botframework.Account{ID: w.alice.ID, IsTargeted: true}
	id, err := w.client.Send(t.Context(), w.Reference(w.dev), a)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.client.Update(t.Context(), w.Reference(w.dev), id, a); err != nil {
		t.Fatal(err)
	}
	if p := w.Posts(w.dev)[0]; p.TargetedTo != w.alice.ID {
		t.Errorf("TargetedTo = %q", p.TargetedTo)
	}
	if _, err := w.client.Send(t.Context(), w.Reference(w.Personal(w.alice.ID)), a); err == nil {
		t.Error("targeted message in a personal chat was accepted")
	}
}

func TestServiceURLs(t *testing.T) {
	w := newWorld(t, nil)
	for _, tt := range []struct{ url, conv string }{
		{"http://smba.trafficmanager.net/amer/", "19:a@thread.v2"},
		{"https://evil.example/amer/", "19:a@thread.v2"},
		{"https://smba.trafficmanager.net.evil.example/", "19:a@thread.v2"},
		{"https://user:pw@smba.trafficmanager.net/", "19:a@thread.v2"},
		{"https://smba.trafficmanager.net:8443/", "19:a@thread.v2"},
		{"https://smba.trafficmanager.net/amer/?x=y", "19:a@thread.v2"},
		{"https://smba.trafficmanager.net/../amer", "19:a@thread.v2"},
		{"http://127.0.0.1:1/", "19:a@thread.v2"},
		{"", "19:a@thread.v2"},
		{w.ServiceURL(), ".."},
		{w.ServiceURL(), ""},
		{w.ServiceURL(), "a\nb"},
		{w.ServiceURL(), strings.Repeat("a", 2000)},
	} {
		_, err := w.client.Send(t.Context(), botframework.Reference{ServiceURL: tt.url, ConversationID: tt.conv}, text("x"))
		var e *botframework.Error
		if !errors.As(err, &e) || e.Code != "BadReference" || !e.Permanent() || e.Ambiguous() {
			t.Errorf("Send to %q %q: %v", tt.url, tt.conv, err)
		}
	}
	if n := w.Entra().TokensGiven(); n != 0 || len(w.Calls()) != 0 {
		t.Errorf("%d tokens fetched, %d calls made", n, len(w.Calls()))
	}
	// Ids that would climb out of the path stay one escaped segment.
	_, err := w.client.Send(t.Context(), botframework.Reference{ServiceURL: w.ServiceURL(), ConversationID: "../../v3/botstate/x?y=1#z"}, text("x"))
	if err == nil {
		t.Error("an odd id was accepted")
	}
	if got, want := w.Calls()[0].Path, "/amer/v3/conversations/..%2F..%2Fv3%2Fbotstate%2Fx%3Fy=1%23z/activities"; got != want {
		t.Errorf("path = %s, want %s", got, want)
	}
}

func TestNewClientRefuses(t *testing.T) {
	if _, err := botframework.NewClient(botframework.ClientConfig{AppID: appID}); err == nil {
		t.Error("no credential was accepted")
	}
	cred, err := botframework.NewCredential(botframework.CredentialConfig{TenantID: tenantID, AppID: appID, ClientSecret: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := botframework.NewClient(botframework.ClientConfig{Credential: cred}); err == nil {
		t.Error("no app id was accepted")
	}
}
