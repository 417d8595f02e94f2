package boltstore

import (
	"context"
	"encoding/json"
	"fmt"

	"imbot/bot"
	"imbot/incident"
)

// Conversation implements bot.Store.
func (s *Store) Conversation(ctx context.Context, id string) (bot.Conversation, error) {
	var c bot.Conversation
	err := s.view(ctx, func(t *tx) error { return t.document(bucketChat, id, &c) })
	return c, err
}

// Conversations implements bot.Store.
func (s *Store) Conversations(ctx context.Context) ([]bot.Conversation, error) {
	var out []bot.Conversation
	err := s.view(ctx, func(t *tx) error {
		var err error
		t.ascend(bucketChat, nil, func(k, v []byte) bool {
			var c bot.Conversation
			if err = json.Unmarshal(v, &c); err != nil {
				err = fmt.Errorf("store: reading the conversation %s: %w", k, err)
				return false
			}
			out = append(out, c)
			return true
		})
		return err
	})
	return out, err
}

// SaveConversation implements bot.Store.
func (s *Store) SaveConversation(ctx context.Context, c bot.Conversation) error {
	return s.update(ctx, func(t *tx) error { return t.putDocument(bucketChat, c.ID, c) })
}

// Person implements bot.Store.
func (s *Store) Person(ctx context.Context, name string) (bot.Person, error) {
	var p bot.Person
	err := s.view(ctx, func(t *tx) error {
		if name == "" {
			return fmt.Errorf("a person without a name: %w", incident.ErrNotFound)
		}
		id := t.get(bucketName, []byte(name))
		if id == nil {
			return fmt.Errorf("%s: %w", incident.Clip(name, 100), incident.ErrNotFound)
		}
		return t.document(bucketPerson, string(id), &p)
	})
	return p, err
}

// names returns everything by which a person can be found.
func names(p *bot.Person) []string {
	out := []string{p.ID}
	if p.Mail != "" {
		out = append(out, p.Mail)
	}
	if p.AADObjectID != "" {
		out = append(out, "aad:"+p.AADObjectID)
	}
	if p.TeamsID != "" {
		out = append(out, p.TeamsID)
	}
	return out
}

// SavePerson implements bot.Store. Each name leads to the person who was saved
// last with it. A person whose id becomes a mere name of another is replaced by
// that one: somebody known as "aad:…" turned out to have a mail.
func (s *Store) SavePerson(ctx context.Context, p bot.Person) error {
	return s.update(ctx, func(t *tx) error {
		if err := t.forgetNames(p.ID); err != nil {
			return err
		}
		for _, name := range names(&p) {
			if name != p.ID && t.get(bucketPerson, []byte(name)) != nil {
				if err := t.forgetNames(name); err != nil {
					return err
				}
				if err := t.delete(bucketPerson, []byte(name)); err != nil {
					return err
				}
			}
		}
		for _, name := range names(&p) {
			if err := t.put(bucketName, []byte(name), []byte(p.ID)); err != nil {
				return err
			}
		}
		return t.putDocument(bucketPerson, p.ID, p)
	})
}

// forgetNames removes the names that lead to this person.
func (t *tx) forgetNames(id string) error {
	v := t.get(bucketPerson, []byte(id))
	if v == nil {
		return nil
	}
	var p bot.Person
	if err := json.Unmarshal(v, &p); err != nil {
		return fmt.Errorf("store: reading the person %s: %w", id, err)
	}
	for _, name := range names(&p) {
		if string(t.get(bucketName, []byte(name))) != id {
			continue // somebody else has it by now
		}
		if err := t.delete(bucketName, []byte(name)); err != nil {
			return err
		}
	}
	return nil
}

// document reads one JSON document, or returns incident.ErrNotFound.
func (t *tx) document(id bucketID, key string, to any) error {
	v := t.get(id, []byte(key))
	if v == nil {
		return fmt.Errorf("%s: %w", incident.Clip(key, 100), incident.ErrNotFound)
	}
	if err := json.Unmarshal(v, to); err != nil {
		return fmt.Errorf("store: reading %s: %w", key, err)
	}
	return nil
}

func (t *tx) putDocument(id bucketID, key string, doc any) error {
	v, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("store: writing %s as JSON: %w", key, err)
	}
	return t.put(id, []byte(key), v)
}
