package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"imbot/commands"
	"imbot/incident"
	"imbot/query"
)

// filterNames are the parameters of the list, in the order in which they are
// documented.
var filterNames = []string{"status", "level", "squad", "service", "q", "since", "until", "link", "limit", "cursor"}

// maxParameter bounds the value of one parameter, in bytes.
const maxParameter = 256

func badParameter(name, detail string) error {
	return &httpError{status: http.StatusBadRequest, key: "bad_parameter", field: name, detail: detail}
}

// parameters reads the query of an address that knows just these names. Each is
// there once, but for "status": several of it are as good as one with commas.
func parameters(raw string, names ...string) (map[string]string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badParameter("", "The parameters cannot be read: encode them as in a=b&c=d.")
	}
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all := values[name]
		switch v := strings.Join(all, ","); {
		case !slices.Contains(names, name):
			shown := incident.Clip(incident.Line(name), 40)
			return nil, badParameter(shown, "There is no parameter "+strconv.Quote(shown)+". Parameters are: "+strings.Join(names, ", ")+".")
		case len(all) > 1 && name != "status":
			return nil, badParameter(name, name+" is there more than once.")
		case len(v) > maxParameter || !utf8.ValidString(v) || strings.ContainsRune(v, 0):
			return nil, badParameter(name, name+" has at most "+strconv.Itoa(maxParameter)+" bytes of UTF-8.")
		default:
			out[name] = v
		}
	}
	return out, nil
}

// span reads the parameters "since" and "until": points in time, days in loc, or
// how long ago: "7d". Zero where one is not there.
func span(values map[string]string, now time.Time, loc *time.Location) (since, until time.Time, err error) {
	if v := values["since"]; v != "" {
		since, err = commands.Since("since", v, now, loc)
	}
	if v := values["until"]; v != "" && err == nil {
		until, err = commands.Since("until", v, now, loc)
	}
	if err == nil && !since.IsZero() && !until.IsZero() && !since.Before(until) {
		err = badParameter("until", "until must be later than since.")
	}
	return since, until, err
}

// limit reads the parameter of that name; otherwise, where it is not there.
func limit(values map[string]string, otherwise int) (int, error) {
	v := values["limit"]
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > query.MaxLimit {
		return 0, badParameter("limit", "limit is a number from 1 to "+strconv.Itoa(query.MaxLimit)+".")
	}
	return n, nil
}

// parseFilter reads the parameters of the list.
func parseFilter(raw string, now time.Time, loc *time.Location) (query.Filter, error) {
	values, err := parameters(raw, filterNames...)
	if err != nil {
		return query.Filter{}, err
	}
	f := query.Filter{Level: values["level"], Squad: values["squad"], Service: values["service"], Q: values["q"], Link: values["link"], Cursor: values["cursor"]}
	for s := range strings.SplitSeq(values["status"], ",") {
		st := incident.Status(strings.ToLower(strings.TrimSpace(s)))
		switch {
		case s == "" || slices.Contains(f.Status, st):
		case st != incident.Open && st != incident.Resolved && st != incident.Closed:
			return f, badParameter("status", "status is one of open, resolved, closed; several are separated by commas.")
		default:
			f.Status = append(f.Status, st)
		}
	}
	if !slices.Contains([]string{"", "none", incident.LinkDuplicate, incident.LinkCascade}, f.Link) {
		return f, badParameter("link", "link is one of none, duplicate, cascade.")
	}
	if f.Limit, err = limit(values, 0); err != nil {
		return f, err
	}
	f.Since, f.Until, err = span(values, now, loc)
	return f, err
}
