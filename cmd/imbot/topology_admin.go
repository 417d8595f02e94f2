package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"imbot/topology"
)

// topologyPath is where the command line reaches a running imbot, which has the
// store's file locked.
const topologyPath = "/api/v1/topology"

// Bounds of what the command line and a running imbot tell each other: a request
// has at most 20,000 edges, and a report 40,000 of each source.
const (
	maxTopologyRequest = 32 << 20
	maxTopologyReport  = 256 << 20
)

// importRequest asks for edges to be remembered or forgotten.
type importRequest struct {
	Edges       []importEdge `json:"edges"`
	Remove      bool         `json:"remove,omitempty"`
	SkipUnknown bool         `json:"skip_unknown,omitempty"`
}

// importResult is what became of them: all or nothing.
type importResult struct {
	Done     int             `json:"done"`              // edges remembered or forgotten
	Skipped  int             `json:"skipped,omitempty"` // left out, because of names that no service has
	Problems []importProblem `json:"problems,omitempty"`
}

// change carries out a request.
func (q *importRequest) change(ctx context.Context, k *topology.Keeper, services []topology.Service, c clock) (importResult, error) {
	keys := make([]string, len(services))
	for i := range services {
		keys[i] = services[i].Key
	}
	r := resolve(q.Edges, k.Names(), keys, q.SkipUnknown, c.now())
	if len(r.problems) > 0 {
		return importResult{Problems: r.problems}, nil
	}
	out := importResult{Skipped: len(q.Edges) - len(r.edges)}
	var err error
	if q.Remove {
		out.Done, err = k.Remove(ctx, r.edges)
		return out, err
	}
	out.Done = len(r.edges)
	return out, k.Import(ctx, r.edges, r.unknown)
}

// serveTopology shows and changes what is remembered of who calls whom. As a
// backup, it is for whoever could use the store's file anyway: somebody on this
// machine, with an admin's token, and not through a proxy.
func (a *app) serveTopology(w http.ResponseWriter, r *http.Request) {
	if status, text := a.localAdmin(r); status != http.StatusOK {
		answerText(w, status, text)
		return
	}
	if r.Method == http.MethodGet {
		answerJSON(w, http.StatusOK, reportTopology(a.topology, graphServices(a.catalog.Get()), r.URL.Query().Get("service"), a.now()))
		return
	}
	var req importRequest
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxTopologyRequest))
	body.DisallowUnknownFields()
	if err := body.Decode(&req); err != nil {
		answerText(w, http.StatusBadRequest, "this is no list of edges: "+err.Error())
		return
	}
	result, err := req.change(r.Context(), a.topology, graphServices(a.catalog.Get()), a.clock)
	switch {
	case errors.Is(err, topology.ErrTooMany):
		answerText(w, http.StatusRequestEntityTooLarge, err.Error())
	case err != nil:
		a.log.Error("topology: an import failed", "err", err)
		answerText(w, http.StatusInternalServerError, "the edges are not stored; the log says why")
	case len(result.Problems) > 0:
		answerJSON(w, http.StatusUnprocessableEntity, result)
	default:
		a.log.Info("topology: edges changed by hand", "edges", result.Done, "removed", req.Remove, "skipped", result.Skipped)
		answerJSON(w, http.StatusOK, result)
	}
}

// localAdmin lets in who is on this machine and has an admin's token. All
// hashes are compared, in constant time: how long it takes tells nothing.
func (a *app) localAdmin(r *http.Request) (status int, text string) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	if err != nil || ip == nil || !ip.IsLoopback() || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return http.StatusForbidden, "this is for imbot's own command line, on its own machine only"
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return http.StatusUnauthorized, "send an admin's token: Authorization: Bearer …"
	}
	hash, found := sha256.Sum256([]byte(secret)), 0
	for _, t := range a.cfg.API.Tokens {
		if want := sha256.Sum256([]byte(t.Token.Reveal())); t.Role == "admin" && t.Token != "" {
			found |= subtle.ConstantTimeCompare(hash[:], want[:])
		}
	}
	if found != 1 {
		return http.StatusForbidden, "this is for admins' tokens only"
	}
	return http.StatusOK, ""
}

func answerJSON(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc) // the caller may be gone
}

func answerText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}
