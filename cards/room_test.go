package cards

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/internal/example"
	"imbot/query"
)

const roomChat = "19:room@thread.v2"

// withRoom is an incident with a war room in some state.
func withRoom(t testing.TB, change func(*incident.Room)) *query.View {
	w := example.New(t).Trigger("Checkout is down").Do(incident.Ack, ani, incident.Args{})
	w.Inc.Room = &incident.Room{
		State: incident.RoomOpen, Chat: roomChat, URL: "https://teams.microsoft.com/l/chat/19%3Aroom/0", Topic: "x", Ready: true, Call: true, Chats: 1,
		Meeting: "https://meet.example.com/checkout", OpenAt: w.Now,
		People: []incident.RoomPerson{
			{Person: ani, Part: incident.PartOwner, State: incident.PersonIn},
			{Person: budi, Part: "dba", State: incident.PersonIn, Until: t0.Add(8 * time.Hour)},
			{Part: "squad:payments", State: incident.PersonMissing, Reason: "nobody is on standby"},
			{Person: incident.Actor{Kind: incident.KindUser, ID: "dewi@example.com"}, Part: incident.PartStakeholder, State: incident.PersonMissing, Reason: "not *found* in Entra"},
			{Person: incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}, Part: incident.PartStakeholder, State: incident.PersonInvited},
		},
	}
	if change != nil {
		change(w.Inc.Room)
	}
	return w.View()
}

func roomSample(name string, chat string, change func(*incident.Room)) sample {
	return sample{"room-" + name, nil, func(t testing.TB, o Options) Card {
		o.Chat = chat
		return Incident(withRoom(t, change), o)
	}}
}

func saySample(reason string, lead func(*example.World)) sample {
	return sample{"room-say-" + reason, nil, func(t testing.TB, o Options) Card {
		w := example.New(t).Trigger("Checkout is down").Do(incident.Ack, ani, incident.Args{})
		lead(w)
		v := w.View()
		v.Timeline = w.Log
		p, ok := Say(v, incident.SayData{Reason: reason, N: w.Log[len(w.Log)-1].N}, o)
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
		roomSample("here-many", roomChat, func(r *incident.Room) {
			r.Sharers = []incident.ID{41}
			r.People = append(r.People, incident.RoomPerson{Person: incident.Actor{Kind: incident.KindUser, ID: "fitri@example.com", Name: "Fitri"}, Part: incident.PartOwner, Service: "Cart *[x](y)", State: incident.PersonIn},
				incident.RoomPerson{Person: incident.Actor{Kind: incident.KindUser, ID: "gita@example.com", Name: "Gita"}, Part: incident.PartCommander, Service: "Cart", State: incident.PersonIn})
		}),
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
				{Person: budi, Role: "dba", Also: []string{"squad:payments"}, State: incident.PageSent},
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
		saySample(incident.SayCommander, func(w *example.World) { w.Do(incident.Assign, ani, incident.Args{Person: &budi}) }),
		roomSample("opening", "", func(r *incident.Room) { *r = incident.Room{State: incident.RoomOpening} }),
		roomSample("late", "", state(incident.RoomOpening, "Teams does not answer")),
		roomSample("thread", "", func(r *incident.Room) { *r = incident.Room{State: incident.RoomThread, Reason: "rooms are <b>off</b>"} }),
		saySample(incident.SayResolved, func(w *example.World) { w.Do(incident.Resolve, ani, incident.Args{Text: "Rolled *back* 2.3"}) }),
		saySample(incident.SayReopened, func(w *example.World) {
			w.Do(incident.Resolve, ani, incident.Args{}).Do(incident.Reopen, budi, incident.Args{Reason: "it is back"})
		}),
		saySample(incident.SayClosed, func(w *example.World) { w.Do(incident.Resolve, ani, incident.Args{}).RCA(true) }),
		saySample(incident.SayNudge, func(*example.World) {}),
	)
}

// TestRoomLinks: the card in the room leads to runbook, call, RCA and to the card
// in the channel; that one does not lead to itself.
func TestRoomLinks(t *testing.T) {
	const card = "https://teams.microsoft.com/l/message/19:payments/1"
	for chat, want := range map[string]bool{roomChat: true, "19:payments": false} {
		v := withRoom(t, func(r *incident.Room) { r.Meeting = "https://meet.example.com/payments" })
		v.Links = []incident.LinkURL{{Title: "Runbook", URL: "https://wiki.example.com/checkout"}}
		v.Incident.Refs = append(v.Incident.Refs,
			incident.Ref{System: "teams", Role: incident.RoleCard, Target: roomChat, ID: roomChat + ";messageid=2", URL: "https://teams.microsoft.com/l/message/" + roomChat + "/2"},
			incident.Ref{System: "teams", Role: incident.RoleCard, Target: "19:payments", ID: "19:payments;messageid=1", URL: card})
		b, err := Incident(v, Options{Chat: chat}).JSON()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), card) != want || !strings.Contains(string(b), "https://meet.example.com/payments") || !strings.Contains(string(b), "https://wiki.example.com/checkout") || strings.Contains(string(b), "/rca)") != want {
			t.Errorf("in %s: %s", chat, b)
		}
	}
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
		{"named", "en", func(i *incident.Incident) { i.Room.Name = "payments: fire\n{{DATE(x)}}" }, "INC-42 payments- fire { {DATE(x)}} · DOWN · open"},
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
	v = resolved(t).View()
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
	over := example.New(t).Trigger("Checkout *is* down").Do(incident.Resolve, ani, incident.Args{Text: "rolled back"})
	for reason, w := range map[string]*example.World{
		incident.SayResolved: over,
		incident.SayClosed:   example.New(t).Trigger("Checkout *is* down").Do(incident.Resolve, ani, incident.Args{}).RCA(true),
		incident.SayReopened: example.New(t).Trigger("Checkout *is* down").Do(incident.Resolve, ani, incident.Args{}).Do(incident.Reopen, budi, incident.Args{}),
	} {
		v := w.View()
		v.Timeline, v.Incident.Room = w.Log, shared
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

// TestChannelCard: the room leads to the card in the squad's channel, even where
// the one in the broadcast channel was posted first.
func TestChannelCard(t *testing.T) {
	v := withRoom(t, nil)
	ref := func(target, address string) incident.Ref {
		return incident.Ref{System: "teams", Role: incident.RoleCard, ID: target + ";1", Target: target, URL: address}
	}
	v.Incident.Cards = []string{"19:squad", "19:broadcast", roomChat}
	v.Incident.Refs = []incident.Ref{ref("19:broadcast", "https://teams.example/broadcast"), ref(roomChat, "https://teams.example/room"), ref("19:squad", "https://teams.example/squad")}
	body, err := json.Marshal(Incident(v, Options{Chat: roomChat}))
	if err != nil || !strings.Contains(string(body), "[The card in the channel](https://teams.example/squad)") {
		t.Errorf("%v, %s", err, body)
	}
}

// TestListDuplicate: who has the first one has a duplicate, too: it is not said
// that nobody has it.
func TestListDuplicate(t *testing.T) {
	v := example.New(t).Trigger("Checkout is down").View()
	for link, want := range map[string]bool{incident.LinkDuplicate: false, incident.LinkCascade: true} {
		v.Incident.Link = &incident.Link{Kind: link, Parent: 41}
		body, err := json.Marshal(List(query.Page{Incidents: []*query.View{v}}, "", Options{}))
		if err != nil || strings.Contains(string(body), "nobody has it yet") != want {
			t.Errorf("%s: %v, %s", link, err, body)
		}
	}
}
