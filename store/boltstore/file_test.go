package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"imbot/incident"
)

// copyFile copies what is on the disk now, as after the death of the process.
func copyFile(t *testing.T, from string) string {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

func quiet() Options { return Options{Logger: slog.New(slog.DiscardHandler), NoSync: true} }

// Ensure that all that Update has said yes to is there after a crash at any time,
// and that nothing is there in part.
func TestCrash(t *testing.T) {
	s := openTest(t, Options{})
	var mu sync.Mutex
	acked := map[int]bool{}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 40 {
				n := 1000*w + i
				err := s.Update(t.Context(), func(tx incident.Tx) error {
					k := fmt.Sprintf("k%d", n)
					return errors.Join(tx.PutKey(k+"/first", "yes", true), tx.PutKey(k+"/second", "yes", false))
				})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[n] = true
				mu.Unlock()
			}
		})
	}
	for range 10 {
		mu.Lock()
		var want []int
		for n := range acked {
			want = append(want, n)
		}
		mu.Unlock()
		// The copy is taken between two commits: bbolt itself copes with the middle
		// of one by its two meta pages, but reading a file takes time, and a mixture
		// of times is nothing that a crash leaves.
		h := hold(t, s)
		path := copyFile(t, s.path)
		h.run()
		checkCopy(t, path, want)
	}
	wg.Wait()
}

func checkCopy(t *testing.T, path string, want []int) {
	t.Helper()
	c, err := Open(path, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, n := range want {
		if getKey(t, c, fmt.Sprintf("k%d/first", n)) != "yes" {
			t.Errorf("change %d was acknowledged and is lost", n)
		}
	}
	for i := range 8 * 40 {
		n := 1000*(i/40) + i%40
		k := fmt.Sprintf("k%d", n)
		if a, b := getKey(t, c, k+"/first"), getKey(t, c, k+"/second"); a != b {
			t.Fatalf("change %d is there in part: %q and %q", n, a, b)
		}
	}
}

// Ensure that a backup made while others write is complete, of one moment, and
// can be restored, but never over another file.
func TestBackup(t *testing.T) {
	s := openTest(t, Options{})
	stop, first := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			err := s.Update(context.Background(), func(tx incident.Tx) error {
				v := fmt.Sprint(i)
				return errors.Join(tx.PutKey("a", v, true), tx.PutKey("z", v, true), tx.PutRaw(incident.Inbound{At: time.Now(), Body: make([]byte, 3000)}))
			})
			if err != nil {
				t.Error(err)
				return
			}
			if i == 50 {
				close(first)
			}
		}
	})
	<-first
	for range 5 {
		var buf bytes.Buffer
		if err := s.Backup(t.Context(), &buf); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "sub", "restored.db")
		if err := Restore(path, &buf); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path, quiet())
		if err != nil {
			t.Fatal(err)
		}
		if a, z := getKey(t, r, "a"), getKey(t, r, "z"); a == "" || a != z {
			t.Errorf("the backup has a = %q and z = %q, want the same", a, z)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("the restored file: %v, %v, want mode 0600", fi.Mode(), err)
		}
		if err := Restore(path, strings.NewReader("x")); err == nil || !strings.Contains(err.Error(), "exists") {
			t.Errorf("Restore over a file = %v", err)
		}
	}
	close(stop)
	wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("Backup with a context that has ended = %v", err)
	}
}

// Ensure that what is no complete backup is refused and leaves nothing behind.
func TestRestoreRefuses(t *testing.T) {
	s := openTest(t, Options{})
	var good bytes.Buffer
	if err := s.Backup(t.Context(), &good); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	db, err := bolt.Open(empty, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.ReadFile(empty)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":   {nil, "not a backup"},
		"text":      {[]byte(strings.Repeat("hello ", 5000)), "not a backup"},
		"cut off":   {good.Bytes()[:good.Len()/2], "cut off"},
		"no schema": {fresh, "empty"},
	} {
		dir := t.TempDir()
		err := Restore(filepath.Join(dir, "x.db"), bytes.NewReader(c.data))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Restore = %v, want an error with %q", name, err, c.want)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: Restore left %v behind", name, left)
		}
	}
}

// Ensure that each reason for not opening a file is told with what to do.
func TestOpenRefuses(t *testing.T) {
	s := openTest(t, Options{})
	if fi, err := os.Stat(s.path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v, want mode 0600", fi.Mode(), err)
	}
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("hello ", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, want string }{
		"locked":        {s.path, "in use by another process"},
		"no bbolt":      {text, "not a store of imbot"},
		"other program": {boltFile(t, "foreign", "", ""), "another program"},
		"damaged":       {boltFile(t, "meta", "schema", "x"), "no number"},
		"newer":         {boltFile(t, "meta", "schema", "99"), "newer version of imbot (schema 99, this one knows"},
		"folder":        {t.TempDir(), "opening"},
	} {
		_, err := Open(c.path, quiet())
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: Open = %v, want an error with the path and %q", name, err, c.want)
		}
	}
}

// boltFile makes a bbolt file with one bucket.
func boltFile(t *testing.T, bucket, key, value string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.db")
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte(bucket))
		if err != nil || key == "" {
			return err
		}
		return b.Put([]byte(key), []byte(value))
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}
