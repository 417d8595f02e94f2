package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"imbot/bot"
	"imbot/incident"
	"imbot/outbox"
)

var (
	_ incident.Store = (*Store)(nil)
	_ outbox.Store   = (*Store)(nil)
	_ bot.Store      = (*Store)(nil)
)

// Options change how a store works. The zero value is fine.
type Options struct {
	Now          func() time.Time // nil: time.Now
	KeyRetention time.Duration    // keys put with keep=false are known for this long, and at most a day longer; 0 means 7 days
	RawRetention time.Duration    // 0 means 100 days
	MaxQueue     int              // changes that may wait; more are incident.ErrBusy; 0 means 4,096
	Logger       *slog.Logger     // nil: slog.Default()
	// NoSync leaves out the syncs: a crash of the machine loses data. For tests.
	NoSync bool
}

func (o *Options) defaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.KeyRetention <= 0 {
		o.KeyRetention = 7 * 24 * time.Hour
	}
	if o.RawRetention <= 0 {
		o.RawRetention = 100 * 24 * time.Hour
	}
	if o.MaxQueue <= 0 {
		o.MaxQueue = 4096
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// Store is one open file. All methods are safe for concurrent use. Update must
// not be called from within View or Update: the writer could wait for itself.
type Store struct {
	o     Options
	path  string
	db    *bolt.DB
	queue chan *request
	kept  map[string]string // small values of kept keys, as the writer sees them; nobody else looks
	done  chan struct{}     // closed when the writer has ended

	mu     sync.RWMutex // guards closed, and sending to queue against closing it
	closed bool

	proved atomic.Int64 // when a commit last succeeded, in Unix nanoseconds
}

var errClosed = errors.New("store is closed")

// lockWait is how long Open waits for another process to let go of the file: a
// restart is quicker than that.
const lockWait = 1500 * time.Millisecond

// mapAhead is address space, not memory: while the file fits into it, growing
// never has to wait for readers, such as a backup.
const mapAhead = 1 << 30

// Open opens the file at path, and creates it where there is none, readable by
// this user only. A file of an older schema is brought up to date; one of a
// newer schema is an error.
func Open(path string, o Options) (*Store, error) {
	return open(path, o, migrations)
}

func open(path string, o Options, steps []migration) (*Store, error) {
	o.defaults()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("store: making the folder of %s: %w", path, err)
	}
	ahead := int64(mapAhead)
	if fi, err := os.Stat(path); err == nil {
		ahead = max(ahead, 2*fi.Size())
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout: lockWait, FreelistType: bolt.FreelistMapType, InitialMmapSize: mapSize(ahead), NoSync: o.NoSync, NoStatistics: true,
	})
	if err != nil {
		return nil, openError(path, err)
	}
	if err := migrate(db, steps); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %s: %w", path, err), db.Close())
	}
	s := &Store{o: o, path: path, db: db, kept: map[string]string{}, queue: make(chan *request, o.MaxQueue), done: make(chan struct{})}
	go s.write()
	if err := s.release(context.Background()); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %s: %w", path, err), s.Close())
	}
	return s, nil
}

// openError says what to do about a file that can not be opened.
func openError(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("store: %s is in use by another process: stop that one first (one file serves one process), or name another file: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("store: this user may not read and write %s: %w", path, err)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return fmt.Errorf("store: %s is not a store of imbot, or is damaged: restore a backup, or name another file: %w", path, err)
	}
	return fmt.Errorf("store: opening %s: %w", path, err)
}

// Close refuses new changes, carries out those that wait, and closes the file.
// Calling it again does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.done
		return nil
	}
	s.closed = true
	close(s.queue)
	s.mu.Unlock()
	<-s.done
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("store: closing %s: %w", s.path, err)
	}
	return nil
}

// Update implements incident.Store.
func (s *Store) Update(ctx context.Context, fn func(tx incident.Tx) error) error {
	return s.update(ctx, func(t *tx) error { return fn(t) })
}

// View implements incident.Store.
func (s *Store) View(ctx context.Context, fn func(tx incident.Tx) error) error {
	return s.view(ctx, func(t *tx) error { return fn(t) })
}

func (s *Store) view(ctx context.Context, fn func(t *tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	btx, err := s.db.Begin(false)
	if err != nil {
		return fmt.Errorf("store: reading: %w", err)
	}
	defer btx.Rollback() //nolint:errcheck // of a read transaction: can not fail
	return fn(&tx{s: s, b: &batch{tx: btx}, now: s.o.Now().UTC()})
}

// Writable makes sure that the store takes writes, by a small one that is
// durable, as every change. A success less than a second ago counts.
func (s *Store) Writable(ctx context.Context) error {
	if time.Since(time.Unix(0, s.proved.Load())) < time.Second {
		return nil
	}
	return s.update(ctx, func(t *tx) error {
		return t.put(bucketMeta, []byte("writable"), []byte(t.now.Format(time.RFC3339)))
	})
}
