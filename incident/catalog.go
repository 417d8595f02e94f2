package incident

// ServiceInfo is what the catalog knows about a service.
type ServiceInfo struct {
	Key          string   // catalog key; "pd:PABC123" for a service that only the pager knows; "" where nothing is known
	Name         string   // for people
	Squad        string   // key of the squad; may be empty
	Owner        string   // person's id (mail); may be empty
	Tier         int      // 1 is the most important; 0: not said
	Stakeholders []string // mails
	Standby      []string // roles that are on standby for it, such as "dba"
	Links        []LinkURL
	Known        bool // it is in the catalog
}

// SquadInfo is what the catalog knows about a squad.
type SquadInfo struct {
	Key     string
	Name    string
	Lead    string   // person's id (mail); may be empty
	Members []string // persons' ids (mails)
	Mail    string   // address of the squad, mostly a list; may be empty
	Bridge  string   // link of its standing call; may be empty
	OnCall  bool     // somebody is on standby for it: it can be asked who
	Known   bool
}

// Modes of a squad's roll-out.
const (
	ModeLive   = "live"
	ModeShadow = "shadow" // decides everything, posts only to the review channel
	ModeMuted  = "muted"  // records only
)

// Route says where the notices of a squad go.
type Route struct {
	Channel   string // conversation id; "" where there is none
	Default   bool   // Channel is the company's default for want of a squad's
	Broadcast string // conversation id; "" where there is none
	Review    string // conversation id of the review channel, for mode shadow
	Mode      string // ModeLive, ModeShadow or ModeMuted
}

// Catalog is an immutable snapshot of what the configuration says about
// services, squads, people and levels. All methods are pure look-ups, safe for
// concurrent use, and quick enough for a transaction.
type Catalog interface {
	// Service finds a service by the pager's id, else by key, name or alias (any
	// case). The zero ServiceInfo, with Known false, means that none matches.
	Service(name, vendorID string) ServiceInfo
	// Squad returns the squad of this key; Known is false where there is none.
	Squad(key string) SquadInfo
	// Person returns the one identity of a person who may be known by mail,
	// "aad:<oid>" or "pd:<id>". Unknown people come back as they are.
	Person(a Actor) Actor
	Levels() Levels
	// Match applies the rules for levels.
	Match(a *Alert, service ServiceInfo) Verdict
	// Notice is the row of the notice table for a level, with the squad's own
	// differences applied.
	Notice(squad, level string) Notice
	// Route says where the squad's notices go, bindings made in chat included.
	Route(squad string) Route
}

// Notice says who is told, and how, of incidents of one level. Nobody is woken
// by a chat: paging stays with the pager.
type Notice struct {
	Card      bool     `json:"card" yaml:"card"`           // a card in the squad's channel
	Broadcast bool     `json:"broadcast" yaml:"broadcast"` // and in the company's broadcast channel
	Mail      []string `json:"mail" yaml:"mail"`           // of owner|squad|stakeholders
	Direct    []string `json:"direct" yaml:"direct"`       // a 1:1 card for each of owner|lead
	Room      bool     `json:"room" yaml:"room"`           // a war room
	Page      []string `json:"page" yaml:"page"`           // standby roles to wake where the service names none; empty, but not nil: nobody is woken
	Mention   []string `json:"mention" yaml:"mention"`     // of oncall|owner|lead
}

// DefaultNotices is the notice table of a company that configures none, by
// level: the room level tells most, the other levels that owe an RCA mention
// the people on call, the rest make one silent card.
func DefaultNotices(levels Levels) map[string]Notice {
	out := make(map[string]Notice, len(levels))
	for _, l := range levels {
		n := Notice{Card: true}
		if l.Postmortem {
			n.Mention = []string{"oncall"}
			n.Mail = []string{"owner", "squad"}
		}
		if l.Room {
			n.Broadcast, n.Room = true, true
			n.Mail = []string{"owner", "squad", "stakeholders"}
			n.Page = []string{"dba", "devops"}
		}
		out[l.Key] = n
	}
	return out
}
