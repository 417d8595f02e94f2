package commands

import (
	"slices"
	"strings"

	"imbot/incident"
	"imbot/query"
)

// listArgs are the filters of list. Words without a field are a status where
// they are one, and else part of the titles looked for.
var listArgs = []arg{
	{name: "q", kind: kindText, pos: true, show: "words", put: putQuery},
	{name: "status", kind: kindStatus, put: func(r *Request, v value) { filter(r).Status = append(filter(r).Status, statuses(v.str)...) }},
	{name: "level", kind: kindWord, put: func(r *Request, v value) { filter(r).Level = v.str }},
	{name: "squad", kind: kindWord, put: func(r *Request, v value) { filter(r).Squad = v.str }},
	{name: "service", kind: kindWord, put: func(r *Request, v value) { filter(r).Service = v.str }},
	{name: "since", kind: kindSince, put: func(r *Request, v value) { filter(r).Since = v.when }},
	{name: "until", kind: kindSince, put: func(r *Request, v value) { filter(r).Until = v.when }},
	{name: "link", kind: kindChoice, words: linkWords, put: func(r *Request, v value) { filter(r).Link = v.str }},
	{name: "limit", kind: kindNumber, put: func(r *Request, v value) { filter(r).Limit = min(v.num, query.MaxLimit) }},
}

var linkWords = map[string]string{"none": "none", "duplicate": incident.LinkDuplicate, "cascade": incident.LinkCascade}

var allStatuses = []incident.Status{incident.Open, incident.Resolved, incident.Closed}

func filter(r *Request) *query.Filter {
	if r.Query == nil {
		r.Query = &query.Filter{}
	}
	return r.Query
}

// statuses returns the statuses named in a comma-separated list; nil where one
// of them is none.
func statuses(s string) []incident.Status {
	var out []incident.Status
	for _, w := range strings.Split(strings.ToLower(s), ",") {
		if w == "all" {
			return allStatuses
		}
		if !slices.Contains(allStatuses, incident.Status(w)) {
			return nil
		}
		out = append(out, incident.Status(w))
	}
	return out
}

// putQuery takes leading words that are statuses, and leaves the rest as words
// of the title.
func putQuery(r *Request, v value) {
	words := strings.Fields(v.str)
	for len(words) > 0 {
		st := statuses(words[0])
		if st == nil {
			break
		}
		filter(r).Status = append(filter(r).Status, st...)
		words = words[1:]
	}
	filter(r).Q = strings.Join(words, " ")
}
