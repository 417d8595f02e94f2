package store_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"imbot/incident"
	"imbot/store"
)

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "imbot.db")
	s, err := store.Open("bolt:"+path, store.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Update(t.Context(), func(tx incident.Tx) error { return tx.PutKey("k", "v", true) }); err != nil {
		t.Error(err)
	}
	if err := s.Writable(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := store.Open("bolt:"+path, store.Options{}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("opening it twice = %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for dsn, want := range map[string]string{
		"":                               "nothing says where",
		"bolt:":                          "the path is missing",
		"imbot.db":                       "which kind of store",
		"mysql:root:secret@tcp(db)/main": `"mysql" is not a kind`,
	} {
		_, err := store.Open(dsn, store.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "bolt:PATH") {
			t.Errorf("Open(%q) = %v, want an error with %q that says which forms there are", dsn, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q) = %v: it repeats the password", dsn, err)
		}
	}
}
