package topology

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// pagerDutyPrefix begins the key of a service that PagerDuty has and the
// catalogue has not.
const pagerDutyPrefix = "pd:"

// Names finds the service that a name means. It is immutable.
type Names struct {
	names  map[string]string // any name, folded -> key
	guids  map[string]string // id in New Relic, folded -> key
	pagers map[string]string // id in PagerDuty, folded -> key
	placed map[string]bool   // what stands behind the slash of a name with a namespace
}

// NewNames returns the names of these services. Where two claim the same name,
// which a checked catalogue does not have, keys come before names and aliases,
// and the first service before others.
func NewNames(services []Service) *Names {
	n := &Names{
		names: make(map[string]string, 3*len(services)), guids: map[string]string{}, pagers: map[string]string{}, placed: map[string]bool{},
	}
	claim := func(in map[string]string, name, key string) {
		if name = fold(name); name != "" && key != "" {
			if _, taken := in[name]; !taken {
				in[name] = key
			}
		}
	}
	for i := range services {
		claim(n.names, services[i].Key, services[i].Key)
	}
	for i := range services {
		s := &services[i]
		claim(n.guids, s.NewRelicGUID, s.Key)
		claim(n.pagers, s.PagerDutyID, s.Key)
		claim(n.names, s.Name, s.Key)
		for _, a := range s.Aliases {
			claim(n.names, a, s.Key)
			if _, name, ok := strings.Cut(fold(a), "/"); ok && name != "" {
				n.placed[name] = true
			}
		}
	}
	return n
}

// Find returns the key of the service with this key, name or alias, in any case,
// or of "pd:" and the id of a service in PagerDuty, which is a service even where
// the catalogue does not have it. An unknown name is no service.
func (n *Names) Find(name string) (key string, ok bool) {
	folded := fold(name)
	if key, ok = n.names[folded]; ok {
		return key, true
	}
	if id, isPager := strings.CutPrefix(folded, pagerDutyPrefix); isPager {
		return n.pager(strings.TrimSpace(name)[len(pagerDutyPrefix):], id)
	}
	return "", false
}

func (n *Names) pager(id, folded string) (string, bool) {
	if key, ok := n.pagers[folded]; ok {
		return key, true
	}
	if !isPagerDutyID(id) {
		return "", false
	}
	return pagerDutyPrefix + id, true
}

// End returns the key of the service that an end means: by the vendors' ids,
// else by the name with its namespace, else by the name alone. The latter does
// not count where the catalogue tells services of that name apart by their
// namespaces: of them, the one in a namespace that it does not name is unknown.
func (n *Names) End(e *End) (key string, ok bool) {
	if key, ok = n.guids[fold(e.NewRelicGUID)]; ok {
		return key, true
	}
	if key, ok = n.pagers[fold(e.PagerDutyID)]; ok {
		return key, true
	}
	name := fold(e.Name)
	if e.Namespace != "" && name != "" {
		if key, ok = n.names[fold(e.Namespace)+"/"+name]; ok || n.placed[name] {
			return key, ok
		}
	}
	if key, ok = n.names[name]; ok {
		return key, true
	}
	if e.PagerDutyID != "" {
		return n.pager(e.PagerDutyID, fold(e.PagerDutyID))
	}
	return "", false
}

// title is what an end without a service is called.
func (e *End) title() string {
	switch {
	case e.Namespace != "" && e.Name != "":
		return e.Namespace + "/" + e.Name
	case e.Name != "":
		return e.Name
	}
	return e.NewRelicGUID + e.PagerDutyID
}

// sane reports whether all words of an end can be what they should.
func (e *End) sane() bool {
	if e.PagerDutyID != "" && !isPagerDutyID(e.PagerDutyID) {
		return false
	}
	return isLine(e.Name) && isLine(e.Namespace) && isLine(e.NewRelicGUID) && e.title() != ""
}

// isLine reports whether s could be shown on one line, and is no longer than a
// name.
func isLine(s string) bool {
	return len(s) <= MaxName && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// isPagerDutyID reports whether s has the shape of an id of PagerDuty: letters
// and digits.
func isPagerDutyID(s string) bool {
	if len(s) < 2 || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// fold is the form in which names are compared.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
