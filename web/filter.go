package web

import (
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

// parseFilter reads the parameters of the list. since and until are points in
// time, days in loc, or how long ago: "7d".
func parseFilter(raw string, now time.Time, loc *time.Location) (query.Filter, error) {
	var f query.Filter
	values, err := url.ParseQuery(raw)
	if err != nil {
		return f, badParameter("", "The parameters can not be read: encode them as in a=b&c=d.")
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := setFilter(&f, name, values[name], now, loc); err != nil {
			return f, err
		}
	}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return f, badParameter("until", "until must be later than since.")
	}
	return f, nil
}

func setFilter(f *query.Filter, name string, all []string, now time.Time, loc *time.Location) error {
	if !slices.Contains(filterNames, name) {
		shown := incident.Clip(incident.Line(name), 40)
		return badParameter(shown, "There is no parameter "+strconv.Quote(shown)+". Parameters are: "+strings.Join(filterNames, ", ")+".")
	}
	if name != "status" && len(all) > 1 {
		return badParameter(name, name+" is there more than once.")
	}
	for _, v := range all {
		if len(v) > maxParameter || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return badParameter(name, name+" has at most "+strconv.Itoa(maxParameter)+" bytes of UTF-8.")
		}
		if v == "" {
			continue
		}
		if err := setOne(f, name, v, now, loc); err != nil {
			return err
		}
	}
	return nil
}

func setOne(f *query.Filter, name, v string, now time.Time, loc *time.Location) error {
	var err error
	switch name {
	case "status":
		for _, s := range strings.Split(v, ",") {
			st := incident.Status(strings.ToLower(strings.TrimSpace(s)))
			if st != incident.Open && st != incident.Resolved && st != incident.Closed {
				return badParameter(name, "status is one of open, resolved, closed; several are separated by commas.")
			}
			if !slices.Contains(f.Status, st) {
				f.Status = append(f.Status, st)
			}
		}
	case "level":
		f.Level = v
	case "squad":
		f.Squad = v
	case "service":
		f.Service = v
	case "q":
		f.Q = v
	case "since":
		f.Since, err = commands.Since(name, v, now, loc)
	case "until":
		f.Until, err = commands.Since(name, v, now, loc)
	case "link":
		if v != "none" && v != incident.LinkDuplicate && v != incident.LinkCascade {
			return badParameter(name, "link is one of none, duplicate, cascade.")
		}
		f.Link = v
	case "limit":
		if f.Limit, err = strconv.Atoi(v); err != nil || f.Limit < 1 || f.Limit > query.MaxLimit {
			return badParameter(name, "limit is a number from 1 to "+strconv.Itoa(query.MaxLimit)+".")
		}
	case "cursor":
		f.Cursor = v
	}
	return err
}
