package catalog

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"imbot/catalog/strictyaml"
	"imbot/incident"
)

// checker notes in doc what is wrong with a file.
type checker struct {
	doc      *strictyaml.Document
	file     *File
	squads   map[string]string // lower-cased key -> path
	services map[string]name   // lower-cased key, name or alias
	ids      map[string]string // "kind:id" -> path of what has it

	squadKeys, serviceKeys []string // as written, for hints
}

// name is what a service is called somewhere.
type name struct {
	service int
	what    string // key, name or alias
	path    string
}

func (f *File) check(doc *strictyaml.Document) {
	c := &checker{doc: doc, file: f, squads: map[string]string{}, services: map[string]name{}, ids: map[string]string{}}
	for i := range f.Squads {
		c.squadKey(i)
		c.squadKeys = append(c.squadKeys, f.Squads[i].Key)
	}
	for i := range f.Services {
		c.names(i)
		c.serviceKeys = append(c.serviceKeys, f.Services[i].Key)
	}
	for _, role := range slices.Sorted(maps.Keys(f.Standby)) {
		c.text("standby."+role, role, checkKey)
		c.standby("standby."+role, f.Standby[role])
	}
	for i := range f.Squads {
		c.squad(fmt.Sprintf("squads[%d]", i), &f.Squads[i])
	}
	for i := range f.Services {
		c.service(fmt.Sprintf("services[%d]", i), &f.Services[i])
	}
	for i := range f.People {
		c.person(fmt.Sprintf("people[%d]", i), &f.People[i])
	}
}

// text checks a value that may be left out.
func (c *checker) text(path, value string, check func(string) error) bool {
	if value == "" {
		return true
	}
	if err := check(value); err != nil {
		if u, parseErr := url.Parse(value); parseErr == nil && u.User != nil {
			value = u.Redacted()
		}
		c.doc.Errorf(path, "%s %v", c.doc.Quote(path, value), err)
		return false
	}
	return true
}

func (c *checker) texts(path string, values []string, check func(string) error) {
	seen := map[string]int{}
	for i, v := range values {
		at := fmt.Sprintf("%s[%d]", path, i)
		if v == "" {
			c.doc.Errorf(at, "this entry is empty; fill it in or remove it")
			continue
		}
		if !c.text(at, v, check) {
			continue
		}
		if first, twice := seen[strings.ToLower(v)]; twice {
			c.doc.Errorf(at, "%q is there twice, first in %s; remove one", v, c.doc.Where(fmt.Sprintf("%s[%d]", path, first)))
		}
		seen[strings.ToLower(v)] = i
	}
}

// required notes a key that is missing; ok says that it is there and well.
func (c *checker) required(path, key, value, example string, check func(string) error) bool {
	at := path + "." + key
	if value == "" {
		c.doc.Errorf(at, "%s is missing; add it, as in %s: %s", key, key, example)
		return false
	}
	return c.text(at, value, check)
}

// unique notes an id that is used before.
func (c *checker) unique(path, kind, value string) {
	if value == "" {
		return
	}
	id := kind + ":" + strings.ToLower(value)
	if first, twice := c.ids[id]; twice {
		c.doc.Errorf(path, "%s %q is used twice, first in %s; only one can have it", kind, value, c.doc.Where(first))
		return
	}
	c.ids[id] = path
}

func (c *checker) squadKey(i int) {
	path := fmt.Sprintf("squads[%d]", i)
	key := c.file.Squads[i].Key
	if !c.required(path, "key", key, "payments", checkKey) {
		return
	}
	if first, twice := c.squads[strings.ToLower(key)]; twice {
		c.doc.Errorf(path+".key", "the squad %q is there twice, first in %s; give one another key", key, c.doc.Where(first))
		return
	}
	c.squads[strings.ToLower(key)] = path + ".key"
}

func (c *checker) squad(path string, s *Squad) {
	c.text(path+".name", s.Name, CheckName)
	c.text(path+".channel", s.Channel, CheckChannel)
	c.text(path+".mail", s.Mail, CheckMail)
	c.text(path+".lead", s.Lead, CheckMail)
	c.texts(path+".members", s.Members, CheckMail)
	c.text(path+".jira_project", s.JiraProject, checkProject)
	c.text(path+".mode", s.Mode, checkMode)
	c.text(path+".language", s.Language, CheckLanguage)
	c.text(path+".bridge_url", s.BridgeURL, checkBridge)
	if s.Standby != nil {
		c.standby(path+".standby", *s.Standby)
	}
	for _, level := range slices.Sorted(maps.Keys(s.Notice)) {
		at := path + ".notice." + level
		s.Notice[level].Check(c.doc, at)
		if roles := s.Notice[level].Page; roles != nil {
			c.roles(at+".page", *roles)
		}
	}
}

func checkMode(s string) error {
	if s != incident.ModeLive && s != incident.ModeShadow && s != incident.ModeMuted {
		return fmt.Errorf("is no mode; use %s (tells all), %s (posts to the review channel only) or %s (records only)",
			incident.ModeLive, incident.ModeShadow, incident.ModeMuted)
	}
	return nil
}

// names gathers what a service is called: one name can mean one service only.
func (c *checker) names(i int) {
	s, path := &c.file.Services[i], fmt.Sprintf("services[%d]", i)
	if c.required(path, "key", s.Key, "checkout", checkKey) {
		c.name(i, "key", s.Key, path+".key")
	}
	if s.Name != "" && c.text(path+".name", s.Name, CheckName) {
		c.name(i, "name", s.Name, path+".name")
	}
	c.texts(path+".aliases", s.Aliases, CheckName)
	for j, a := range s.Aliases {
		if a != "" {
			c.name(i, "alias", a, fmt.Sprintf("%s.aliases[%d]", path, j))
		}
	}
}

