package newrelicsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const maxRequest = 1 << 20

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/graphql" {
		http.NotFound(w, r)
		return
	}
	var in struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "", "the body is no JSON: "+err.Error())
		return
	}
	if !s.enter(Request{Header: r.Header.Clone(), Query: in.Query, Variables: in.Variables}) {
		refuse(w, http.StatusTooManyRequests, "TOO_MANY_REQUESTS", "Too many concurrent requests")
		return
	}
	defer s.leave()
	wait(r.Context(), s.opt.Latency)
	if r.Header.Get("API-Key") != s.opt.Key {
		refuse(w, http.StatusUnauthorized, "", "The API key provided is invalid")
		return
	}
	f, n, ok := s.faults.Take(func(f Fault) bool { return strings.Contains(in.Query, f.Field) })
	if ok && f.answer(w, r, n) {
		return
	}
	doc, err := parse(in.Query)
	if err != nil {
		refuse(w, http.StatusOK, "INVALID_INPUT", err.Error())
		return
	}
	s.mu.Lock()
	data, err := pick(s.root(), doc.fields, in.Variables)
	s.mu.Unlock()
	if err != nil {
		refuse(w, http.StatusOK, "INVALID_INPUT", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data}) // the caller may have gone
}

func (s *Server) enter(r Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	if s.active == s.opt.Concurrent {
		return false
	}
	s.active++
	s.peak = max(s.peak, s.active)
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
}

// refuse answers with a GraphQL error.
func refuse(w http.ResponseWriter, status int, class, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"data": nil, "errors": []any{
		map[string]any{"message": message, "extensions": map[string]any{"errorClass": class}},
	}})
}

// root is what queries select from. s.mu is held.
func (s *Server) root() object {
	return object{"actor": object{
		"account":      resolver(s.account),
		"entity":       resolver(s.entity),
		"entitySearch": resolver(s.entitySearch),
	}}
}

func (s *Server) entity(args map[string]any) (any, error) {
	guid, _ := args["guid"].(string)
	e := s.byGUID[guid]
	if e == nil {
		return nil, nil
	}
	out := s.outline(e.GUID)
	out["relatedEntities"] = resolver(func(args map[string]any) (any, error) { return s.relatedEntities(e, args) })
	return out, nil
}

// outline is an entity as lists show it.
func (s *Server) outline(guid string) object {
	e := s.byGUID[guid]
	if e == nil {
		return nil
	}
	return object{
		"guid": e.GUID, "name": e.Name, "domain": e.Domain, "type": e.Type,
		"reporting": e.stopped.IsZero(), "entityType": e.Domain + "_" + e.Type + "_ENTITY", "accountId": 1,
	}
}

func (s *Server) entitySearch(args map[string]any) (any, error) {
	query, _ := args["query"].(string)
	match, err := parseSearch(query)
	if err != nil {
		return nil, err
	}
	var found []object
	for _, e := range s.entities {
		if match(e) {
			found = append(found, s.outline(e.GUID))
		}
	}
	return object{
		"count": len(found), "query": query,
		"results": resolver(func(args map[string]any) (any, error) {
			page, next, err := s.page(found, args)
			return object{"entities": page, "nextCursor": next}, err
		}),
	}, nil
}

// relatedEntities takes the filter by direction and type.
func (s *Server) relatedEntities(e *entity, args map[string]any) (any, error) {
	filter, _ := args["filter"].(map[string]any)
	direction, types := enum("BOTH"), map[enum]bool(nil)
	for name, v := range filter {
		switch name {
		case "direction":
			direction, _ = v.(enum)
		case "relationshipTypes":
			types = make(map[enum]bool)
			include, _ := v.(map[string]any)["include"].([]any)
			for _, t := range include {
				name, _ := t.(enum)
				types[name] = true
			}
		default:
			return nil, fmt.Errorf("the simulator has no filter by %s", name)
		}
	}
	var found []object
	for _, r := range s.related {
		out, in := r.from == e.GUID && direction != "INBOUND", r.to == e.GUID && direction != "OUTBOUND"
		if !(out || in) || types != nil && !types[enum(r.kind)] || !s.alive(r) {
			continue
		}
		found = append(found, object{"type": r.kind, "createdAt": r.created.UnixMilli(), "source": s.vertex(r.from), "target": s.vertex(r.to)})
	}
	page, next, err := s.page(found, args)
	return object{"results": page, "nextCursor": next}, err
}

func (s *Server) vertex(guid string) object {
	return object{"guid": guid, "accountId": 1, "entity": s.outline(guid)}
}

// page cuts the page out of all that the cursor in args asks for.
func (s *Server) page(all []object, args map[string]any) ([]object, any, error) {
	start := 0
	if cursor, ok := args["cursor"].(string); ok {
		n, err := strconv.Atoi(strings.TrimPrefix(cursor, "after-"))
		if err != nil || n < 0 || n > len(all) {
			return nil, nil, fmt.Errorf("the cursor %q is not one of mine", cursor)
		}
		start = n
	}
	end := min(start+s.opt.PageSize, len(all))
	if end == len(all) {
		return all[start:end], nil, nil
	}
	return all[start:end], "after-" + strconv.Itoa(end), nil
}

// parseSearch reads the language of entitySearch: groups of key = 'value' with
// AND between, and OR between groups.
func parseSearch(query string) (func(*entity) bool, error) {
	type condition struct{ key, value string }
	var groups [][]condition
	for group := range strings.SplitSeq(query, " OR ") {
		group = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(group), "("), ")")
		var all []condition
		for part := range strings.SplitSeq(group, " AND ") {
			key, value, ok := strings.Cut(part, "=")
			key, value = strings.TrimSpace(key), strings.Trim(strings.TrimSpace(value), "'")
			if !ok || !strings.Contains(" domain type name reporting ", " "+key+" ") {
				return nil, fmt.Errorf("the search %q is not understood", part)
			}
			all = append(all, condition{key, value})
		}
		groups = append(groups, all)
	}
	return func(e *entity) bool {
		has := map[string]string{"domain": e.Domain, "type": e.Type, "name": e.Name, "reporting": strconv.FormatBool(e.stopped.IsZero())}
		for _, all := range groups {
			ok := true
			for _, c := range all {
				ok = ok && has[c.key] == c.value
			}
			if ok {
				return true
			}
		}
		return false
	}, nil
}
