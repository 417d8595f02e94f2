package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"imbot/catalog/strictyaml"
	"imbot/incident"
)

// Settings are what the configuration adds to a catalog file.
type Settings struct {
	Levels  incident.Levels            // nil means [incident.DefaultLevels]
	Rules   []incident.Rule            // in their order; nil means [incident.DefaultRules], as far as their levels exist
	Notices map[string]incident.Notice // whole rows by level; a level that is missing has the default row

	DefaultChannel   string // told for squads without a channel of their own; "" for none
	BroadcastChannel string // told of what all should know; "" for none
	ReviewChannel    string // told for squads in mode shadow; "" for none

	Language string         // of what all read, "en" or "id"; "" means "en"
	Zone     *time.Location // of a rota's times; nil means UTC
}

// Catalog is an immutable snapshot. Slices and maps that it returns are shared:
// look, don't touch.
type Catalog struct {
	settings Settings
	rules    *incident.Rules
	notices  map[string]incident.Notice

	squads   map[string]*squad // by lower-cased key
	sorted   []Squad
	services []Service // sorted
	byName   map[string]*incident.ServiceInfo
	byVendor map[string]*incident.ServiceInfo
	byKey    map[string]*Service       // by lower-cased key
	people   map[string]*Person        // by mail, "aad:…" and "pd:…", all lower-cased
	zones    map[string]*time.Location // by mail: where people live, as far as the file says
	standby  map[string]Standby        // by role; a squad's own is "squad:" and its key
	plans    map[string]StandbyPlan    // of the same

	bindings map[string]string // lower-cased squad key -> conversation id
}

type squad struct {
	Squad
	info    incident.SquadInfo
	notices map[string]incident.Notice
}

var _ incident.Catalog = (*Catalog)(nil)

// New joins a file (nil for none) with the settings and the channels that were
// bound in chat, by squad. The error tells all that is wrong at once.
func New(file *File, s Settings, bindings map[string]string) (*Catalog, error) {
	if file == nil {
		file = &File{}
	}
	doc := strictyaml.New("catalog")
	if file.doc != nil {
		doc = file.doc.Fresh()
	} else {
		file.check(doc)
	}
	c := &Catalog{settings: s.complete(), bindings: foldKeys(bindings)}
	var err error
	if c.rules, err = incident.CompileRules(c.settings.Rules, c.settings.Levels); err != nil {
		return nil, err
	}
	c.notices = incident.DefaultNotices(c.settings.Levels)
	for level, n := range c.settings.Notices {
		if _, ok := c.notices[level]; !ok {
			return nil, fmt.Errorf("notice: there is no level %q; levels are %s", level, strings.Join(c.settings.Levels.Keys(), ", "))
		}
		c.notices[level] = n
	}
	for level, n := range incident.DefaultNotices(c.settings.Levels) {
		if own := c.notices[level]; len(n.Page) > 0 && slices.Equal(own.Page, n.Page) {
			own.Page = file.roles(n.Page)
			c.notices[level] = own
		}
	}
	c.addSquads(file, doc)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	c.addServices(file)
	c.addPeople(file)
	c.addStandby(file)
	return c, nil
}

// complete fills in what is not set.
func (s Settings) complete() Settings {
	if s.Levels == nil {
		s.Levels = incident.DefaultLevels()
	}
	if s.Rules == nil {
		s.Rules = slices.DeleteFunc(incident.DefaultRules(), func(r incident.Rule) bool {
			_, ok := s.Levels.Get(r.Level)
			return !ok
		})
	}
	if s.Language == "" {
		s.Language = "en"
	}
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	return s
}

func (c *Catalog) addSquads(file *File, doc *strictyaml.Document) {
	c.squads = make(map[string]*squad, len(file.Squads))
	for i, s := range file.Squads {
		s.Name = first(s.Name, s.Key)
		s.Mode = first(s.Mode, incident.ModeLive)
		s.Mail, s.Lead, s.Members = fold(s.Mail), fold(s.Lead), foldAll(s.Members)
		if s.Standby != nil {
			t := s.Standby.folded()
			s.Standby = &t
		}
		q := &squad{Squad: s, notices: map[string]incident.Notice{}}
		q.info = incident.SquadInfo{Key: s.Key, Name: s.Name, Lead: s.Lead, Members: s.Members, Mail: s.Mail, Bridge: s.BridgeURL, OnCall: s.Standby != nil, Known: true}
		for _, level := range slices.Sorted(maps.Keys(s.Notice)) {
			base, ok := c.notices[level]
			if !ok {
				at := fmt.Sprintf("squads[%d].notice.%s", i, level)
				doc.Errorf(at, "there is no level %q%s", level, doc.Hint(level, c.settings.Levels.Keys()))
				continue
			}
			q.notices[level] = s.Notice[level].Apply(base)
		}
		c.squads[fold(s.Key)] = q
		c.sorted = append(c.sorted, s)
	}
	slices.SortFunc(c.sorted, func(a, b Squad) int { return byNameThenKey(a.Name, a.Key, b.Name, b.Key) })
}

