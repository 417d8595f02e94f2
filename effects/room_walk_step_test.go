package effects_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"imbot/incident"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// town lists all incidents, as they are now.
func (w *walk) town() []*incident.Incident {
	var out []*incident.Incident
	must(w.t, w.store.View(w.t.Context(), func(tx incident.Tx) error {
		for id := incident.ID(1); ; id++ {
			inc, err := tx.Incident(id)
			if errors.Is(err, incident.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			out = append(out, inc.Clone())
		}
	}))
	return out
}

// order carries out a command, which may be refused with reason.
func (w *walk) order(cmd incident.Command) *incident.Incident {
	if cmd.Actor.IsZero() {
		cmd.Actor, cmd.Role = person, incident.RoleAdmin
	}
	w.advance(time.Second)
	inc, err := w.svc.Do(w.t.Context(), cmd)
	var p *incident.Problem
	if err != nil && !errors.As(err, &p) {
		w.bad("order", "%s: %v", cmd.Verb, err)
	}
	for _, inc := range w.town() {
		switch _, known := w.private[inc.ID]; {
		case inc.Private && !known:
			w.private[inc.ID] = w.Now()
		case !inc.Private:
			delete(w.private, inc.ID)
		}
	}
	return inc
}

func who(n int) *incident.Actor {
	return &incident.Actor{Kind: incident.KindUser, ID: walkPeople[n%len(walkPeople)]}
}

// take takes one step.
func (w *walk) take(i int, s stride) {
	town := w.town()
	if len(town) == 0 && s.op != "trigger" && s.op != "declare" {
		return
	}
	var inc *incident.Incident
	if len(town) > 0 {
		inc = town[s.a%len(town)]
	}
	switch s.op {
	case "trigger", "declare":
		if len(town) < 5 {
			w.begin(i, s)
		}
	case "pager":
		w.pagerSays(inc, []incident.Verb{incident.Ack, incident.Resolve, incident.Trigger}[s.b%3])
	case "life":
		cmd := incident.Command{Verb: []incident.Verb{incident.Ack, incident.Resolve, incident.Reopen, incident.Close}[s.b%4], Incident: inc.ID}
		if cmd.Verb == incident.Close {
			cmd.Args.Waive = "a drill"
		}
		cmd.Actor, cmd.Role = *who(s.c), incident.RoleAdmin
		w.order(cmd)
	case "level":
		w.order(incident.Command{Verb: incident.SetLevel, Incident: inc.ID, Args: incident.Args{Level: walkLevels[s.b%3]}})
	case "hide":
		w.order(incident.Command{Verb: incident.SetLevel, Incident: inc.ID, Args: incident.Args{Level: "secret"}})
	case "room", "person":
		w.roomWord(inc, s)
	case "link":
		args := incident.Args{Parent: town[s.b%len(town)].ID, LinkKind: []string{incident.LinkCascade, incident.LinkDuplicate}[s.c%2]}
		w.order(incident.Command{Verb: []incident.Verb{incident.SetLink, incident.SetLink, incident.Unlink, incident.Undo}[s.c%4], Incident: inc.ID, Args: args})
	case "assign":
		w.order(incident.Command{Verb: incident.Assign, Incident: inc.ID, Args: incident.Args{Person: who(s.b), Role: []string{"commander", "scribe"}[s.c%2]}})
	case "page":
		args := incident.Args{Person: who(s.b)}
		w.asked(inc, args.Person.ID)
		if s.c%2 == 0 {
			args = incident.Args{Role: []string{"dba", "squad:payments", "nobody"}[s.b%3]}
			w.asked(inc, "")
		}
		w.order(incident.Command{Verb: incident.Page, Incident: inc.ID, Args: args})
	case "answer":
		w.order(incident.Command{
			Verb: incident.PageStep, Incident: inc.ID, Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty}, Source: incident.SourcePagerDuty,
			Args: incident.Args{Page: &incident.PageChange{Step: []string{incident.PageReply, incident.PageNo}[s.c%2], Who: *who(s.b)}},
		})
	case "member":
		w.order(incident.Command{Verb: incident.Member, Incident: inc.ID, Args: incident.Args{Person: who(s.b), Remove: s.c%3 == 0}})
	case "public":
		w.order(incident.Command{Verb: incident.Publicise, Incident: inc.ID, Args: incident.Args{Reason: "it is known"}})
	case "leave", "come":
		w.comeOrGo(inc, s)
	case "update":
		w.order(incident.Command{Verb: incident.Report, Incident: inc.ID, Args: incident.Args{Text: fmt.Sprintf("draining %d", i)}})
	case "remind":
		ops := []string{incident.RemindWorking, incident.RemindMitigated, incident.RemindHelp, incident.RemindSnooze, incident.RemindStop, incident.RemindStart}
		args := incident.Args{Op: ops[s.b%len(ops)], Person: who(s.c)}
		if args.Op == incident.RemindHelp {
			w.asked(inc, args.Person.ID)
		}
		w.order(incident.Command{Verb: incident.Remind, Incident: inc.ID, Args: args})
	case "pass":
		w.pass(walkTimes[s.b%len(walkTimes)])
	case "fault":
		w.fault(s)
	case "restart": // in the middle of what is due, or between
		left := s.b % 12
		w.die = func(step string, before bool) bool {
			if step == "" || before != (s.c%2 == 0) {
				return false
			}
			left--
			return left < 0
		}
		w.pass(walkTimes[s.a%4])
		w.restart()
	}
}

