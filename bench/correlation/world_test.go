package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/webhook"
)

// fingerprint is a hash over all that is delivered, remembered and true of a world.
func fingerprint(t *testing.T, w *world) string {
	t.Helper()
	h := sha256.New()
	for i := range w.log {
		body, _ := w.webhook(&w.log[i])
		h.Write(body)
		h.Write([]byte(w.log[i].arrival.String()))
	}
	for _, a := range w.alerts {
		h.Write(a.details)
		h.Write([]byte{byte(a.group), byte(a.trouble)})
	}
	for _, s := range w.net.names {
		for _, c := range w.memory.Callees(s) {
			h.Write([]byte(c.From + c.To + c.LastSeen.String()))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestSameSeedSameBytes(t *testing.T) {
	for _, s := range scenarios() {
		s := s.short()
		a, b := fingerprint(t, makeWorld(7, &s, 0)), fingerprint(t, makeWorld(7, &s, 0))
		if a != b {
			t.Errorf("%s: the same seed gives different worlds", s.name)
		}
		if fingerprint(t, makeWorld(8, &s, 0)) == a || fingerprint(t, makeWorld(7, &s, 1)) == a {
			t.Errorf("%s: another seed or number gives the same world", s.name)
		}
	}
}

// Ensure that graphs are as large, and of the shape, that the document says.
func TestGraphs(t *testing.T) {
	for _, shape := range shapes {
		for _, n := range []int{50, 300, 1000} {
			g := newNetwork(newRNG(3, "graphs"), shape, n)
			if e, want := float64(g.edges()), perService(n)*float64(n); e < 0.85*want || e > 1.15*want {
				t.Errorf("%s of %d: %.0f edges, want about %.0f", shape, n, e, want)
			}
			most, circles := 0, 0
			for s := range g.names {
				most = max(most, len(g.callers[s]))
				for i, c := range g.calls[s] {
					if c == s || slices.Contains(g.calls[s][:i], c) || !slices.Contains(g.callers[c], s) {
						t.Fatalf("%s of %d: %s calls %s wrongly", shape, n, g.names[s], g.names[c])
					}
					if reach(g.calls, c)[s] {
						circles++
					}
				}
			}
			if shape == hubs && n == 1000 && most < 150 {
				t.Errorf("the largest hub of 1,000 services has %d callers", most)
			}
			if (circles > 0) != (shape == cyclic) {
				t.Errorf("%s of %d: %d calls in circles", shape, n, circles)
			}
			names := slices.Clone(g.names)
			slices.Sort(names)
			if len(slices.Compact(names)) != n {
				t.Errorf("%s of %d: a name is used twice", shape, n)
			}
		}
	}
}

// each calls fn with one small world of each scenario and shape.
func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	for _, s := range scenarios() {
		s := s.short()
		for n := range s.worlds {
			w := makeWorld(5, &s, n)
			t.Run(w.name, func(t *testing.T) { fn(t, w) })
		}
	}
}

// Ensure that trouble follows true calls, after its cause, without circles.
func TestTroubles(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for n := range w.troubles {
			tr := &w.troubles[n]
			if tr.to <= tr.from {
				t.Errorf("trouble %d ends before it begins", n)
			}
			if (tr.origin == isEffect) != (len(tr.causes) > 0) {
				t.Errorf("trouble %d is a %s with %d causes", n, tr.origin, len(tr.causes))
			}
			chain := ancestors(w.troubles, n)
			if slices.Contains(chain, n) {
				t.Errorf("trouble %d is its own cause", n)
			}
			if tr.origin == isEffect && (!slices.Contains(chain, tr.root) || w.troubles[tr.root].origin != isRoot) {
				t.Errorf("the chain %v of trouble %d does not lead to its root %d", chain, n, tr.root)
			}
			for i, c := range tr.causes {
				cause := &w.troubles[c]
				if !slices.Contains(w.net.calls[tr.service], cause.service) {
					t.Errorf("trouble %d comes from a service that %s does not call", n, w.net.names[tr.service])
				}
				if late := cause.from - tr.from; (i == 0 && late >= 0) || late > joint {
					t.Errorf("trouble %d began %s before its cause", n, late)
				}
			}
		}
	})
}

// Ensure that independent roots are what the document says.
func TestRootsIndependent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for a := range w.troubles {
			for b := range a {
				x, y := &w.troubles[a], &w.troubles[b]
				if x.origin != isRoot || y.origin != isRoot {
					continue
				}
				if apart := (x.from - y.from).Abs(); apart < 15*time.Minute && x.service != y.service && !w.net.apart(x.service, y.service) {
					t.Errorf("%s and %s reach each other and fail within %s", w.net.names[x.service], w.net.names[y.service], apart)
				}
			}
		}
	})
}

