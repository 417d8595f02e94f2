package incident

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkApplyTrigger is the decision about a new incident, facts included:
// all that a webhook's transaction computes besides the store.
func BenchmarkApplyTrigger(b *testing.B) {
	cat := newStatic()
	cmd := told(Trigger, t0, alert("[FIRING:1] checkout-api p99 latency above 2s (prod eu-west-1)"))
	b.ReportAllocs()
	for b.Loop() {
		inc := &Incident{ID: 1}
		if _, _, err := Apply(inc, cmd, factsFor(cat, nil, &cmd, true), clock); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMatch reads a title that no rule matches, so that all are tried.
func BenchmarkMatch(b *testing.B) {
	rules, err := CompileRules(DefaultRules(), DefaultLevels())
	if err != nil {
		b.Fatal(err)
	}
	al := &Alert{Title: "[FIRING:1] certificate of checkout-api.example.com expires in 14 days (prod eu-west-1)"}
	b.ReportAllocs()
	for b.Loop() {
		if v := rules.Match(al, ServiceInfo{}); v.Level != Other {
			b.Fatal(v)
		}
	}
}

// BenchmarkFold computes the life of incidents that flap: from 8 marks, which is
// usual, up to the bound.
func BenchmarkFold(b *testing.B) {
	for _, n := range []int{8, 64, maxMarks} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			inc := &Incident{ID: 1}
			kinds := []MarkKind{MarkOpen, MarkAck, MarkResolve}
			for i := range n {
				inc.mark(Mark{At: t0.Add(time.Duration(i) * time.Second), Kind: kinds[i%3]})
			}
			b.ReportAllocs()
			for b.Loop() {
				if l := inc.live(); l.Episode == 0 {
					b.Fatal("no episode")
				}
			}
		})
	}
}
