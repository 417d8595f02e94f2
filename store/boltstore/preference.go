package boltstore

import (
	"context"
	"errors"

	"imbot/bot"
	"imbot/incident"
)

// Preference implements bot.Preferences.
func (s *Store) Preference(ctx context.Context, address string) (bot.Preference, error) {
	p := bot.Preference{Address: address}
	if address == "" {
		return p, nil
	}
	err := s.view(ctx, func(t *tx) error { return t.document(bucketPreference, address, &p) })
	if errors.Is(err, incident.ErrNotFound) {
		err = nil
	}
	return p, err
}

// SavePreference implements bot.Preferences.
func (s *Store) SavePreference(ctx context.Context, p bot.Preference) error {
	return s.update(ctx, func(t *tx) error { return t.putDocument(bucketPreference, p.Address, p) })
}
