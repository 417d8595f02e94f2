package boltstore_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"
	"log/slog"
	"sync"
	"sync/atomic"
	"imbot/incident"

	"imbot/store/boltstore"
)

func TestZZ(t *testing.T) {
	p := filepath.Join(t.TempDir(), "x.db")
	s, err := boltstore.Open(p, boltstore.Options{NoSync: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil { t.Fatal(err) }
	body := packed()
	var n atomic.Int64
	run := func(k int) time.Duration {
		b := time.Now(); var wg sync.WaitGroup
		for range 256 { wg.Go(func() { for range k { if err := webhook(s, body, n.Add(1)); err != nil { t.Error(err); return } } }) }
		wg.Wait(); return time.Since(b)
	}
	for i := range 5 {
		d := run(160)
		fi, _ := os.Stat(p)
		t.Logf("%d: %v per op, file %d MB, %d bytes per incident", i, d/(160*256), fi.Size()>>20, fi.Size()/n.Load())
	}
	b := time.Now(); c := 0
	s.View(t.Context(), func(tx incident.Tx) error { return tx.Rows(incident.Cursor{}, false, func(incident.Row) bool { c++; return true }) })
	t.Logf("rows %d in %v", c, time.Since(b))
	b = time.Now(); s.Close(); t.Log("close", time.Since(b))
	b = time.Now(); s, _ = boltstore.Open(p, boltstore.Options{}); t.Log("open", time.Since(b)); s.Close()
}