// begin makes an incident, by the pager or a person. Each has a word of its own.
func (w *walk) begin(i int, s stride) {
	service := walkServices[s.b%len(walkServices)]
	title := fmt.Sprintf("%s %s zq%dx", service, []string{"is down", "is down", "is down", "error rate", "odd"}[s.c%5], i)
	if s.op == "declare" {
		w.order(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: title, Service: service, Private: s.a%5 == 0, Level: walkLevels[s.c%len(walkLevels)]}})
		return
	}
	st := w.pd.Trigger(pagerdutysim.Spec{Title: title, Service: fmt.Sprintf("PSVC0%d", s.b%len(walkServices)+1), Assignee: "PBUDI"})
	if inc := w.order(w.told(st.ID, incident.Trigger)); inc != nil {
		w.alerts[inc.ID] = st.ID
	}
}

// told is what the pager's webhook says.
func (w *walk) told(alert string, verb incident.Verb) incident.Command {
	st, err := w.pd.State(alert)
	must(w.t, err)
	return incident.Command{
		Verb: verb, Source: incident.SourcePagerDuty, Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty}, At: w.Now().Add(time.Second),
		Ref: &incident.Ref{System: "pagerduty", Role: incident.RoleAlert, ID: st.ID},
		Args: incident.Args{Alert: &incident.Alert{
			Title: st.Title, ServiceID: st.Service, CreatedAt: st.CreatedAt, Urgency: "high", Assignees: []incident.Actor{{Kind: incident.KindUser, ID: "pd:PBUDI", Name: "Budi"}},
		}},
	}
}

func (w *walk) pagerSays(inc *incident.Incident, verb incident.Verb) {
	alert := w.alerts[inc.ID]
	if alert == "" {
		return
	}
	switch verb {
	case incident.Ack:
		_ = w.pd.Acknowledge(alert, "PBUDI")
	case incident.Resolve:
		_ = w.pd.Resolve(alert, "PBUDI")
	default:
		_ = w.pd.Reopen(alert, "PBUDI")
	}
	w.order(w.told(alert, verb))
}

// roomWord is a person's word about a room.
func (w *walk) roomWord(inc *incident.Incident, s stride) {
	args := incident.Args{Op: []string{incident.RoomOpOpen, incident.RoomOpSplit, incident.RoomOpRename, incident.RoomOpOpen}[s.b%4], Name: fmt.Sprintf("the fire %d", s.c)}
	by := person
	if s.op == "person" {
		args = incident.Args{Op: []string{incident.RoomOpAdd, incident.RoomOpJoin}[s.b%2], Person: who(s.c)}
		if args.Op == incident.RoomOpJoin {
			by, args.Person = *who(s.c), nil
		}
		if r := w.host(inc).Room; r != nil {
			if in, _ := r.In(*who(s.c)); in {
				return // they are there
			}
		}
		w.asked(inc, walkPeople[s.c%len(walkPeople)])
	}
	w.order(incident.Command{Verb: incident.OpenRoom, Incident: inc.ID, Args: args, Actor: by, Role: incident.RoleAdmin})
}

// room of an incident, or of the one whose room it uses.
func (w *walk) host(inc *incident.Incident) *incident.Incident {
	if inc.Room != nil && inc.Room.State == incident.RoomShared {
		return w.view(inc.Room.With).Incident
	}
	return inc
}

// asked notes that somebody wants a person back, or whoever there is.
func (w *walk) asked(inc *incident.Incident, mail string) {
	for key := range w.left {
		if _, object, _ := cutKey(key); mail == "" || w.mail(object) == mail {
			delete(w.left, key)
		}
	}
}

// comeOrGo has somebody leave a chat, or brought into it, in Teams.
func (w *walk) comeOrGo(inc *incident.Incident, s stride) {
	host := w.host(inc)
	if host.Room == nil || host.Room.Chat == "" {
		return
	}
	chat, _ := w.graph.Chat(host.Room.Chat)
	change := incident.RoomChange{Step: incident.RoomCame}
	if s.op == "leave" {
		if len(chat.Members) < 2 {
			return
		}
		object := chat.Members[s.b%len(chat.Members)].UserID
		w.graph.Leave(chat.ID, object)
		after, _ := w.graph.Chat(chat.ID)
		w.mirror(after)
		if in, _ := host.Room.In(incident.Actor{Kind: incident.KindUser, ID: w.mail(object)}); in { // else somebody is asking for them right now
			w.left[chat.ID+" "+object] = true
		}
		change.Step, change.People = incident.RoomLeft, []incident.RoomPerson{{Person: incident.Actor{Kind: incident.KindUser, ID: w.mail(object)}}}
	} else {
		p := *who(s.b % 5) // all but Gita, who has left the company
		object := w.objects[p.ID]
		if slices.ContainsFunc(chat.Members, member(object)) {
			return
		}
		w.left[chat.ID+" "+object] = false
		_, _ = w.fx.Chats.(watched).chats.AddMembers(w.t.Context(), chat.ID, []graphrest.Member{{UserID: object}})
		if after, _ := w.graph.Chat(chat.ID); !slices.ContainsFunc(after.Members, member(object)) {
			return
		}
		change.People = []incident.RoomPerson{{Person: p}}
	}
	w.order(incident.Command{Verb: incident.RoomStep, Incident: host.ID, Actor: incident.System, Source: incident.SourceTeams, Args: incident.Args{Room: &change}})
}
