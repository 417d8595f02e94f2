package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// epoch is when every world begins.
var epoch = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

// monitor watches one service for one kind of trouble.
type monitor struct {
	vendor    vendor
	template  string
	condition string // as the vendor calls it
	number    int    // of the condition
	guid      string // of the entity
	key       string // by which the pager knows the alert again; empty: each firing has another
	delay     time.Duration
}

// alert is one incident in the pager, and what is true about it.
type alert struct {
	id       string
	service  int
	kind     kind
	trouble  int
	title    string
	key      string
	urgency  string
	priority string
	at       time.Duration // since epoch; milliseconds, as the pager tells
	to       time.Duration // resolved; never where 0
	acked    time.Duration // never where 0
	details  json.RawMessage
	link     string // to the source
	client   string
	vendor   vendor
	template string // of the title

	group  int  // the true duplicates: number of its first alert
	either bool // the same kind of trouble is back within the grace time, from another cause
}

// watching makes the alerts of a world.
type watching struct {
	r        *rng
	g        *network
	p        *params
	name     string // of the world
	monitors map[watched][]*monitor
	skew     map[vendor]time.Duration
	alerts   []alert
	numbers  int
}

type watched struct {
	service int
	kind    kind
}

func newWatching(r *rng, g *network, p *params, name string) *watching {
	w := &watching{r: r, g: g, p: p, name: name, monitors: map[watched][]*monitor{}, skew: map[vendor]time.Duration{}}
	for _, v := range []vendor{newRelic, prometheus, probe} {
		w.skew[v] = r.between(-p.skew, p.skew+time.Millisecond)
	}
	return w
}

// sorted are the alerts by time.
func (w *watching) sorted() []alert {
	slices.SortStableFunc(w.alerts, func(a, b alert) int { return int(a.at - b.at) })
	return w.alerts
}

// of returns the monitors of a service for a kind of trouble.
func (w *watching) of(service int, k kind) []*monitor {
	key := watched{service, k}
	if m, ok := w.monitors[key]; ok {
		return m
	}
	n := 1 + w.r.weighted(1-w.p.two-w.p.three, w.p.two, w.p.three)
	var out []*monitor
	for range n {
		m := w.newMonitor(service, k, len(out) == 0)
		if !slices.ContainsFunc(out, func(o *monitor) bool { return o.vendor == m.vendor && o.template == m.template }) {
			out = append(out, m)
		}
	}
	w.monitors[key] = out
	return out
}

