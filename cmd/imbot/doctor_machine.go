package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"

	"imbot/bot"
	"imbot/store"
)

// machine checks what imbot needs of the machine, the store and the port, and
// returns what the store knows of conversations. A running imbot holds both: that
// is fine, and said.
func (d *doctor) machine(ctx context.Context) (convs []bot.Conversation, running bool) {
	convs, running = d.store(ctx)
	l, err := net.Listen("tcp", d.cfg.Listen)
	switch {
	case err == nil:
		d.result("listen", l.Close(), d.cfg.Listen+" is free", "")
	case errors.Is(err, syscall.EADDRINUSE) && running:
		d.add("listen", checkOK, d.cfg.Listen+" is in use, as is the store: by an imbot that runs", "")
	case errors.Is(err, syscall.EADDRINUSE):
		d.add("listen", checkFail, d.cfg.Listen+" is in use by another program", "change listen, or end what uses that port")
	case errors.Is(err, fs.ErrPermission):
		d.add("listen", checkFail, err.Error(), "use a port above 1023, or grant imbot CAP_NET_BIND_SERVICE")
	default:
		d.add("listen", checkFail, err.Error(), "listen must name an address of this machine, or none before the colon, as in \":8080\"")
	}
	return convs, running
}

func (d *doctor) store(ctx context.Context) (convs []bot.Conversation, running bool) {
	path := strings.TrimPrefix(d.cfg.Store, "bolt:")
	if _, err := os.Stat(path); err != nil {
		dir := filepath.Dir(path)
		probe, err := os.CreateTemp(existing(dir), ".imbot-doctor-*")
		if err == nil {
			err = errors.Join(probe.Close(), os.Remove(probe.Name()))
		}
		if err != nil {
			err = fmt.Errorf("there is none, and it can't be created at %s: %w", path, withoutPath(err))
		}
		d.result("store", err, "none yet; it can be created at "+path, "create the folder "+dir+" and let imbot's user write to it")
		return nil, false
	}
	s, err := store.Open(d.cfg.Store, store.Options{Now: time.Now})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		d.add("store", checkOK, path+" is in use: imbot runs, it seems; whether it can write is told by its /readyz", "")
		return nil, true
	case err != nil:
		d.add("store", checkFail, err.Error(), "check that the file belongs to imbot's user; restore a backup where it is broken: imbot restore")
		return nil, false
	}
	convs, err = s.Conversations(ctx)
	if err == nil {
		err = s.Writable(ctx)
	}
	err = errors.Join(err, s.Close())
	d.result("store", err, fmt.Sprintf("writable, knows %d conversations in Teams", len(convs)), "check disk space and permissions")
	return convs, false
}

// existing is the folder itself, or the nearest around it that is there: imbot
// makes what is missing.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
