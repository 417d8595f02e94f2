package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"imbot/store"
	"imbot/store/boltstore"
)

// runBackup copies the store to a file. The copy is complete or not there.
func runBackup(ctx context.Context, args []string, out, errOut io.Writer) error {
	cfg, rest, err := configFlag("backup", args, errOut, 1)
	if err != nil {
		return err
	}
	target := rest[0]
	if _, err := os.Stat(target); err == nil {
		return fmt.Errorf("%s exists: name a new file", target)
	}
	path := strings.TrimPrefix(cfg.Store, "bolt:")
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no store at %s", path)
	}
	s, err := store.Open(cfg.Store, store.Options{Now: time.Now})
	if err != nil {
		return fmt.Errorf("%w (a running imbot gives a backup too: GET /api/v1/backup with an admin's token)", err)
	}
	err = errors.Join(backupTo(ctx, s, target), s.Close())
	if err == nil {
		_, err = fmt.Fprintln(out, "backup written to", target)
	}
	return err
}

func backupTo(ctx context.Context, s store.Store, target string) error {
	tmp, err := os.CreateTemp(filepath.Dir(target), ".imbot-backup-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already where all went well
	err = errors.Join(s.Backup(ctx, tmp), tmp.Sync(), tmp.Close())
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return os.Rename(tmp.Name(), target)
}

// runRestore makes a store of a backup; it never overwrites one.
func runRestore(_ context.Context, args []string, out, errOut io.Writer) error {
	cfg, rest, err := configFlag("restore", args, errOut, 1)
	if err != nil {
		return err
	}
	path, ok := strings.CutPrefix(cfg.Store, "bolt:")
	if !ok {
		return errors.New("restore makes bolt stores only, and the configuration names another kind")
	}
	f, err := os.Open(rest[0])
	if err != nil {
		return err
	}
	defer f.Close()
	if err := boltstore.Restore(path, f); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "store restored to", path)
	return err
}
