package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"imbot/integrations/mail/mailsim"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// watcher tells in the terminal what imbot does outside, a line for each thing,
// and keeps the mails as files.
type watcher struct {
	o    *outside
	pd   *pagerdutysim.Server
	dir  string // of the mails
	out  io.Writer
	told map[string]bool
	kept int // mails
}

// watchPause lies between two looks.
const watchPause = 300 * time.Millisecond

func newWatcher(o *outside, pd *pagerdutysim.Server, dir string, out io.Writer) (*watcher, error) {
	w := &watcher{o: o, pd: pd, dir: filepath.Join(dir, "mails"), out: out, told: map[string]bool{}}
	return w, os.MkdirAll(w.dir, 0o700)
}

// run looks until ctx ends.
func (w *watcher) run(ctx context.Context) error {
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	for {
		if err := w.look(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return w.look() // what came at the very end
		}
	}
}

func (w *watcher) look() error {
	w.pages()
	w.rooms()
	for _, i := range w.o.jira.Issues() {
		what := i.Summary
		if i.Category == "done" {
			what = "done: " + what
		}
		w.say("jira/"+i.Key+"/"+i.Category, "Jira %s: %s   %s/browse/%s", i.Key, what, w.o.jira.URL(), i.Key)
	}
	for _, p := range w.o.wiki.Pages() {
		w.say("wiki/"+p.ID, "Confluence page: %s   %s", p.Title, w.o.wiki.PageURL(p.ID))
	}
	return w.mails()
}

// say prints a line once for each key. Categories of tickets between the first
// and the last are keys too, so that one that is done and opened again is told.
func (w *watcher) say(key, format string, args ...any) {
	if w.told[key] {
		return
	}
	w.told[key] = true
	fmt.Fprintf(w.out, "  %s     → %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}

// pages tells who is woken: asked to help with an incident of PagerDuty's, or
// by one that imbot made there.
func (w *watcher) pages() {
	for _, i := range w.pd.Snapshot() {
		asked, err := w.pd.Responders(i.ID)
		if err != nil {
			continue // it was there a moment ago
		}
		for _, r := range asked {
			w.say("page/"+i.ID+"/"+r.User, "PagerDuty wakes %s for: %s", demoPager(r.User), i.Title)
		}
		if strings.HasPrefix(i.Key, "imbot/") {
			for _, user := range i.Assignees {
				w.say("page/"+i.ID+"/"+user, "PagerDuty wakes %s for: %s", demoPager(user), i.Title)
			}
		}
	}
}

func (w *watcher) rooms() {
	if w.o.graph == nil {
		return
	}
	for _, c := range w.o.graph.Chats() {
		names := make([]string, 0, len(c.Members))
		for _, m := range c.Members {
			for _, p := range demoPeople {
				if strings.EqualFold(p.aad, m.UserID) {
					names = append(names, p.name)
				}
			}
		}
		w.say("room/"+c.ID, "war room “%s”: %s (the emulator's chat “%s”)", c.Topic, strings.Join(names, ", "), demoGroupName)
	}
}

// mails keeps new ones, and tells of them: those of the same words in one line.
func (w *watcher) mails() error {
	all := w.o.mail.Mails()
	var subjects []string
	to, file := map[string][]string{}, map[string]string{}
	for ; w.kept < len(all); w.kept++ {
		m := &all[w.kept]
		name, err := w.keep(m)
		if err != nil {
			return err
		}
		if to[m.Subject] == nil {
			subjects = append(subjects, m.Subject)
			file[m.Subject] = name
		}
		to[m.Subject] = append(to[m.Subject], m.To...)
	}
	for _, s := range subjects {
		w.say(fmt.Sprint("mail/", w.kept, "/", s), "mail to %s: %s   mails/%s", strings.Join(to[s], ", "), s, file[s])
	}
	return nil
}

// keep writes a mail as it came, and its page for a browser beside it, and
// returns the name of the latter.
func (w *watcher) keep(m *mailsim.Mail) (string, error) {
	who := "nobody"
	if len(m.To) > 0 {
		who, _, _ = strings.Cut(m.To[0], "@")
	}
	// An address may hold what a name of a file must not.
	who = strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, who)
	name := fmt.Sprintf("%02d-%s", w.kept+1, who)
	if err := os.WriteFile(filepath.Join(w.dir, name+".eml"), m.Raw, 0o600); err != nil {
		return "", err
	}
	page := name + ".html"
	return page, os.WriteFile(filepath.Join(w.dir, page), []byte(m.HTML), 0o600)
}
