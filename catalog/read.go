package catalog

import (
	"fmt"
	"maps"
	"slices"

	"imbot/incident"
)

// Squads returns all squads, by name.
func (c *Catalog) Squads() []Squad { return c.sorted }

// SquadByKey returns the squad of this key, in any case, as the file has it.
func (c *Catalog) SquadByKey(key string) (Squad, bool) {
	if s, ok := c.squads[fold(key)]; ok {
		return s.Squad, true
	}
	return Squad{}, false
}

// Services returns all services, by name.
func (c *Catalog) Services() []Service { return c.services }

// ServiceByKey returns the service of this key, in any case, as the file has it.
func (c *Catalog) ServiceByKey(key string) (Service, bool) {
	if s, ok := c.byKey[fold(key)]; ok {
		return *s, true
	}
	return Service{}, false
}

// PersonByMail returns the person of this address, in any case.
func (c *Catalog) PersonByMail(mail string) (Person, bool) { return c.PersonByID(mail) }

// PersonByID returns the person whose mail, "aad:<oid>" or "pd:<id>" this is.
func (c *Catalog) PersonByID(id string) (Person, bool) {
	if p, ok := c.people[fold(id)]; ok {
		return *p, true
	}
	return Person{}, false
}

// TeamsAccount returns the Teams id ("29:…"), or else the Entra object id, of a
// person, by which a card can mention them, and their name.
func (c *Catalog) TeamsAccount(personID string) (id, name string, ok bool) {
	p, ok := c.PersonByID(personID)
	if id = first(p.TeamsID, p.AADObjectID); !ok || id == "" {
		return "", "", false
	}
	return id, first(p.Name, p.Mail), true
}

// SquadKeys returns the keys of all squads, sorted.
func (c *Catalog) SquadKeys() []string {
	out := make([]string, len(c.sorted))
	for i := range c.sorted {
		out[i] = c.sorted[i].Key
	}
	slices.Sort(out)
	return out
}

// ServiceNames returns key and name of all services, by name.
func (c *Catalog) ServiceNames() [][2]string {
	out := make([][2]string, len(c.services))
	for i := range c.services {
		out[i] = [2]string{c.services[i].Key, c.services[i].Name}
	}
	return out
}

// Language is the language of what all of a squad read: the squad's, else the
// company's.
func (c *Catalog) Language(key string) string {
	if s, ok := c.squads[fold(key)]; ok && s.Language != "" {
		return s.Language
	}
	return c.settings.Language
}

// Gap is what an operator should know, and how it is mended.
type Gap struct{ What, Mend string }

// Gaps lists squads whose incidents nobody sees, and roles to page that do not
// exist, so that nobody is woken. Squads without a channel are not among them.
func (c *Catalog) Gaps() []Gap {
	var out []Gap
	for _, s := range c.sorted {
		if r := c.Route(s.Key); r.Mode == incident.ModeShadow && r.Review == "" {
			out = append(out, Gap{fmt.Sprintf("squad %q is in mode shadow, but there is no review channel", s.Key), "set teams.review_channel"})
		}
	}
	missing := map[string]bool{}
	for _, l := range c.settings.Levels {
		for _, role := range c.notices[l.Key].Page {
			if _, ok := c.standby[role]; !ok {
				missing[role] = true
			}
		}
	}
	for _, role := range slices.Sorted(maps.Keys(missing)) {
		out = append(out, Gap{fmt.Sprintf("the notice table pages the standby role %q, which the catalog does not have: nobody is woken for it", role), "add it under standby in the catalog, or take it out of notice"})
	}
	return out
}

// ObjectID returns a person's object id in Entra; "" where the catalog does not
// say.
func (c *Catalog) ObjectID(personID string) string {
	p, _ := c.PersonByID(personID)
	return p.AADObjectID
}
