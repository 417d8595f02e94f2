package postmortem

import (
	"slices"

	"imbot/cards"
	"imbot/incident"
)

// unread are entries of the timeline that say nothing about the incident: they
// are about imbot's own work, or stand elsewhere in the document.
var unread = []incident.EventKind{
	incident.EvAttached, incident.EvPublished, incident.EvFailed, incident.EvRetried, incident.EvStale, incident.EvDetails,
	incident.EvRCASaved, incident.EvUpdate, incident.EvNudged, incident.EvReminder, incident.EvSubscribed, incident.EvUnsubscribed,
	incident.EvTicket, incident.EvTicketMoved, incident.EvTold, incident.EvRoomAsked, incident.EvRoomLate, incident.EvRoomJoined, incident.EvRoomNamed,
}

// Bounds of the timeline: the beginning of a long one, and its end.
const (
	maxFirst = 100
	maxLast  = 300
)

// timeline is what happened, oldest first.
func (w *writer) timeline() []Block {
	var events []incident.Event
	for _, e := range w.v.Timeline {
		if !slices.Contains(unread, e.Kind) {
			events = append(events, e)
		}
	}
	if len(events) == 0 {
		return nil
	}
	t := Table{Head: []string{w.t("doc.when"), w.t("doc.what")}}
	gap := 0
	if over := len(events) - maxFirst - maxLast; over > 0 {
		gap = over
		events = slices.Delete(slices.Clone(events), maxFirst, maxFirst+over)
	}
	for i, e := range events {
		if gap > 0 && i == maxFirst {
			t.Rows = append(t.Rows, []Cell{plain("…"), plain(w.say.N("doc.left_out", gap))})
		}
		t.Rows = append(t.Rows, []Cell{plain(w.when(e.At)), plain(line(cards.EventText(e, w.say.Lang(), w.Zone), incident.MaxText+maxLine))})
	}
	return []Block{t}
}
