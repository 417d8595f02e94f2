package incident

import "slices"

// An incident is one document, which each change writes anew: none of its lists
// may grow without end. What people add beyond a bound is refused, and they read
// what to do instead; what comes by itself is never refused, but merged, or only
// counted. The timeline is kept apart, an entry at a time, and has no bound.
//
// Lists that keep their newest entries have their bounds beside them: maxMarks,
// maxRevisions, maxFailing, MaxLabels.
const (
	// maxRoomPeople is how many people a Teams chat takes.
	// https://learn.microsoft.com/microsoftteams/limits-specifications-teams
	maxRoomPeople = 250
	// maxListed is how many belong into a room: more than it takes, for those who
	// can mend it are put first when they are known, and all may join by the button.
	maxListed = 2 * maxRoomPeople

	maxMembers     = maxRoomPeople  // of a private incident: all of them may come into its room
	maxCards       = 2 * maxMembers // places that carry a card; those of former members do
	maxSubscribers = 500
	maxActions     = 100
	maxCauses      = 50  // changes that were judged
	maxPages       = 100 // people who were woken
	maxApart       = 200 // incidents that people say it has nothing to do with

	maxChildren  = 500 // listed; beyond it they are only counted
	maxSharers   = 500 // of its room, listed; those beyond use it as well, and are not told what becomes of it
	maxIntervals = 256 // that were folded, listed; see Life.Earlier
)

// tooMany refuses one more in a list. The text gets the id and the bound, in this
// order; an edge knows what a command must begin with where it is shown.
func tooMany(id ID, key string, bound int, text string) *Problem {
	return conflict(key, text, id, bound).With("id", id.String()).With("n", bound).With("prefix", "")
}

// mayAdmit says why somebody can't become a member, besides those whom the rules
// make members.
func (inc *Incident) mayAdmit(who Actor) error {
	switch {
	case !inc.Private || slices.ContainsFunc(inc.Members, who.Is):
		return nil
	case len(inc.Members) >= maxMembers:
		return tooMany(inc.ID, "too_many_members", maxMembers, "%s has %d members, as many as a war room takes. Take somebody out first: member %[1]s remove ani@example.com")
	case len(inc.Cards) >= maxCards && !slices.Contains(inc.Cards, "user:"+who.ID):
		return tooMany(inc.ID, "too_many_former", maxCards, "%s has stood in %d places already, those of former members among them: nobody new can be added. Declare another private incident for what they are to know.")
	}
	return nil
}
