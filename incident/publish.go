package incident

import (
	"slices"
	"time"
)

// publishAfter is how long a change waits before it is shown on the page of the
// postmortem, so that a burst of changes makes one version of the page. What
// turns out to be a duplicate within that time never gets a page.
const publishAfter = time.Minute

// SourceConfluence is the system of the postmortem's page.
const SourceConfluence = "confluence"

// PublicPage returns the page of the postmortem outside, if there is one.
func (inc *Incident) PublicPage() (Ref, bool) {
	return inc.HasRef(SourceConfluence, RolePage, "")
}

// PageWanted reports whether the postmortem is to have a page outside: once an
// RCA is owed and people were told of the incident. A page that is there is kept
// up to date, whatever becomes of the incident, unless it becomes private.
func (inc *Incident) PageWanted(level Level) bool {
	if inc.Private {
		return false
	}
	_, there := inc.PublicPage()
	return there || inc.owesPage(level)
}

// owesPage reports whether it would have one made.
func (inc *Incident) owesPage(level Level) bool {
	return inc.Postmortem.Required && !inc.Hidden(level) && !inc.Shadow && inc.NoticeGap != GapMuted
}

// publish has the page of the postmortem made or brought up to date. What only
// concerns deliveries does not stand on it.
func (a *change) publish(level Level) {
	inc := a.inc
	page, there := inc.PublicPage()
	if inc.Private && !a.was.private && !a.was.created && there {
		a.event(EvPublished, "", map[string]string{"url": page.URL, "how": "exposed"}).Actor = System
	}
	// What made a page needless while it was being made has published nothing.
	late := a.cmd.Verb == Attach && a.cmd.Args.Ref.Role == RolePage && !inc.owesPage(level)
	switch {
	case a.cmd.Verb == Attach && !late, a.cmd.Verb == Fail, a.cmd.Verb == Retry, a.cmd.Verb == Reroute, a.cmd.History:
		return
	case !inc.PageWanted(level), !there && a.f.Route.Mode != ModeLive:
		return
	}
	a.effects = append(a.effects, publishEffect(inc.ID, a.now))
}

func publishEffect(id ID, now time.Time) Effect {
	e := effect(id, KindPublish, Latest, "", "")
	e.Due = now.Add(publishAfter)
	return e
}

// pageEffects bring the page of the postmortem up to date, where there is one.
func (inc *Incident) pageEffects(now time.Time) []Effect {
	if _, there := inc.PublicPage(); !there || inc.Private {
		return nil
	}
	return []Effect{publishEffect(inc.ID, now)}
}

// published records the page of the postmortem. There is one: a new one takes
// the place of one that was deleted.
func (a *change) published(page Ref) {
	i := slices.IndexFunc(a.inc.Refs, func(r Ref) bool { return r.System == page.System && r.Role == page.Role })
	switch {
	case i >= 0 && a.inc.Refs[i] == page:
		return
	case i >= 0:
		a.inc.Refs[i] = page
	default:
		a.inc.Refs = append(a.inc.Refs, page)
	}
	data := map[string]string{"url": page.URL}
	if a.inc.Private { // it became so while the page was made
		data["how"] = "exposed"
	}
	a.event(EvPublished, "", data)
	a.quiet = false // cards link to it
}
