package main

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"imbot/integrations/pagerduty/pagerdutysim"
)

// secret signs all webhooks here.
const secret = "correlation-webhook-secret"

// delivery is one webhook on its way.
type delivery struct {
	arrival time.Duration
	event   string
	alert   int
	at      time.Duration
}

// happened are the events of a world, in the order in which they happened.
func happened(w *world) []delivery {
	var out []delivery
	for i, a := range w.alerts {
		out = append(out, delivery{event: "incident.triggered", alert: i, at: a.at})
		if a.acked > 0 {
			out = append(out, delivery{event: "incident.acknowledged", alert: i, at: a.acked})
		}
		if a.to > 0 {
			out = append(out, delivery{event: "incident.resolved", alert: i, at: a.to})
		}
	}
	slices.SortStableFunc(out, func(a, b delivery) int { return int(a.at - b.at) })
	return out
}

func byArrival(log []delivery) []delivery {
	slices.SortStableFunc(log, func(a, b delivery) int { return int(a.arrival - b.arrival) })
	return log
}

// deliver draws when each webhook arrives: seconds later, one in a hundred
// minutes later, some twice, and those of an outage all at its end.
func deliver(r *rng, w *world) []delivery {
	type outage struct{ from, to time.Duration }
	var outages []outage
	for i := range w.params.outages {
		from := r.between(0, 50*time.Minute)
		if i > 0 {
			from = r.between(0, w.params.length)
		}
		outages = append(outages, outage{from, from + r.between(time.Hour, 3*time.Hour)})
	}
	var out []delivery
	for _, d := range happened(w) {
		d.arrival = d.at + r.lognormal(1500*time.Millisecond, 0.8, 200*time.Millisecond, time.Minute)
		if r.chance(0.01) {
			d.arrival = d.at + r.between(time.Minute, 10*time.Minute)
		}
		for _, o := range outages {
			if d.arrival >= o.from && d.arrival < o.to {
				d.arrival = o.to + r.between(0, time.Minute)
			}
		}
		out = append(out, d)
		if r.chance(w.params.redelivered) {
			d.arrival += r.between(5*time.Second, 5*time.Minute)
			out = append(out, d)
		}
	}
	return byArrival(out)
}

// order is another order in which the same log may arrive.
type order struct {
	name string
	make func(r *rng, w *world) []delivery
}

// orders must all lead to the same tree.
var orders = []order{
	{"reordered", func(r *rng, w *world) []delivery {
		out := happened(w)
		for i := range out {
			out[i].arrival = out[i].at + r.between(0, 15*time.Minute)
		}
		return byArrival(out)
	}},
	{"doubled", func(r *rng, w *world) []delivery {
		out := happened(w)
		for i := range out {
			out[i].arrival = out[i].at + time.Second
			again := out[i]
			again.arrival += r.between(0, 2*time.Minute)
			out = append(out, again)
		}
		return byArrival(out)
	}},
	{"hours late", func(r *rng, w *world) []delivery {
		const block = 4 * time.Hour
		out := happened(w)
		for i := range out {
			out[i].arrival = (out[i].at/block+1)*block + 2*time.Hour + r.between(0, 10*time.Minute)
		}
		return byArrival(out)
	}},
}

// webhook returns a delivery as PagerDuty sends it, signed.
func (w *world) webhook(d *delivery) ([]byte, http.Header) {
	a := &w.alerts[d.alert]
	return pagerdutysim.Webhook(pagerdutysim.WebhookSpec{
		Type: d.event, ID: a.id, Number: d.alert + 1, Title: a.title, Key: a.key, Priority: a.priority, Urgency: a.urgency,
		Service: pagerdutysim.Service{ID: pagerService(a.service), Name: w.net.names[a.service]},
		At:      epoch.Add(d.at), Created: epoch.Add(a.at),
	}, secret)
}

// pagerService is the pager's id of a service.
func pagerService(n int) string { return fmt.Sprintf("PS%05d", n) }
