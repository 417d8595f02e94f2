package query

import (
	"context"
	"strings"

	"imbot/incident"
)

// maxNames bounds how many people of one view are looked up by their names;
// whoever comes after that is shown by the address.
const maxNames = 50

// Named gives somebody the name that is known of them, where only an address was
// told: the catalog's, else what they are called where people are met, see Name.
func (r *Reader) Named(ctx context.Context, who incident.Actor) incident.Actor {
	if who.Kind != incident.KindUser || who.ID == "" || who.Name != "" {
		return who
	}
	if p := r.Catalog().Person(who); p.Name != "" {
		who.Name = p.Name
	} else if r.Name != nil {
		who.Name = r.Name(ctx, p.ID)
	}
	return who
}

// NameArgs names the people whom a command is about, so that the timeline says
// who they are.
func (r *Reader) NameArgs(ctx context.Context, args *incident.Args) {
	one := func(p *incident.Actor) *incident.Actor {
		if p == nil {
			return nil
		}
		named := r.Named(ctx, *p)
		return &named
	}
	args.Person = one(args.Person)
	for i := range args.People {
		args.People[i] = *one(&args.People[i])
	}
	if a := args.Action; a != nil {
		a.Owner = one(a.Owner)
	}
}

// name names the people of a view. What imbot reads for itself stays as it is
// stored, for it may come back in a command; only who stands in the catalog is
// named there.
func (r *Reader) name(ctx context.Context, viewer Viewer, v *View) {
	known, asked := map[string]string{}, 0
	all := peopleOf(v)
	for _, p := range all {
		if p.Name != "" {
			known[p.ID] = p.Name
		}
	}
	give := func(p *incident.Actor) {
		if p.Kind != incident.KindUser || p.ID == "" || p.Name != "" {
			return
		}
		name, found := known[p.ID]
		if !found && asked < maxNames {
			asked++
			name = r.Named(ctx, *p).Name
			known[p.ID] = name
		}
		p.Name = name
	}
	give(&v.Owner)
	give(&v.Lead)
	if viewer.Actor.Kind == incident.KindSystem {
		return
	}
	for _, p := range all {
		give(p)
	}
	for i := range v.Timeline {
		nameIn(v.Timeline[i].Data, give)
	}
}

// nameIn names the people whom a timeline entry tells of by their addresses.
func nameIn(data map[string]string, give func(*incident.Actor)) {
	for _, key := range []string{"person", "people", "owner", "from", "to", "by"} {
		if !strings.Contains(data[key], "@") {
			continue
		}
		list := strings.Split(data[key], ", ")
		for i, id := range list {
			if who := (incident.Actor{Kind: incident.KindUser, ID: id}); strings.Contains(id, "@") && !strings.Contains(id, " ") {
				give(&who)
				list[i] = who.Label()
			}
		}
		data[key] = strings.Join(list, ", ")
	}
}

// peopleOf are all who have a part in an incident, each as often as they have one.
func peopleOf(v *View) []*incident.Actor {
	inc := v.Incident
	out := []*incident.Actor{
		&inc.Commander, &inc.Scribe, &inc.DeclaredBy, &inc.LevelBy, &inc.AcknowledgedBy, &inc.ResolvedBy, &inc.Postmortem.By,
	}
	for _, list := range [][]incident.Actor{inc.Responders, inc.Members, inc.Subscribers} {
		for i := range list {
			out = append(out, &list[i])
		}
	}
	for i := range inc.Actions {
		out = append(out, &inc.Actions[i].Owner, &inc.Actions[i].By, &inc.Actions[i].DoneBy)
	}
	for i := range inc.Postmortem.Revisions {
		out = append(out, &inc.Postmortem.Revisions[i].By)
	}
	for i := range inc.Causes {
		out = append(out, &inc.Causes[i].By)
	}
	if inc.Room != nil {
		for i := range inc.Room.People {
			out = append(out, &inc.Room.People[i].Person)
		}
	}
	for i := range inc.Pages {
		out = append(out, &inc.Pages[i].Person, &inc.Pages[i].By)
	}
	if inc.Link != nil {
		out = append(out, &inc.Link.By)
	}
	if inc.Update != nil {
		out = append(out, &inc.Update.By)
	}
	for i := range v.Timeline {
		out = append(out, &v.Timeline[i].Actor)
	}
	return out
}
