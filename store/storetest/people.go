package storetest

import (
	"errors"

	"github.com/google/go-cmp/cmp"

	"imbot/bot"
	"imbot/incident"
)

func testConversations(e *env) {
	if _, err := e.Conversation(e.ctx(), "19:a"); !errors.Is(err, incident.ErrNotFound) {
		e.Errorf("Conversation of an empty store = %v, want ErrNotFound", err)
	}
	if all, err := e.Conversations(e.ctx()); err != nil || len(all) != 0 {
		e.Errorf("Conversations of an empty store = %v, %v", all, err)
	}
	b := bot.Conversation{
		ID: "19:b", Kind: bot.Channel, ServiceURL: "https://smba.example/apac/", TenantID: "t", BotID: "28:x", TeamID: "19:team",
		Name: "payments", Squad: "payments", BoundBy: incident.Actor{Kind: incident.KindUser, ID: "dewi@example.com"}, BoundAt: Start, SeenAt: Start,
	}
	a := bot.Conversation{ID: "19:a", Kind: bot.Personal, Person: "dewi@example.com", SeenAt: Start}
	e.must(e.SaveConversation(e.ctx(), b))
	e.must(e.SaveConversation(e.ctx(), a))
	a.Gone = "the person has removed imbot"
	e.must(e.SaveConversation(e.ctx(), a))
	got, err := e.Conversations(e.ctx())
	e.must(err)
	if d := cmp.Diff([]bot.Conversation{a, b}, got); d != "" {
		e.Errorf("Conversations (-want +got):\n%s", d)
	}
	one, err := e.Conversation(e.ctx(), "19:b")
	e.must(err)
	if d := cmp.Diff(b, one); d != "" {
		e.Errorf("Conversation (-want +got):\n%s", d)
	}
	if err := e.SaveConversation(e.ctx(), bot.Conversation{}); err == nil {
		e.Error("SaveConversation of one without an id succeeds")
	}
}

func testPeople(e *env) {
	find := func(name, want string) {
		e.Helper()
		p, err := e.Person(e.ctx(), name)
		switch {
		case want == "" && !errors.Is(err, incident.ErrNotFound):
			e.Errorf("Person(%s) = %+v, %v, want ErrNotFound", name, p, err)
		case want != "" && (err != nil || p.ID != want):
			e.Errorf("Person(%s) = %+v, %v, want %s", name, p, err, want)
		}
	}
	find("dewi@example.com", "")
	find("", "")
	// First known without a mail, then with one: one person, found by all names.
	dewi := bot.Person{ID: "aad:1", Name: "Dewi", AADObjectID: "1", TeamsID: "29:d", SeenAt: Start}
	e.must(e.SavePerson(e.ctx(), dewi))
	find("aad:1", "aad:1")
	find("29:d", "aad:1")
	dewi.ID, dewi.Mail, dewi.Language = "dewi@example.com", "dewi@example.com", "id"
	e.must(e.SavePerson(e.ctx(), dewi))
	for _, name := range []string{"dewi@example.com", "aad:1", "29:d"} {
		find(name, "dewi@example.com")
	}
	got, err := e.Person(e.ctx(), "aad:1")
	e.must(err)
	if d := cmp.Diff(dewi, got); d != "" {
		e.Errorf("Person (-want +got):\n%s", d)
	}
	// A name that a person has no more leads nowhere.
	dewi.TeamsID = "29:new"
	e.must(e.SavePerson(e.ctx(), dewi))
	find("29:d", "")
	find("29:new", "dewi@example.com")
	// A name that goes to somebody else leads to that one, also when the first is
	// saved again without it.
	budi := bot.Person{ID: "budi@example.com", Mail: "budi@example.com", TeamsID: "29:new"}
	e.must(e.SavePerson(e.ctx(), budi))
	find("29:new", "budi@example.com")
	find("aad:1", "dewi@example.com")
	dewi.TeamsID = ""
	e.must(e.SavePerson(e.ctx(), dewi))
	find("29:new", "budi@example.com")
	if err := e.SavePerson(e.ctx(), bot.Person{}); err == nil {
		e.Error("SavePerson of one without an id succeeds")
	}
}
