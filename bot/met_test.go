package bot_test

import (
	"errors"
	"testing"

	"imbot/bot"
)

// TestMet: somebody for whom imbot was installed can be reached, whether Teams
// has told of them before or not; what it has told stays. Whoever has removed
// imbot is not to get it again.
func TestMet(t *testing.T) {
	r := newRig(t)
	const oid, chat = "dddddddd-dddd-4ddd-8ddd-dddddddddddd", "19:x@unq.gbl.spaces"
	installable := func(id string) bool {
		t.Helper()
		_, _, _, err := r.book.Address(t.Context(), "user:"+id)
		var may interface{ Installable() bool }
		if err == nil || !errors.As(err, &may) {
			t.Fatalf("%s: %v, want no way there", id, err)
		}
		return may.Installable()
	}
	if !installable("dewi@example.com") {
		t.Error("imbot can not be installed for somebody whom it has never met")
	}
	for range 2 {
		must(t, r.book.Met(t.Context(), "dewi@example.com", oid, "Dewi", chat))
	}
	ref, place, _, err := r.book.Address(t.Context(), "user:dewi@example.com")
	if err != nil || ref.ConversationID != chat || place != bot.Personal || ref.ServiceURL == "" || ref.BotID == "" || ref.TenantID == "" {
		t.Errorf("then %+v, %s, %v", ref, place, err)
	}
	must(t, r.book.Gone(t.Context(), chat, "imbot was removed from here"))
	if installable("dewi@example.com") {
		t.Error("imbot can be installed for somebody who has removed it")
	}
	eva := bot.Person{ID: "eva@example.com", Mail: "eva@example.com", TeamsID: "29:eva", AADObjectID: "eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee", TenantID: other, Guest: true, Conversation: "a:eva"}
	must(t, r.store.SavePerson(t.Context(), eva))
	must(t, r.book.Met(t.Context(), eva.ID, eva.AADObjectID, "Somebody", "19:y@unq.gbl.spaces"))
	if got, err := r.store.Person(t.Context(), eva.ID); err != nil || got != eva {
		t.Errorf("what Teams told became %+v, %v", got, err)
	}
}