// Ensure that the truth about alerts holds by its own definition.
func TestTruth(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range w.alerts {
			a := &w.alerts[i]
			tr, first := &w.troubles[a.trouble], &w.alerts[a.group]
			if a.service != tr.service || tr.silent || (a.to != 0 && a.to <= a.at) || a.at != a.at.Truncate(time.Millisecond) {
				t.Errorf("alert %d does not fit trouble %d", i, a.trouble)
			}
			if i > 0 && a.at < w.alerts[i-1].at {
				t.Errorf("alert %d is out of order", i)
			}
			if first.group != a.group || a.group > i || first.service != a.service || first.kind != a.kind || a.at-first.at >= window {
				t.Errorf("alert %d can not be a duplicate of %d", i, a.group)
			}
			if !slices.Contains(w.truth.members[a.group], i) {
				t.Errorf("alert %d is not in its group", i)
			}
			if tr.origin != isEffect && len(w.truth.causes[i]) > 0 {
				t.Errorf("alert %d of a %s has causes", i, tr.origin)
			}
			for _, g := range w.truth.roots[i] {
				if !slices.Contains(w.truth.causes[i], g) {
					t.Errorf("a root of alert %d is none of its causes", i)
				}
			}
		}
	})
}

// Ensure that the remembered graph lacks and has what it should.
func TestMemory(t *testing.T) {
	s := scenario{name: "memory", params: base()}
	w := makeWorld(2, &s, 1)
	g := w.net
	for _, missing := range []float64{0, 0.3} {
		m := remember(newRNG(1, "memory"), g, w.troubles, s.length, missing, 0.1)
		known, wrong := 0, 0
		for from, name := range g.names {
			list := m.Callees(name)
			if !slices.IsSortedFunc(list, func(a, b incident.Call) int { return cmp.Compare(a.To, b.To) }) {
				t.Errorf("the callees of %s are not sorted", name)
			}
			for _, c := range list {
				if slices.Contains(g.calls[from], slices.Index(g.names, c.To)) {
					known++
				} else {
					wrong++
				}
				if !slices.Contains(m.Callers(c.To), c) {
					t.Errorf("%s is no caller of %s", name, c.To)
				}
			}
		}
		if share := float64(known) / float64(g.edges()); share < 0.93-missing || share > 1.07-missing {
			t.Errorf("%.2f of the calls are known, with %.1f missing", share, missing)
		}
		if share := float64(wrong) / float64(g.edges()); share < 0.05 || share > 0.1 {
			t.Errorf("%.2f wrong calls are remembered, want 0.1 or a little less", share)
		}
	}
	for _, tr := range w.troubles {
		if tr.kind != down {
			continue
		}
		for _, c := range w.memory.Callers(g.names[tr.service]) {
			if c.LastSeen.Sub(epoch) > tr.from {
				t.Errorf("%s was called after it died", c.To)
			}
		}
	}
}

// Ensure that services have a ring if, and only if, they reach themselves.
func TestRings(t *testing.T) {
	g := newNetwork(newRNG(4, "rings"), cyclic, 300)
	m := remember(newRNG(4, "rings"), g, nil, time.Hour, 0, 0)
	for a, name := range g.names {
		around := reach(g.calls, a)
		for b, other := range g.names {
			if a == b {
				continue
			}
			same := m.Ring(name) != 0 && m.Ring(name) == m.Ring(other)
			if want := around[b] && reach(g.calls, b)[a]; same != want {
				t.Fatalf("%s and %s: rings %d and %d", name, other, m.Ring(name), m.Ring(other))
			}
		}
	}
}

// Ensure that deliveries are real webhooks, and that all orders deliver all.
func TestDeliveries(t *testing.T) {
	s := scenario{name: "late", params: base()}
	s.outages, s.redelivered = 1, 0.2
	w := makeWorld(1, &s, 0)
	for i := range w.log {
		d := &w.log[i]
		body, h := w.webhook(d)
		if err := pagerduty.VerifySignature(h, body, []string{secret}); err != nil {
			t.Fatal(err)
		}
		ev, err := pagerduty.ParseWebhook(body)
		if err != nil {
			t.Fatal(err)
		}
		cmd, ok := webhook.Map(ev, epoch.Add(d.arrival))
		if !ok || cmd.Ref.ID != w.alerts[d.alert].id || !cmd.At.Equal(epoch.Add(d.at)) || d.arrival < d.at {
			t.Fatalf("delivery %d maps to %+v", i, cmd)
		}
	}
	want := happened(w)
	for _, o := range orders {
		got := o.make(newRNG(1, o.name), w)
		for _, d := range want {
			if !slices.ContainsFunc(got, func(g delivery) bool { return g.alert == d.alert && g.event == d.event && g.at == d.at }) {
				t.Errorf("%s lacks %+v", o.name, d)
			}
		}
		if !slices.IsSortedFunc(got, func(a, b delivery) int { return int(a.arrival - b.arrival) }) || got[len(got)-1].arrival > settled(w) {
			t.Errorf("%s does not arrive in time", o.name)
		}
	}
}
