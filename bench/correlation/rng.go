package main

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"
)

// rng is a seeded source of everything that is drawn.
type rng struct{ *rand.Rand }

// newRNG returns the source of one world: other names, other numbers.
func newRNG(seed uint64, name string) *rng {
	h := fnv.New64a()
	h.Write([]byte(name)) //nolint:errcheck // to memory
	return &rng{rand.New(rand.NewPCG(seed, h.Sum64()))}
}

func (r *rng) chance(p float64) bool { return r.Float64() < p }

// between is uniform in [lo, hi), in milliseconds.
func (r *rng) between(lo, hi time.Duration) time.Duration {
	return (lo + time.Duration(r.Float64()*float64(hi-lo))).Truncate(time.Millisecond)
}

// lognormal has this median; sigma is that of the logarithm. It is cut at both
// ends.
func (r *rng) lognormal(median time.Duration, sigma float64, lo, hi time.Duration) time.Duration {
	d := time.Duration(float64(median) * math.Exp(sigma*r.NormFloat64()))
	return min(max(d, lo), hi).Truncate(time.Millisecond)
}

// poisson is for small means.
func (r *rng) poisson(mean float64) int {
	n, p, limit := 0, r.Float64(), math.Exp(-mean)
	for p > limit {
		n++
		p *= r.Float64()
	}
	return n
}

// weighted returns an index, each as often as its weight says.
func (r *rng) weighted(weights ...float64) int {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	x := r.Float64() * sum
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// pick returns one of the list, the first ones more often the higher skew is
// above 1.
func pick[T any](r *rng, list []T, skew float64) T {
	return list[min(int(math.Pow(r.Float64(), skew)*float64(len(list))), len(list)-1)]
}
