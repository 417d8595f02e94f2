package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	write := func(ctx context.Context, w io.Writer) error { return backupOfRunning(ctx, cfg, w) }
	s, err := store.Open(cfg.Store, store.Options{Now: time.Now})
	if err == nil {
		write = s.Backup
	}
	if err = backupTo(ctx, write, target); s != nil {
		err = errors.Join(err, s.Close())
	}
	if err == nil {
		_, err = fmt.Fprintln(out, "backup written to", target)
	}
	return err
}

// backupOfRunning asks the running imbot, which has the store's file locked.
func backupOfRunning(ctx context.Context, cfg *Config, w io.Writer) error {
	r, err := runningImbot(cfg)
	if err != nil {
		return err
	}
	resp, err := r.do(ctx, http.MethodGet, "/api/v1/backup", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	if resp.Trailer.Get("X-Imbot-Backup") != "complete" {
		return errors.New("the backup ended early: see the running imbot's log")
	}
	return nil
}

func backupTo(ctx context.Context, write func(context.Context, io.Writer) error, target string) error {
	tmp, err := os.CreateTemp(filepath.Dir(target), ".imbot-backup-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already where all went well
	err = errors.Join(write(ctx, tmp), tmp.Sync(), tmp.Close())
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
