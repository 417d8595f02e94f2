package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

// mapSize is as much address space as the platform gives.
func mapSize(n int64) int {
	if strconv.IntSize < 64 {
		return 0
	}
	return int(n)
}

// Backup writes a copy of the store, as it is at one moment, while it is in use.
// What changes meanwhile makes the file grow until the backup ends, so w should
// not be slow. It ends early with ctx.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	err := s.db.View(func(btx *bolt.Tx) error {
		_, err := btx.WriteTo(&ctxWriter{ctx, w})
		return err
	})
	if ended := ctx.Err(); err != nil && ended != nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("store: backup of %s: %w", s.path, err)
	}
	return nil
}

type ctxWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c *ctxWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

// Restore makes a store at path of what Backup has written. It never touches a
// file that exists, and leaves none behind unless the backup is complete and of
// a schema that this program knows.
func Restore(path string, r io.Reader) error {
	if err := restore(path, r); err != nil {
		return fmt.Errorf("store: restoring to %s: %w", path, err)
	}
	return nil
}

func restore(path string, r io.Reader) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return errors.New("the file exists: move it away first, or restore to another path")
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".restore-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, os.Remove(f.Name()))
	}()
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := verify(f.Name()); err != nil {
		return err
	}
	// A link, unlike a rename, does not replace a file that came meanwhile.
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// verify checks that the file is a complete store of a known schema.
func verify(path string) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: lockWait})
	if err != nil {
		return fmt.Errorf("this is not a backup of imbot, or is damaged: %w", err)
	}
	defer db.Close()
	return db.View(func(tx *bolt.Tx) error {
		fi, err := os.Stat(path)
		if err != nil {
			return err
		}
		if fi.Size() < tx.Size() {
			return fmt.Errorf("the backup is cut off: it has %d bytes of %d", fi.Size(), tx.Size())
		}
		n, err := checkSchema(tx, migrations)
		if err == nil && n == 0 {
			err = errors.New("the backup is empty")
		}
		return err
	})
}

// syncDir makes a new name in a folder durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // folders can not be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
