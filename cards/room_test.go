package cards

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/query"
)

const roomChat = "19:room@thread.v2"

// withRoom is an incident with a war room in some state.
func withRoom(t testing.TB, change func(*incident.Room)) *query.View {
	w := newWorld(t).trigger("Checkout is down").do(incident.Ack, ani, incident.Args{})
	w.inc.Room = &incident.Room{
		State: incident.RoomOpen, Chat: roomChat, URL: "https://teams.microsoft.com/l/chat/19%3Aroom/0", Topic: "x", Ready: true, Call: true, Chats: 1,
		Meeting: "https://meet.example.com/checkout", OpenAt: w.now,
		People: []incident.RoomPerson{
			{Person: ani, Part: incident.PartOwner, State: incident.PersonIn},
			{Person: budi, Part: "dba", State: incident.PersonIn, Until: t0.Add(8 * time.Hour)},
			{Part: "squad:payments", State: incident.PersonMissing, Reason: "nobody is on standby"},
			{Person: incident.Actor{Kind: incident.KindUser, ID: "dewi@example.com"}, Part: incident.PartStakeholder, State: incident.PersonMissing, Reason: "not *found* in Entra"},
			{Person: incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}, Part: incident.PartStakeholder, State: incident.PersonInvited},
		},
	}
	if change != nil {
		change(w.inc.Room)
	}
	return w.view()
}

func roomSample(name string, chat string, change func(*incident.Room)) sample {
	return sample{"room-" + name, nil, func(t testing.TB, o Options) Card {
		o.Chat = chat
		return Incident(withRoom(t, change), o)
	}}
}

func saySample(reason string, lead func(*world)) sample {
	return sample{"room-say-" + reason, nil, func(t testing.TB, o Options) Card {
		w := newWorld(t).trigger("Checkout is down").do(incident.Ack, ani, incident.Args{})
		lead(w)
		v := w.view()
		v.Timeline = w.log
		p, ok := Say(v, incident.SayData{Reason: reason, N: w.log[len(w.log)-1].N}, o)
		if !ok || p.Summary == "" {
			t.Fatalf("nothing is said of %s", reason)
		}
		return p.Card
	}}
}

func init() {
	state := func(s, reason string) func(*incident.Room) {
		return func(r *incident.Room) { r.State, r.Reason, r.People = s, reason, nil }
	}
	samples = append(samples,
		roomSample("open", "", nil),
		roomSample("here", roomChat, nil),
		roomSample("extra", "", func(r *incident.Room) { r.Chats, r.People = 3, nil }),
		roomSample("shared", "", func(r *incident.Room) { r.State, r.With, r.Chat, r.People = incident.RoomShared, 41, "", nil }),
		roomSample("shared-people", "", func(r *incident.Room) { r.State, r.With, r.Chat = incident.RoomShared, 41, "" }),
		roomSample("shared-soon", "", func(r *incident.Room) { *r = incident.Room{State: incident.RoomShared, With: 41} }),
		sample{"room-held", nil, func(t testing.TB, o Options) Card {
			v := withRoom(t, func(r *incident.Room) { *r = incident.Room{State: incident.RoomAsked} })
			v.Incident.RoomAfter = v.Incident.UpdatedAt.Add(30 * time.Second)
			return Incident(v, o)
		}},
		sample{"room-stranger", []string{Personal}, func(t testing.TB, o Options) Card {
			v := withRoom(t, func(r *incident.Room) { r.Private = true })
			v.Incident.Private, v.Incident.Members = true, []incident.Actor{ani}
			return Incident(v, o)
		}},
		sample{"room-paged", nil, func(t testing.TB, o Options) Card {
			o.Chat = roomChat
			v := withRoom(t, func(r *incident.Room) { r.People[0].State = incident.PersonLeft })
			v.Incident.Commander, v.Incident.Scribe = ani, budi
			eko := incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}
			for i, p := range []incident.Paged{
				{Person: ani, Role: "dba", State: incident.PageSilent},
				{Person: budi, Role: "dba", State: incident.PageSent},
				{Person: eko, Role: "squad:payments", State: incident.PageAnswered},
				{Person: eko, State: incident.PageDeclined},
				{Person: eko, Role: "devops", State: incident.PageWaiting},
				{Role: "network", State: incident.PageFailed, Detail: "no_token"},
			} {
				p.At = t0.Add(time.Duration(i) * time.Minute)
				v.Incident.Pages = append(v.Incident.Pages, p)
			}
			return Incident(v, o)
		}},
		saySample(incident.SayCommander, func(w *world) { w.do(incident.Assign, ani, incident.Args{Person: &budi}) }),
		roomSample("opening", "", func(r *incident.Room) { *r = incident.Room{State: incident.RoomOpening} }),
		roomSample("late", "", state(incident.RoomOpening, "Teams does not answer")),
		roomSample("thread", "", func(r *incident.Room) { *r = incident.Room{State: incident.RoomThread, Reason: "rooms are <b>off</b>"} }),
		saySample(incident.SayResolved, func(w *world) { w.do(incident.Resolve, ani, incident.Args{Text: "Rolled *back* 2.3"}) }),
		saySample(incident.SayReopened, func(w *world) {
			w.do(incident.Resolve, ani, incident.Args{}).do(incident.Reopen, budi, incident.Args{Reason: "it is back"})
		}),
		saySample(incident.SayClosed, func(w *world) { w.do(incident.Resolve, ani, incident.Args{}).rca(true) }),
		saySample(incident.SayNudge, func(*world) {}),
	)
}