func (c *Catalog) addServices(file *File) {
	c.byName = make(map[string]*incident.ServiceInfo, 4*len(file.Services))
	c.byVendor = make(map[string]*incident.ServiceInfo, len(file.Services))
	c.byKey = make(map[string]*Service, len(file.Services))
	c.services = make([]Service, len(file.Services))
	for i, s := range file.Services {
		s.Name = first(s.Name, s.Key)
		s.Owner, s.Stakeholders = fold(s.Owner), foldAll(s.Stakeholders)
		if q, ok := c.squads[fold(s.Squad)]; ok {
			s.Squad = q.Key
		}
		c.services[i] = s
		info := &incident.ServiceInfo{
			Key: s.Key, Name: s.Name, Squad: s.Squad, Owner: s.Owner, Tier: s.Tier, Stakeholders: s.Stakeholders, Standby: s.Standby, Links: s.Links, Known: true,
		}
		c.byName[fold(s.Key)] = info
		c.byName[fold(s.Name)] = info
		for _, a := range s.Aliases {
			c.byName[fold(a)] = info
		}
		if s.PagerDutyID != "" {
			c.byVendor[fold(s.PagerDutyID)] = info
		}
	}
	slices.SortFunc(c.services, func(a, b Service) int { return byNameThenKey(a.Name, a.Key, b.Name, b.Key) })
	for i := range c.services {
		c.byKey[fold(c.services[i].Key)] = &c.services[i]
	}
	for i := range c.services {
		s := &c.services[i]
		s.DependsOn = slices.Clone(s.DependsOn)
		for j, d := range s.DependsOn {
			if t, ok := c.byKey[fold(d)]; ok {
				s.DependsOn[j] = t.Key
			}
		}
	}
}

func (c *Catalog) addPeople(file *File) {
	c.people = make(map[string]*Person, 3*len(file.People))
	c.zones = map[string]*time.Location{}
	for _, p := range file.People {
		p.Mail, p.AADObjectID = fold(p.Mail), fold(p.AADObjectID)
		c.people[p.Mail] = &p
		if z, ok := incident.Zone(p.Timezone); ok {
			c.zones[p.Mail] = z
		}
		if p.AADObjectID != "" {
			c.people["aad:"+p.AADObjectID] = &p
		}
		if p.PagerDutyID != "" {
			c.people["pd:"+fold(p.PagerDutyID)] = &p
		}
	}
}

// Service finds a service by the pager's id, else by key, name or alias in any
// case.
func (c *Catalog) Service(name, vendorID string) incident.ServiceInfo {
	if vendorID != "" {
		if s, ok := c.byVendor[fold(vendorID)]; ok {
			return *s
		}
	}
	folded := fold(name)
	if s, ok := c.byName[folded]; ok {
		return *s
	}
	// An incident from before its service was in the catalog.
	if id, ok := strings.CutPrefix(folded, "pd:"); ok {
		if s, ok := c.byVendor[id]; ok {
			return *s
		}
	}
	return incident.ServiceInfo{}
}

// Squad returns the squad of this key, in any case.
func (c *Catalog) Squad(key string) incident.SquadInfo {
	if s, ok := c.squads[fold(key)]; ok {
		return s.info
	}
	return incident.SquadInfo{Key: key}
}

// Person returns the one identity of a person: by mail, where the catalog
// joins it with the one that a has. Mails and object ids become lower-case.
func (c *Catalog) Person(a incident.Actor) incident.Actor {
	if a.Kind != incident.KindUser {
		return a
	}
	folded := fold(a.ID)
	if p, ok := c.people[folded]; ok {
		a.ID, a.Name = p.Mail, first(p.Name, a.Name)
	} else if !strings.HasPrefix(folded, "pd:") { // the pager's ids are in capitals
		a.ID = folded
	}
	return a
}

// Levels returns the table of levels, most urgent first.
func (c *Catalog) Levels() incident.Levels { return c.settings.Levels }

// Match applies the rules for levels.
func (c *Catalog) Match(a *incident.Alert, service incident.ServiceInfo) incident.Verdict {
	return c.rules.Match(a, service)
}

// Notice is the row of the notice table for a level: the default, with the
// company's and then the squad's differences. A level that is in no table any
// more makes one silent card.
func (c *Catalog) Notice(squad, level string) incident.Notice {
	if s, ok := c.squads[fold(squad)]; ok {
		if n, ok := s.notices[level]; ok {
			return n
		}
	}
	if n, ok := c.notices[level]; ok {
		return n
	}
	return incident.Notice{Card: true}
}

// Route says where the squad's notices go: to the channel that was bound in
// chat, else to that of the file, else to the company's default.
func (c *Catalog) Route(squad string) incident.Route {
	r := incident.Route{Broadcast: c.settings.BroadcastChannel, Review: c.settings.ReviewChannel, Mode: incident.ModeLive}
	folded := fold(squad)
	if s, ok := c.squads[folded]; ok {
		r.Channel, r.Mode = s.Channel, s.Mode
	}
	if folded != "" {
		r.Channel = first(c.bindings[folded], r.Channel)
	}
	if r.Channel == "" {
		r.Channel, r.Default = c.settings.DefaultChannel, c.settings.DefaultChannel != ""
	}
	return r
}

func first(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func foldAll(list []string) []string {
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fold(s)
	}
	return out
}

func byNameThenKey(nameA, keyA, nameB, keyB string) int {
	if n := strings.Compare(fold(nameA), fold(nameB)); n != 0 {
		return n
	}
	return strings.Compare(keyA, keyB)
}
