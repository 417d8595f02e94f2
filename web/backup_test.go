package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"imbot/incident"
	"imbot/query"
)

func TestBackup(t *testing.T) {
	broken := false
	h := New(Config{
		Reader: &query.Reader{}, Now: time.Now,
		Tokens: []Token{{Name: "a", Role: incident.RoleAdmin, Secret: "admin-secret-0001"}, {Name: "r", Role: incident.RoleResponder, Secret: "resp-secret-00001"}},
		Backup: func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, "the store")
			if broken {
				err = errors.New("disk")
			}
			return err
		},
	})
	srv := httptest.NewServer(h)
	defer srv.Close()
	for _, c := range []struct {
		name, token, forwarded string
		broken                 bool
		status                 int
		trailer                string
	}{
		{"admin here", "admin-secret-0001", "", false, 200, "complete"},
		{"broken off", "admin-secret-0001", "", true, 200, ""},
		{"through a proxy", "admin-secret-0001", "192.0.2.1", false, 403, ""},
		{"responder", "resp-secret-00001", "", false, 403, ""},
		{"nobody", "", "", false, 401, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken = c.broken
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/api/v1/backup", nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.token != "" {
				req.Header.Set("Authorization", "Bearer "+c.token)
			}
			if c.forwarded != "" {
				req.Header.Set("X-Forwarded-For", c.forwarded)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status || resp.Trailer.Get(backupTrailer) != c.trailer {
				t.Errorf("status %d, trailer %q, want %d, %q", resp.StatusCode, resp.Trailer.Get(backupTrailer), c.status, c.trailer)
			}
			if c.status == 200 && string(body) != "the store" {
				t.Errorf("body %q", body)
			}
		})
	}
	// From elsewhere: not even an admin.
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/backup", nil)
	req.RemoteAddr = "192.0.2.7:4000"
	req.Header.Set("Authorization", "Bearer admin-secret-0001")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if rec.Code != 403 {
		t.Errorf("from another machine: %d, want 403", rec.Code)
	}
}