func TestTopic(t *testing.T) {
	long := strings.Repeat("very ", 80) + "long"
	for _, tt := range []struct {
		name, lang string
		change     func(*incident.Incident)
		want       string
	}{
		{"open", "en", func(*incident.Incident) {}, "INC-42 Checkout · DOWN · open"},
		{"in Indonesian", "id", func(i *incident.Incident) { i.Status = incident.Resolved }, "INC-42 Checkout · MATI · pulih"},
		{"named", "en", func(i *incident.Incident) { i.Room.Name = "payments: fire\n{{DATE(x)}}" }, "INC-42 payments- fire { {DATE(x)}} · open"},
		{"private", "en", func(i *incident.Incident) { i.Private, i.Room.Name = true, "secret" }, "INC-42"},
	} {
		v := withRoom(t, nil)
		tt.change(v.Incident)
		if got := Topic(v, tt.lang); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	v := withRoom(t, nil)
	v.Service.Name, v.Incident.ServiceName, v.Incident.Service, v.Incident.Title = "", "", "", long
	if got := Topic(v, "en"); len([]rune(got)) > 250 || !strings.HasSuffix(got, "… · DOWN · open") {
		t.Errorf("%q", got)
	}
}

// TestSayOver: what has become otherwise since is not said.
func TestSayOver(t *testing.T) {
	v := withRoom(t, nil)
	for _, reason := range []string{incident.SayResolved, incident.SayClosed, incident.SayUpdate, "dance"} {
		if _, ok := Say(v, incident.SayData{Reason: reason, N: 9999}, Options{}); ok {
			t.Errorf("%s is said of an open incident", reason)
		}
	}
	v = resolved(t).view()
	for _, reason := range []string{incident.SayReopened, incident.SayNudge} {
		if _, ok := Say(v, incident.SayData{Reason: reason}, Options{}); ok {
			t.Errorf("%s is said of one that is over", reason)
		}
	}
}

// TestSayElsewhere: in another incident's room it is said shortly which one this
// is and what has become of it.
func TestSayElsewhere(t *testing.T) {
	shared := &incident.Room{State: incident.RoomShared, With: 41}
	over := newWorld(t).trigger("Checkout *is* down").do(incident.Resolve, ani, incident.Args{Text: "rolled back"})
	for reason, w := range map[string]*world{
		incident.SayResolved: over,
		incident.SayClosed:   newWorld(t).trigger("Checkout *is* down").do(incident.Resolve, ani, incident.Args{}).rca(true),
		incident.SayReopened: newWorld(t).trigger("Checkout *is* down").do(incident.Resolve, ani, incident.Args{}).do(incident.Reopen, budi, incident.Args{}),
	} {
		v := w.view()
		v.Timeline, v.Incident.Room = w.log, shared
		p, ok := Say(v, incident.SayData{Reason: reason}, Options{Chat: roomChat})
		body, err := json.Marshal(p.Card)
		if err != nil || !ok || !strings.HasPrefix(p.Summary, "INC-42 ") {
			t.Fatalf("%s: %v, %q, %v", reason, ok, p.Summary, err)
		}
		if s := string(body); len(p.Card.Body) > 3 || strings.Contains(s, "ActionSet") || !strings.Contains(s, `Checkout \\*is\\* down`) || strings.Contains(s, "rolled back") != (reason == incident.SayResolved) {
			t.Errorf("%s: %s", reason, s)
		}
	}
}

// TestSayPrivate: phones preview the summary, so it says the id only.
func TestSayPrivate(t *testing.T) {
	v := withRoom(t, nil)
	v.Incident.Private = true
	p, ok := Say(v, incident.SayData{Reason: incident.SayReopened}, Options{Place: GroupChat})
	if !ok || p.Summary != "INC-42 (private)" {
		t.Errorf("the summary is %q", p.Summary)
	}
}
