package boltstore_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"imbot/store/boltstore"
	"imbot/store/storetest"
)

// Ensure that the store keeps the contract of all stores.
func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T, c storetest.Config) storetest.Store {
		t.Helper()
		s, err := boltstore.Open(filepath.Join(c.Dir, "imbot.db"), boltstore.Options{
			Now: c.Now, KeyRetention: c.KeyRetention, RawRetention: c.RawRetention, Logger: slog.New(slog.DiscardHandler), NoSync: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
