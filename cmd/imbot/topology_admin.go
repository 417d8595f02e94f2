package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"imbot/topology"
	"imbot/topology/edgefile"
)

// topologyPath is where the command line reaches a running imbot, which has the
// store's file locked.
const topologyPath = "/api/v1/topology"

// maxTopologyRequest bounds a request: it has at most 20,000 edges.
const maxTopologyRequest = 32 << 20

// importRequest asks for edges to be remembered or forgotten.
type importRequest struct {
	Edges       []edgefile.Edge `json:"edges"`
	Remove      bool            `json:"remove,omitempty"`
	SkipUnknown bool            `json:"skip_unknown,omitempty"`
}

// importResult is what became of them: all or nothing.
type importResult struct {
	Done     int                `json:"done"`              // edges remembered or forgotten
	Skipped  int                `json:"skipped,omitempty"` // left out, because of names that no service has
	Problems []edgefile.Problem `json:"problems,omitempty"`
}

// change carries out a request.
func (q *importRequest) change(ctx context.Context, k *topology.Keeper, services []topology.Service, c clock) (importResult, error) {
	keys := make([]string, len(services))
	for i := range services {
		keys[i] = services[i].Key
	}
	r := edgefile.Resolve(q.Edges, k.Names(), keys, q.SkipUnknown, c.now())
	if len(r.Problems) > 0 {
		return importResult{Problems: r.Problems}, nil
	}
	out := importResult{Skipped: len(q.Edges) - len(r.Edges)}
	var err error
	if q.Remove {
		out.Done, err = k.Remove(ctx, r.Edges)
		return out, err
	}
	out.Done = len(r.Edges)
	return out, k.Import(ctx, r.Edges, r.Unknown)
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
