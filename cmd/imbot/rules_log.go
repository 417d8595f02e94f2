package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"imbot/backtest"
	"imbot/store/boltstore"
)

// openCopy copies the store, and opens the copy: a store of an older version is
// brought up to date when it is opened, and the store itself is to stay as it
// is. A running imbot, which has the file locked, is asked for a backup.
func openCopy(ctx context.Context, cfg *Config, path string) (*boltstore.Store, error) {
	source, ok := strings.CutPrefix(cfg.Store, "bolt:")
	if !ok {
		return nil, errors.New("rules test reads bolt stores only, and the configuration names another kind")
	}
	if _, err := os.Stat(source); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no store at %s: imbot has not run yet, and there is nothing to replay", source)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	err = copyStopped(ctx, source, f)
	if errors.Is(err, bolterrors.ErrTimeout) {
		err = backupOfRunning(ctx, cfg, f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("copy the store at %s to %s: %w", source, path, err)
	}
	return boltstore.Open(path, boltstore.Options{NoSync: true, Logger: slog.New(slog.DiscardHandler)})
}

// lockPatience is how long a file that is in use is waited for.
const lockPatience = 500 * time.Millisecond

// copyStopped copies a store that no imbot uses. Several may read it.
func copyStopped(ctx context.Context, source string, w io.Writer) error {
	db, err := bolt.Open(source, 0o600, &bolt.Options{ReadOnly: true, Timeout: lockPatience})
	if err != nil {
		return err
	}
	err = db.View(func(tx *bolt.Tx) error {
		_, err := tx.WriteTo(untilDone{ctx, w})
		return err
	})
	return errors.Join(err, db.Close())
}

// untilDone is a writer that fails when a context has ended.
type untilDone struct {
	ctx context.Context
	w   io.Writer
}

func (u untilDone) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}

// showProgress writes how far a replay is, in one line that done takes away
// again; nothing where nobody looks on.
func showProgress(errOut io.Writer) (progress func(backtest.Progress), done func()) {
	f, ok := errOut.(*os.File)
	if !ok {
		return nil, func() {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil, func() {}
	}
	shown := false
	progress = func(p backtest.Progress) {
		shown = true
		part := 100.0
		if all := p.Last.Sub(p.First); all > 0 {
			part = 100 * float64(p.At.Sub(p.First)) / float64(all)
		}
		fmt.Fprintf(f, "\r\x1b[K%s: %.0f %%, %d bodies, %d incidents", p.Rules, part, p.Bodies, p.Incidents)
	}
	return progress, sync.OnceFunc(func() {
		if shown {
			fmt.Fprint(f, "\r\x1b[K")
		}
	})
}