func (c *checker) name(i int, what, value, path string) {
	folded := fold(value)
	first, taken := c.services[folded]
	switch {
	case !taken:
		c.services[folded] = name{i, what, path}
	case first.service != i && first.what == "key" && what == "key":
		c.doc.Errorf(path, "the service %q is there twice, first in %s; give one another key", value, c.doc.Where(first.path))
	case first.service != i:
		c.doc.Errorf(path, "the %s %q already means the service %q (%s, %s); one name can mean one service only",
			what, value, c.file.Services[first.service].Key, first.what, c.doc.Where(first.path))
	}
}

func (c *checker) service(path string, s *Service) {
	if _, ok := c.squads[strings.ToLower(s.Squad)]; s.Squad != "" && !ok {
		c.doc.Errorf(path+".squad", "there is no squad %q%s", s.Squad, c.hint(s.Squad, c.squadKeys, "; add it under squads"))
	}
	c.text(path+".owner", s.Owner, CheckMail)
	if s.Tier < 0 || s.Tier > 9 {
		c.doc.Errorf(path+".tier", "%d is no tier; use 1 (the most important) to 9", s.Tier)
	}
	c.text(path+".pagerduty_service_id", s.PagerDutyID, checkPagerDuty)
	c.unique(path+".pagerduty_service_id", "pagerduty_service_id", s.PagerDutyID)
	c.text(path+".newrelic_guid", s.NewRelicGUID, checkOpaque)
	c.unique(path+".newrelic_guid", "newrelic_guid", s.NewRelicGUID)
	for i, d := range s.DependsOn {
		c.dependency(fmt.Sprintf("%s.depends_on[%d]", path, i), s, d)
	}
	c.texts(path+".stakeholders", s.Stakeholders, CheckMail)
	c.roles(path+".standby", s.Standby)
	c.text(path+".bridge_url", s.BridgeURL, checkBridge)
	for i, l := range s.Links {
		at := fmt.Sprintf("%s.links[%d]", path, i)
		c.required(at, "title", l.Title, "Runbook", CheckName)
		c.required(at, "url", l.URL, "https://wiki.example.com/checkout", CheckLink)
	}
}

func (c *checker) dependency(path string, s *Service, key string) {
	n, known := c.services[fold(key)]
	switch {
	case known && fold(c.file.Services[n.service].Key) == fold(s.Key):
		c.doc.Errorf(path, "the service %q cannot depend on itself; remove it", s.Key)
	case known && n.what != "key" && fold(c.file.Services[n.service].Key) != fold(key):
		c.doc.Errorf(path, "depends_on takes keys; for %q write %q", key, c.file.Services[n.service].Key)
	case !known:
		c.doc.Errorf(path, "there is no service %q%s", key, c.hint(key, c.serviceKeys, "; add it under services"))
	}
}

// roles checks that standby roles exist.
func (c *checker) roles(path string, roles []string) {
	seen := map[string]bool{}
	for i, r := range roles {
		if seen[r] {
			c.doc.Errorf(fmt.Sprintf("%s[%d]", path, i), "the role %q is there twice; remove one", r)
		}
		seen[r] = true
		if _, ok := c.file.Standby[r]; !ok {
			at := fmt.Sprintf("%s[%d]", path, i)
			c.doc.Errorf(at, "there is no standby role %q%s", r, c.hint(r, slices.Sorted(maps.Keys(c.file.Standby)), "; add it under standby"))
		}
	}
}

func (c *checker) standby(path string, s Standby) {
	ways := 0
	for _, set := range []bool{s.Schedule != "", s.Policy != "", len(s.Rota) > 0, s.URL != ""} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		c.doc.Errorf(path, "a standby needs exactly one of pagerduty_schedule, pagerduty_escalation_policy, rota and url; this one has %d", ways)
	}
	c.text(path+".pagerduty_schedule", s.Schedule, checkPagerDuty)
	c.text(path+".pagerduty_escalation_policy", s.Policy, checkPagerDuty)
	c.text(path+".url", s.URL, checkSource)
	for i, t := range s.Rota {
		at := fmt.Sprintf("%s.rota[%d]", path, i)
		c.required(at, "who", t.Who, "ani@example.com", CheckMail)
		ok := c.text(at+".from", t.From, checkMoment)
		ok = c.text(at+".until", t.Until, checkMoment) && ok
		if from, until := at+".from", at+".until"; ok && t.From != "" && t.Until != "" && !before(t.From, t.Until) {
			c.doc.Errorf(until, "the turn ends before it begins (%s); swap from and until", c.doc.Where(from))
		}
	}
}

func (c *checker) person(path string, p *Person) {
	if c.required(path, "mail", p.Mail, "ani@example.com", CheckMail) {
		c.unique(path+".mail", "mail", p.Mail)
	}
	c.text(path+".name", p.Name, CheckName)
	if !c.doc.Full() { // to look for what was meant takes a while
		c.text(path+".timezone", p.Timezone, CheckTimezone)
	}
	for _, f := range []struct {
		key, value string
		check      func(string) error
	}{
		{"teams_id", p.TeamsID, checkOpaque},
		{"aad_id", p.AADObjectID, CheckGUID},
		{"pagerduty_id", p.PagerDutyID, checkPagerDuty},
		{"jira_account", p.JiraAccount, checkOpaque},
	} {
		if c.text(path+"."+f.key, f.value, f.check) {
			c.unique(path+"."+f.key, f.key, f.value)
		}
	}
}

// hint is the nearest known name, a list of all, or else what to do.
func (c *checker) hint(s string, known []string, what string) string {
	if h := c.doc.Hint(s, known); h != "" {
		return h
	}
	return what
}

// fold is the form in which names are compared.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
