package catalog

import (
	"errors"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// SquadRole is what the role of a squad's own standby begins with: that of the
// squad payments is "squad:payments". No role of the file can be called that.
const SquadRole = "squad:"

// Standby says who is on call. Exactly one of the fields is set.
type Standby struct {
	Schedule string  `yaml:"pagerduty_schedule"`          // id of a PagerDuty schedule
	Policy   string  `yaml:"pagerduty_escalation_policy"` // id of a PagerDuty escalation policy
	Rota     []Shift `yaml:"rota"`                        // a list kept by hand
	URL      string  `yaml:"url"`                         // the company's own standby tool; https
}

// Shift is one turn of a rota. Times are RFC 3339, or "2006-01-02 15:04" or
// "2006-01-02" in the company's timezone.
type Shift struct {
	Who   string `yaml:"who"`   // mail
	From  string `yaml:"from"`  // empty: since ever
	Until string `yaml:"until"` // exclusive; empty: for good
}

// StandbyPlan says where to ask who is on standby for one role. Exactly one of
// the fields is set.
type StandbyPlan struct {
	Schedule string     // id of a PagerDuty schedule
	Policy   string     // id of a PagerDuty escalation policy
	Rota     []RotaTurn // by From
	URL      string     // of the company's own standby tool
}

// RotaTurn is one turn of a rota that is kept by hand.
type RotaTurn struct {
	Mail        string
	Name        string    // as the catalog's people have it; may be empty
	PagerDutyID string    // likewise
	From        time.Time // zero: since ever
	Until       time.Time // exclusive; zero: for good
}

// Now reports whether it is this turn at the time t.
func (r RotaTurn) Now(t time.Time) bool {
	return !t.Before(r.From) && (r.Until.IsZero() || t.Before(r.Until))
}

func (c *Catalog) addStandby(file *File) {
	c.standby = make(map[string]Standby, len(file.Standby))
	for role, s := range file.Standby {
		c.standby[role] = s.folded()
	}
	for _, s := range c.sorted {
		if s.Standby != nil {
			c.standby[SquadRole+s.Key] = *s.Standby
		}
	}
	c.plans = make(map[string]StandbyPlan, len(c.standby))
	for role, s := range c.standby {
		c.plans[role] = c.plan(s)
	}
}

func (c *Catalog) plan(s Standby) StandbyPlan {
	p := StandbyPlan{Schedule: s.Schedule, Policy: s.Policy, URL: s.URL}
	for _, t := range s.Rota {
		turn := RotaTurn{Mail: t.Who}
		turn.From, _ = moment(t.From, c.settings.Zone) // both are checked, or empty
		turn.Until, _ = moment(t.Until, c.settings.Zone)
		if known, ok := c.PersonByMail(t.Who); ok {
			turn.Name, turn.PagerDutyID = known.Name, known.PagerDutyID
		}
		p.Rota = append(p.Rota, turn)
	}
	slices.SortStableFunc(p.Rota, func(a, b RotaTurn) int { return a.From.Compare(b.From) })
	return p
}

// Roles returns the names of all standby roles, sorted: those of the file, and
// "squad:<key>" for each squad with a standby of its own.
func (c *Catalog) Roles() []string { return slices.Sorted(maps.Keys(c.standby)) }

// Standby says who is on call for a role, as the file has it.
func (c *Catalog) Standby(role string) (Standby, bool) {
	s, ok := c.standby[role]
	return s, ok
}

// StandbyPlans returns where to ask for each role of Roles.
func (c *Catalog) StandbyPlans() map[string]StandbyPlan { return c.plans }

// StandbyRoles returns the roles that a service's trouble may need: those that
// it lists, in its order, and then "squad:<key>" if its squad has a standby of
// its own. The service is found by key, name, alias or "pd:<id>". A service that
// lists none needs those that the notice table pages for the level; that is for
// the caller to add.
func (c *Catalog) StandbyRoles(service string) []string {
	s, ok := c.ServiceByKey(c.Service(service, "").Key)
	if !ok {
		return nil
	}
	out := slices.Clone(s.Standby)
	if role := SquadRole + s.Squad; s.Squad != "" {
		if _, ok := c.standby[role]; ok {
			out = append(out, role)
		}
	}
	return out
}

// BridgeURL returns where people talk about a service's trouble: its standing
// call, else that of its squad, else "". The service is found as by StandbyRoles.
func (c *Catalog) BridgeURL(service string) string {
	s, ok := c.ServiceByKey(c.Service(service, "").Key)
	if !ok {
		return ""
	}
	squad, _ := c.SquadByKey(s.Squad)
	return first(s.BridgeURL, squad.BridgeURL)
}

// JiraProject returns the key of the Jira project of a squad, or "".
func (c *Catalog) JiraProject(squad string) string {
	s, _ := c.SquadByKey(squad)
	return s.JiraProject
}

// Identity finds a person by an id of PagerDuty, else by mail. Either may be "".
func (c *Catalog) Identity(mail, pagerDutyID string) (Person, bool) {
	if pagerDutyID != "" {
		if p, ok := c.PersonByID("pd:" + pagerDutyID); ok {
			return p, true
		}
	}
	if mail == "" {
		return Person{}, false
	}
	return c.PersonByMail(mail)
}

func (s Standby) folded() Standby {
	s.Rota = slices.Clone(s.Rota)
	for i := range s.Rota {
		s.Rota[i].Who = fold(s.Rota[i].Who)
	}
	return s
}

// checkBridge returns what is wrong with the address of a call.
func checkBridge(s string) error {
	if err := CheckLink(s); err != nil {
		return err
	}
	if !strings.HasPrefix(strings.ToLower(s), "https://") {
		return errors.New("is not https; write the address of the call as the browser has it, as in https://teams.microsoft.com/l/meetup-join/…")
	}
	return nil
}

// checkSource returns what is wrong with the address of a standby tool: a token
// goes there, so it is https except for this machine.
func checkSource(s string) error {
	if err := CheckLink(s); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil {
		return err
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	if u.Scheme != "https" && !ip.IsLoopback() && u.Hostname() != "localhost" {
		return errors.New("is not https; a standby tool is asked by https only (http is for this machine)")
	}
	return nil
}

// momentLayouts are how a shift's times can be written.
var momentLayouts = []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02"}

func moment(s string, zone *time.Location) (time.Time, error) {
	for _, l := range momentLayouts {
		if t, err := time.ParseInLocation(l, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("is not a time; write it as in 2026-01-31 09:00")
}

func checkMoment(s string) error { _, err := moment(s, time.UTC); return err }

func before(a, b string) bool {
	x, errX := moment(a, time.UTC)
	y, errY := moment(b, time.UTC)
	return errX == nil && errY == nil && x.Before(y)
}
