package incident

import (
	"encoding/json"
	"slices"
	"time"
)

// history is what is remembered of the incidents of one key, or of one service,
// that came to an end.
type history struct {
	Roots int    `json:"n,omitempty"`    // how many there were, duplicates apart
	Ended []ends `json:"ends,omitempty"` // the latest, oldest first; at most maxPast
}

// ends is how one incident ended.
type ends struct {
	ID   ID    `json:"i"`
	At   int64 `json:"t"` // Unix seconds of the end
	Secs int64 `json:"s"` // how long it lasted
	Self bool  `json:"a"` // nobody acknowledged or resolved it by hand
}

const maxPast = 20

func pastTitleKey(inc *Incident) string {
	m := MaskTitle(inc.Title)
	if m == "" || inc.Service == "" {
		return ""
	}
	return "past/" + inc.Service + "/" + shortHash(m)
}

func pastServiceKey(inc *Incident) string {
	if inc.Service == "" {
		return ""
	}
	return "past/" + inc.Service
}

func getPast(tx Tx, key string) (history, error) {
	var p history
	if key == "" {
		return p, nil
	}
	v, err := tx.Key(key, true)
	if err != nil || v == "" {
		return p, err
	}
	return p, json.Unmarshal([]byte(v), &p)
}

// rememberEnd keeps how an incident ended. A private one leaves no trace.
func rememberEnd(tx Tx, inc *Incident) error {
	if inc.Private || inc.Active() {
		return nil
	}
	e := ends{ID: inc.ID, At: inc.ResolvedAt.Unix(), Secs: int64(inc.Duration(inc.ResolvedAt) / time.Second)}
	e.Self = inc.FirstAcknowledgedAt.IsZero() && inc.ResolvedBy.Kind != KindUser && inc.ResolvedBy.Kind != KindToken
	for _, key := range []string{pastTitleKey(inc), pastServiceKey(inc)} {
		if key == "" {
			continue
		}
		p, err := getPast(tx, key)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(p.Ended, func(o ends) bool { return o.ID == e.ID })
		switch {
		case i >= 0 && p.Ended[i] == e:
			continue
		case i >= 0:
			p.Ended = slices.Delete(p.Ended, i, i+1)
		case inc.Link == nil || inc.Link.Kind != LinkDuplicate:
			p.Roots++
		}
		p.Ended = append(p.Ended, e)
		slices.SortStableFunc(p.Ended, func(a, b ends) int { return int(a.At - b.At) })
		if len(p.Ended) > maxPast {
			p.Ended = slices.Delete(p.Ended, 0, len(p.Ended)-maxPast)
		}
		b, err := json.Marshal(p)
		if err != nil {
			return err
		}
		if err := tx.PutKey(key, string(b), true); err != nil {
			return err
		}
	}
	return nil
}

// Past returns earlier incidents that came to an end, most alike first: those
// of the same service and masked title, newest first, and then those of the
// same service. The incident itself is not among them; private ones never are.
func Past(tx Tx, inc *Incident) (same, service []ID, err error) {
	lists := [2][]ID{}
	for i, key := range []string{pastTitleKey(inc), pastServiceKey(inc)} {
		p, err := getPast(tx, key)
		if err != nil {
			return nil, nil, err
		}
		for _, e := range slices.Backward(p.Ended) {
			if e.ID != inc.ID && !slices.Contains(lists[0], e.ID) {
				lists[i] = append(lists[i], e.ID)
			}
		}
	}
	return lists[0], lists[1], nil
}

// Auto-pause: an alert is paused if at least pauseMin of its latest endings are
// known, at least pauseShare of them came by themselves, and those within
// maxPause. It then waits for the shortest of pauses that covers pauseShare of
// them. The steps are those that pagers offer.
const (
	pauseMin   = 5
	pauseShare = 0.8
)

var pauses = []time.Duration{2 * time.Minute, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute}

// pause returns how long an alert of this past waits before it is shown; 0: not
// at all.
func (p *history) pause() time.Duration {
	n := len(p.Ended)
	if n < pauseMin {
		return 0
	}
	for _, d := range pauses {
		within := 0
		for _, e := range p.Ended {
			if e.Self && time.Duration(e.Secs)*time.Second <= d {
				within++
			}
		}
		if float64(within) >= pauseShare*float64(n) {
			return d
		}
	}
	return 0
}