func (w *watching) newMonitor(service int, k kind, first bool) *monitor {
	r := w.r
	weights := []float64{0.45, 0.35, 0.12, 0.08}
	if len(titles[probe][k]) == 0 {
		weights[2] = 0
	}
	if first {
		weights[3] = 0 // people come after the monitors
	}
	m := &monitor{vendor: []vendor{newRelic, prometheus, probe, person}[r.weighted(weights...)]}
	w.numbers++
	m.number = 2_000_000 + 1000*w.numbers + r.IntN(1000)
	m.guid = fmt.Sprintf("MTIzNDU2N3xBUE18QVBQTElDQVRJT058%08x", r.Uint32())
	m.delay = r.lognormal(40*time.Second, 0.7, 5*time.Second, 2*time.Minute)
	m.template = pick(r, w.wordsOf(m.vendor, k), 1)
	m.condition = m.template
	switch m.vendor {
	case prometheus:
		labels := []string{"{svc} prod", "{svc} (prod ap-southeast-1 {ip}:8080 critical)", "{svc} (prod critical)"}
		m.template = "[FIRING:1] " + m.template + " " + pick(r, labels, 1)
		m.key = fmt.Sprintf("%016x%016x%016x%016x", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
	case probe:
		m.key = fmt.Sprintf("check-%d", m.number)
	case person:
		m.delay = r.lognormal(6*time.Minute, 0.5, 2*time.Minute, 20*time.Minute)
	}
	switch {
	case w.p.plain:
		m.template = fmt.Sprintf("{svc} %s, monitor %s", plain[k], letters(r, 6))
		m.condition = m.template
	case m.vendor != prometheus && r.chance(w.p.indonesian):
		m.template = pick(r, w.indonesianFor(k), 1)
	case m.vendor != prometheus && r.chance(w.p.vague):
		m.template = pick(r, vague, 1)
	}
	return m
}

// wordsOf are the titles of a vendor for a kind of trouble.
func (w *watching) wordsOf(v vendor, k kind) []string {
	if list := unseen[v][k]; w.p.unseen && len(list) > 0 {
		return list
	}
	return titles[v][k]
}

func (w *watching) indonesianFor(k kind) []string {
	if list := unseenIndonesian[k]; w.p.unseen && len(list) > 0 {
		return list
	}
	return indonesian[k]
}

// notice makes all alerts about one trouble.
func (w *watching) notice(n int, t *trouble) {
	if t.silent {
		return
	}
	first := time.Duration(-1)
	for i, m := range w.of(t.service, t.kind) {
		if i > 0 && w.r.chance(0.1) {
			continue
		}
		at := t.from + m.delay + w.r.between(0, 15*time.Second) + w.skew[m.vendor]
		if at >= t.to || at < 0 {
			continue // over before it was noticed
		}
		if first < 0 || at < first {
			first = at
		}
		w.firings(n, t, m, t.kind, at)
	}
	if other := secondSymptom[t.kind]; first >= 0 && other != "" && w.r.chance(w.p.second) {
		if at := first + w.r.between(10*time.Second, 3*time.Minute); at < t.to {
			w.firings(n, t, w.of(t.service, other)[0], other, at)
		}
	}
}

// secondSymptom is what else is seen of the same trouble.
var secondSymptom = map[kind]kind{down: errorRate, saturation: latency, errorRate: latency, latency: errorRate}

// firings makes the alerts of one monitor about one trouble: one, several if it
// flaps, and perhaps one more when all seems over.
func (w *watching) firings(n int, t *trouble, m *monitor, k kind, at time.Duration) {
	r := w.r
	clear := t.to + r.between(10*time.Second, 4*time.Minute)
	if m.vendor == person {
		clear = t.to + r.between(2*time.Minute, 30*time.Minute)
	}
	if m.vendor != person && t.origin != isNoise && r.chance(w.p.flapping) {
		for at < t.to {
			end := min(at+r.between(time.Minute, 6*time.Minute), clear)
			w.fire(n, t, m, k, at, end)
			pause := r.between(time.Minute, 20*time.Minute)
			if r.chance(0.1) {
				pause = r.between(35*time.Minute, time.Hour)
			}
			at = end + pause
		}
		return
	}
	if m.vendor == person && r.chance(0.1) {
		clear = 0 // forgotten
	}
	w.fire(n, t, m, k, at, clear)
	if clear > 0 && m.vendor != person && t.origin != isNoise && r.chance(w.p.refire) {
		again := clear + r.between(2*time.Minute, 25*time.Minute)
		w.fire(n, t, m, k, again, again+r.between(2*time.Minute, 10*time.Minute))
	}
}

// fire makes one incident in the pager.
func (w *watching) fire(n int, t *trouble, m *monitor, k kind, at, to time.Duration) {
	r, svc := w.r, w.g.names[t.service]
	a := alert{
		id: pagerID(w.name, len(w.alerts)), service: t.service, kind: k, trouble: n, title: fill(r, m.template, svc, at),
		key: m.key, urgency: "high", at: at.Truncate(time.Millisecond), to: to.Truncate(time.Millisecond),
		vendor: m.vendor, template: m.template,
	}
	if t.origin == isNoise {
		a.urgency = "low"
	}
	if r.chance(0.4) {
		a.priority = map[kind]string{down: "P1", errorRate: "P2", latency: "P3", saturation: "P2", traffic: "P3"}[k]
	}
	if m.key == "" {
		a.key = strings.ReplaceAll(uuid(r), "-", "")
	}
	if ack := a.at + r.between(time.Minute, 8*time.Minute); r.chance(0.3) && (a.to == 0 || ack < a.to) {
		a.acked = ack
	}
	if m.vendor != person && r.chance(w.p.details) {
		w.describe(&a, m, svc)
	}
	w.alerts = append(w.alerts, a)
}

// describe adds what the pager tells about an alert when it is asked.
func (w *watching) describe(a *alert, m *monitor, svc string) {
	var d map[string]any
	switch m.vendor {
	case newRelic:
		a.client, a.link = "New Relic", "https://aiops.newrelic.com/issues/"+a.key
		d = map[string]any{
			"id": a.key, "state": "ACTIVATED", "priority": "CRITICAL", "impactedEntities": []string{svc},
			"alertConditionNames": []string{strings.ReplaceAll(m.condition, "{svc}", svc)}, "alertPolicyNames": []string{svc + " policy"},
			"conditionFamilyId": []int{m.number}, "conditionId": m.number, "entitiesData": map[string]any{"ids": []string{m.guid}, "names": []string{svc}},
			"entityGuid": m.guid,
		}
	case prometheus:
		a.client, a.link = "Alertmanager", "https://alertmanager.example.com/#/alerts?receiver=pagerduty"
		d = map[string]any{
			"firing":     fmt.Sprintf("Labels:\n - alertname = %s\n - namespace = prod\n - service = %s\nAnnotations:\n - summary = %s\n", m.condition, svc, a.title),
			"num_firing": "1", "num_resolved": "0", "resolved": "",
		}
	case probe:
		a.client, a.link = "Uptime", fmt.Sprintf("https://uptime.example.com/checks/%d", m.number)
		d = map[string]any{"check": svc + " ping", "check_id": m.number, "url": "https://" + svc + ".example.com/healthz"}
	}
	b, err := json.Marshal(d)
	if err != nil {
		panic("correlation: " + err.Error()) // plain values
	}
	a.details = b
}
