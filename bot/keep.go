package bot

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"strings"
	"sync"

	"imbot/incident"
)

// keeping serialises "read, change, save" of one conversation or person, by a
// hash of what it is about: of two activities at the same moment, neither may
// undo what the other has learnt. The store's methods are transactions of their
// own, and the store belongs to one process.
var (
	keeping  [64]sync.Mutex
	keepSeed = maphash.MakeSeed()
)

func keep(id string) *sync.Mutex {
	return &keeping[maphash.String(keepSeed, id)%uint64(len(keeping))]
}

// changeConversation changes what is kept of a conversation, and returns it. One
// that is not known is handed to change with nothing but its id. Nothing is
// written where nothing has changed.
func changeConversation(ctx context.Context, s Store, id string, change func(*Conversation)) (Conversation, error) {
	mu := keep(id)
	mu.Lock()
	defer mu.Unlock()
	c, err := s.Conversation(ctx, id)
	if err != nil && !errors.Is(err, incident.ErrNotFound) {
		return c, err
	}
	c.ID = id
	old := c
	change(&c)
	if c == old {
		return c, nil
	}
	return c, s.SaveConversation(ctx, c)
}

// changePerson changes what is kept of somebody, and returns it. They are the one
// with this object id in Entra, or where that is not known with this Teams id.
// find looks them up; somebody unknown is handed to change as the zero Person.
func changePerson(ctx context.Context, s Store, objectID, teamsID string, find func() (Person, error), change func(*Person)) (Person, error) {
	mu := keep(cmp.Or(strings.ToLower(objectID), teamsID))
	mu.Lock()
	defer mu.Unlock()
	p, err := find()
	if err != nil && !errors.Is(err, incident.ErrNotFound) {
		return p, err
	}
	old := p
	change(&p)
	if p == old {
		return p, nil
	}
	return p, s.SavePerson(ctx, p)
}
