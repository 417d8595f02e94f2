package resource

import (
	"time"

	"imbot/incident"
)

// Room is the war room of an incident.
type Room struct {
	State   string   `json:"state"`
	With    *string  `json:"with"`   // the incident whose room serves
	Reason  string   `json:"reason"` // why there is none, or why it takes so long
	URL     string   `json:"url"`
	Meeting string   `json:"meeting"`
	People  []Person `json:"people"`
}

// Person is somebody who belongs into a room, or a role whose holder does.
type Person struct {
	Person *Actor `json:"person"` // null for a role that nobody was found for
	Part   string `json:"part"`
	State  string `json:"state"`
	Reason string `json:"reason"`
}

func roomOf(r *incident.Room) *Room {
	if r == nil {
		return nil
	}
	d := &Room{State: r.State, With: idOrNull(r.With), Reason: r.Reason, URL: r.URL, Meeting: r.Meeting, People: []Person{}}
	for _, p := range r.People {
		d.People = append(d.People, Person{Person: ActorOf(p.Person), Part: p.Part, State: p.State, Reason: p.Reason})
	}
	return d
}

// Paged is somebody who was woken, or is about to be.
type Paged struct {
	Person *Actor    `json:"person"` // null where nobody was found for the role
	Roles  []string  `json:"roles"`  // empty: somebody named them
	State  string    `json:"state"`
	Detail string    `json:"detail"` // why they were not
	At     time.Time `json:"at"`     // of the state
}

func pagedOf(pages []incident.Paged) []Paged {
	out := []Paged{}
	for _, p := range pages {
		out = append(out, Paged{Person: ActorOf(p.Person), Roles: append([]string{}, p.Roles()...), State: p.State, Detail: p.Detail, At: p.At.UTC()})
	}
	return out
}

// StatusUpdate is the newest that people were told about how it stands.
type StatusUpdate struct {
	Customers string     `json:"customers"`
	Doing     string     `json:"doing"`
	Next      *time.Time `json:"next_update"`
	By        Actor      `json:"by"`
	At        time.Time  `json:"at"`
}

func updateOf(u *incident.StatusUpdate) *StatusUpdate {
	if u == nil {
		return nil
	}
	return &StatusUpdate{Customers: u.Customers, Doing: u.Doing, Next: Moment(u.Next), By: Whoever(u.By), At: u.At.UTC()}
}
