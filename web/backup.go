package web

import (
	"net"
	"net/http"
	"time"

	"imbot/incident"
	"imbot/query"
)

// backupTime is how long a backup may take to be read.
const backupTime = 30 * time.Minute

// backup writes a copy of the whole store, private incidents included. So it is
// for whoever could read the store's file anyway: somebody on this machine, with
// an admin's token, and not through a proxy.
func (s *server) backup(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	proxied := r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != ""
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() || proxied || v.Role != incident.RoleAdmin {
		return &httpError{status: http.StatusForbidden, key: "backup_local", detail: "A backup holds everything: it is given on imbot's own machine only, for an admin's token."}
	}
	if err := http.NewResponseController(w).SetWriteDeadline(s.Now().Add(backupTime)); err != nil {
		s.Logger.Debug("web.backup no deadline", "err", err) // a test's recorder has none
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Trailer", backupTrailer)
	if err := s.Backup(r.Context(), w); err != nil {
		// The header is out: without the trailer the reader knows that it is broken.
		s.Logger.Error("web.backup ended early", "err", err)
		return nil
	}
	w.Header().Set(backupTrailer, "complete")
	return nil
}

// backupTrailer follows a backup that is complete.
const backupTrailer = "X-Imbot-Backup"
