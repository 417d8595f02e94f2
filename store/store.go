// Package store opens the store that a configuration names. What a store
// promises is said in the packages incident, outbox, bot and topology, and tested by
// storetest; how it keeps things is the business of the packages below this one.
package store

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"imbot/bot"
	"imbot/changes"
	"imbot/incident"
	"imbot/outbox"
	"imbot/store/boltstore"
	"imbot/topology"
)

// Store is everything that imbot keeps.
type Store interface {
	incident.Store
	outbox.Store
	bot.Store
	bot.Preferences
	topology.Store
	changes.Store

	// Prune forgets what is older than its retention, in small steps.
	Prune(ctx context.Context, now time.Time) error
	// Backup writes a complete copy, of one moment, while the store is in use.
	Backup(ctx context.Context, w io.Writer) error
	// Writable makes sure, by a write, that the store can take writes. An answer
	// may be up to a second old.
	Writable(ctx context.Context) error
	// Close waits for what was accepted, and closes the store.
	Close() error
}

// Options are for every kind of store.
type Options struct {
	Now          func() time.Time // the server's clock; nil: time.Now
	KeyRetention time.Duration    // how long keys of inbound deliveries are known; 0 means 7 days
	RawRetention time.Duration    // how long bodies are kept; 0 means 100 days
	MaxQueue     int              // changes that may wait before more are refused with incident.ErrBusy; 0 means 4,096
	Logger       *slog.Logger     // nil: slog.Default()
}

// Forms of a data source name, for texts.
const forms = `"bolt:PATH", such as bolt:/var/lib/imbot/imbot.db`

// Open opens the store that dsn names, and creates it where there is none. The
// only form is "bolt:PATH": one file, used by one process.
func Open(dsn string, o Options) (Store, error) {
	kind, rest, ok := strings.Cut(dsn, ":")
	switch {
	case ok && kind == "bolt" && rest != "":
		s, err := boltstore.Open(rest, boltstore.Options{
			Now: o.Now, KeyRetention: o.KeyRetention, RawRetention: o.RawRetention, MaxQueue: o.MaxQueue, Logger: o.Logger,
		})
		if err != nil {
			return nil, err
		}
		return s, nil
	case ok && kind == "bolt":
		return nil, fmt.Errorf("store: the path is missing: write %s", forms)
	case dsn == "":
		return nil, fmt.Errorf("store: nothing says where to keep incidents: write %s", forms)
	case ok:
		// The rest may hold a password: it is not repeated.
		return nil, fmt.Errorf("store: %q is not a kind of store that this program has: write %s", incident.Clip(kind, 20), forms)
	}
	return nil, fmt.Errorf("store: the name does not say which kind of store it is: write %s", forms)
}
