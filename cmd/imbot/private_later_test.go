package main

import (
	"testing"
	"time"

	"imbot/incident"
)

// TestPrivateLater: an incident that everybody knows of, with its card, room,
// tickets, page and mails, becomes private. What is said of it from then on is
// told to its members only, wherever it was told before.
func TestPrivateLater(t *testing.T) {
	c := newTappedOffice(t)
	budi := c.own("budi")
	c.says("budi", "declare checkout is down service:checkout level:service-down", "ack 1", "subscribe 1", "subscribe 1 citra@example.com", "assign 1 me", "action add 1 \"look at the logs\" owner:citra@example.com")
	c.say(c.ani, c.channel, "update 1 we look at it")
	c.trigger("Checkout is slow") // and the pager has one of its own
	c.settle(time.Hour)
	inc := c.incident(1)
	if inc.Private || inc.Room == nil || inc.Room.Chat == "" || inc.Room.Private {
		t.Fatalf("private %t, room %+v", inc.Private, inc.Room)
	}
	presses := c.presses(c.channel, budi, inc.Room.Chat)
	c.says("budi", "level 1 security it was an attack", "level 2 security so was this")
	c.settle(time.Hour)
	if inc = c.incident(1); !inc.Private || !c.incident(2).Private {
		t.Fatalf("INC-1 is private: %t, INC-2: %t", inc.Private, c.incident(2).Private)
	}
	members := members{conversations: []string{budi}, mails: []string{"budi@example.com"}}
	c.since()
	const word = "zeppelin"
	for _, id := range []string{"1", "2"} {
		c.says("budi", "note "+id+" "+word, "update "+id+" "+word+" is known customers:"+word, "action add "+id+" \"tell "+word+"\" owner:citra@example.com", "page "+id+" dba "+word, "room "+id,
			"time "+id+" detected 08:30 "+word, "resolve "+id+" "+word+" revoked", "reopen "+id+" "+word, "resolve "+id+" "+word+" revoked",
			"rca "+id+` summary:"`+word+`" impact:"`+word+`" root_cause:"`+word+`" resolution_steps:"`+word+`" category:security complete`)
	}
	c.settle(72 * time.Hour)
	if n := c.kept("once it is private", word, members); n < 2 {
		t.Errorf("the member was told %d times only: the test proves nothing", n)
	}
	for id := incident.ID(1); id <= 2; id++ { // who was told of both, and has presses of its old cards
		(&intruder{tappedOffice: c, phase: "once it is private", name: "citra", id: id, word: word}).tries(presses)
	}
	c.kept("others have tried", word, members)
}
