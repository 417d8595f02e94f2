package postmortem

import (
	"strconv"
	"time"

	"imbot/incident"
)

// times are when what happened, and how long it took. What nobody has said is
// not guessed.
func (w *writer) times() []Block {
	inc := w.inc
	t := Table{Head: []string{w.t("doc.what"), w.t("doc.when"), w.t("doc.took")}}
	add := func(key string, at time.Time, took string) {
		if !at.IsZero() {
			t.Rows = append(t.Rows, []Cell{plain(w.t("web.time." + key)), plain(w.when(at)), plain(took)})
		}
	}
	began := inc.OpenedAt
	if !inc.Times.ImpactStarted.IsZero() {
		began = inc.Times.ImpactStarted
	}
	add("impact_started", inc.Times.ImpactStarted, "")
	add("detected", inc.Times.Detected, w.after("doc.after_impact", inc.Times.ImpactStarted, inc.Times.Detected))
	add("opened", inc.OpenedAt, "")
	add("acknowledged", inc.FirstAcknowledgedAt, w.after("doc.mtta", inc.OpenedAt, inc.FirstAcknowledgedAt))
	add("mitigated", inc.Times.Mitigated, w.after("doc.impact", began, inc.Times.Mitigated))
	add("resolved", inc.ResolvedAt, w.resolved())
	add("closed", inc.ClosedAt, "")
	return append([]Block{t}, w.episodes()...)
}

// after is the time between two, if both are known and in that order.
func (w *writer) after(key string, from, to time.Time) string {
	if from.IsZero() || to.IsZero() || to.Before(from) {
		return ""
	}
	return w.t(key, "duration", w.say.Duration(to.Sub(from)))
}

// resolved is how long the trouble lasted: the sum of all episodes, so that
// healthy days in between do not count.
func (w *writer) resolved() string {
	inc := w.inc
	if inc.Active() || inc.ResolvedAt.IsZero() {
		return ""
	}
	d := w.say.Duration(inc.Duration(inc.ResolvedAt))
	if len(inc.Intervals) > 1 {
		return w.say.N("doc.lasted_sum", inc.Episode, "duration", d)
	}
	return w.t("similar.lasted", "duration", d)
}

// maxEpisodes bounds how many are listed: the newest.
const maxEpisodes = 50

// episodes are listed where there are several.
func (w *writer) episodes() []Block {
	all := w.inc.Intervals
	if len(all) < 2 {
		return nil
	}
	t := Table{Head: []string{w.t("doc.episode"), w.t("doc.from"), w.t("doc.to"), w.t("fact.lasted")}}
	for i := max(0, len(all)-maxEpisodes); i < len(all); i++ {
		to, lasted := w.when(all[i].To), ""
		if all[i].To.IsZero() {
			to = w.t("doc.lasts")
		} else {
			lasted = w.say.Duration(all[i].To.Sub(all[i].From))
		}
		t.Rows = append(t.Rows, []Cell{plain(strconv.Itoa(w.inc.Episode - len(all) + i + 1)), plain(w.when(all[i].From)), plain(to), plain(lasted)})
	}
	return []Block{t}
}

// updates are what people were told about how it stood.
func (w *writer) updates() []Block {
	t := Table{Head: []string{w.t("doc.when"), w.t("room.say.customers"), w.t("room.say.doing"), w.t("doc.who")}}
	for i := range w.v.Timeline {
		if e := &w.v.Timeline[i]; e.Kind == incident.EvUpdate {
			t.Rows = append(t.Rows, []Cell{plain(w.when(e.At)), plain(lines(e.Data["customers"])), plain(lines(e.Text)), plain(person(e.Actor))})
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []Block{t}
}
