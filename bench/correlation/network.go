package main

import (
	"fmt"
	"slices"
)

// Shapes of service graphs.
const (
	layered = "layered" // web → fronts → domain services → shared services → stores
	hubs    = "hubs"    // layered, and a few services that a good part of all others call
	cyclic  = "cyclic"  // layered, and some that call back
)

var shapes = []string{layered, hubs, cyclic}

// Layers of a graph, and which share of the services each has.
const (
	web = iota
	front
	business
	shared
	stores
)

var layerShare = [...]float64{web: 0.08, front: 0.20, business: 0.42, shared: 0.18, stores: 0.12}

// network is who calls whom in truth.
type network struct {
	shape   string
	names   []string
	layer   []int
	domain  []int    // services of one domain are of one squad, and run in one cluster
	calls   [][]int  // callees of each service
	hard    [][]bool // parallel to calls: without that callee the service does not work
	callers [][]int
}

// perService is how many callees a service has on average: large companies have
// more of everything.
func perService(n int) float64 {
	switch {
	case n >= 1000:
		return 5
	case n >= 300:
		return 4
	}
	return 3
}

// hardShare is the share of calls that a service can not do without. The others
// have a fallback, a cache or a queue before them.
const hardShare = 0.35

// newNetwork draws a graph of n services.
func newNetwork(r *rng, shape string, n int) *network {
	g := &network{shape: shape, calls: make([][]int, n), hard: make([][]bool, n), callers: make([][]int, n)}
	g.place(r, n)
	edges := int(perService(n) * float64(n))
	if shape == hubs {
		g.addHubs(r)
	}
	byLayer := make([][]int, len(layerShare))
	for s, l := range g.layer {
		byLayer[l] = append(byLayer[l], s)
	}
	callers := n - len(byLayer[stores])
	mean := float64(edges-g.edges())/float64(callers) - 1
	for s := range n {
		if g.layer[s] == stores {
			continue
		}
		for range 1 + r.poisson(max(mean, 0)) {
			for try := 0; try < 5 && !g.addDeeper(r, s, byLayer); try++ {
			}
		}
	}
	if shape == cyclic {
		g.addCycles(r, n*6/100)
	}
	for s := range n {
		for _, c := range g.calls[s] {
			g.callers[c] = append(g.callers[c], s)
		}
	}
	return g
}

// place draws layer, domain and name of each service.
func (g *network) place(r *rng, n int) {
	domains := max(n/12, 4)
	share := layerShare[web]
	layer := web
	for s := range n {
		for float64(s) >= share*float64(n) && layer < stores {
			layer++
			share += layerShare[layer]
		}
		g.layer = append(g.layer, layer)
		g.domain = append(g.domain, r.IntN(domains))
	}
	g.names = serviceNames(r, g)
}

// call adds an edge, and reports whether it did: not if it is there already or
// leads to itself.
func (g *network) call(r *rng, from, to int) bool {
	if from == to || slices.Contains(g.calls[from], to) {
		return false
	}
	g.calls[from] = append(g.calls[from], to)
	g.hard[from] = append(g.hard[from], r.chance(hardShare))
	return true
}

func (g *network) edges() int {
	n := 0
	for _, c := range g.calls {
		n += len(c)
	}
	return n
}

// addDeeper adds a call into a deeper layer, mostly the next one, half of the
// time to the same domain, and more often to the popular ones.
func (g *network) addDeeper(r *rng, s int, byLayer [][]int) bool {
	l := g.layer[s] + 1
	if l < stores && r.chance(0.4) {
		l += 1 + r.IntN(stores-l)
	}
	near := slices.DeleteFunc(slices.Clone(byLayer[l]), func(t int) bool { return g.domain[t] != g.domain[s] })
	if len(near) > 0 && r.chance(0.5) {
		return g.call(r, s, pick(r, near, 1))
	}
	return g.call(r, s, pick(r, byLayer[l], 1.6))
}

// addHubs makes 3 (of 50) to 6 (of 1,000) shared services hubs: 15 to 40 % of
// all services above call each.
func (g *network) addHubs(r *rng) {
	first := slices.Index(g.layer, shared)
	for hub := first; hub < first+3+len(g.layer)/300; hub++ {
		share := 0.15 + 0.25*r.Float64()
		for s := range first {
			if r.chance(share) {
				g.call(r, s, hub)
			}
		}
	}
}

// addCycles makes n services call back one that they are called by, over one to
// three steps.
func (g *network) addCycles(r *rng, n int) {
	for range n {
		top := r.IntN(len(g.layer))
		s := top
		for range 1 + r.IntN(3) {
			if len(g.calls[s]) == 0 {
				break
			}
			s = pick(r, g.calls[s], 1)
		}
		g.call(r, s, top)
	}
}

// reach returns all services that are reached from s along calls, or against
// them; s itself among them.
func reach(edges [][]int, s int) map[int]bool {
	seen := map[int]bool{s: true}
	for todo := []int{s}; len(todo) > 0; {
		last := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, t := range edges[last] {
			if !seen[t] {
				seen[t] = true
				todo = append(todo, t)
			}
		}
	}
	return seen
}

// apart reports whether neither service reaches the other along calls: then
// trouble of one can not be the consequence of the other's.
func (g *network) apart(a, b int) bool { return !reach(g.calls, a)[b] && !reach(g.calls, b)[a] }

// Words that names of services are made of.
var (
	domainWords = []string{
		"payments", "checkout", "orders", "catalog", "search", "inventory", "shipping", "pricing", "promo", "loyalty", "cart", "identity",
		"profile", "wallet", "ledger", "fraud", "notify", "mailer", "media", "reviews", "chat", "support", "billing", "invoice", "tax",
		"returns", "warehouse", "courier", "routing", "maps", "booking", "tickets", "events", "ads", "recommend", "feed", "social",
		"partner", "merchant", "settlement", "risk", "kyc", "consent", "audit", "config", "flags", "metrics", "export", "import", "sync",
		"archive", "analytics", "forecast", "subsidy", "voucher", "topup", "bills", "donation", "insurance", "lending", "savings", "travel",
		"hotel", "flight", "train", "food", "grocery", "pharmacy", "clinic", "school", "games", "music", "video", "news", "weather", "forum",
		"gifts", "auction", "rental", "repair", "pickup", "locker", "fleet", "driver",
	}
	roleWords = [...][]string{
		web:      {"web", "app", "gateway", "portal", "mobile-api"},
		front:    {"bff", "api", "graphql", "edge", "public-api", "site"},
		business: {"service", "core", "engine", "worker", "manager", "processor", "handler", "orchestrator", "adapter", "rules"},
		shared:   {"auth", "session", "tokens", "registry", "gateway-internal", "platform", "broker", "scheduler"},
		stores:   {"db", "cache", "redis", "postgres", "mysql", "queue", "index", "mongo"},
	}
	// Some services are called like a trouble, which their alerts are not about.
	oddNames = []string{"backup-scheduler", "certificate-store", "error-tracker", "disk-images", "slow-lane-api", "traffic-estimates"}
)

// serviceNames draws one name for each service of a graph.
func serviceNames(r *rng, g *network) []string {
	words := slices.Clone(domainWords)
	r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	used := map[string]bool{}
	out := make([]string, len(g.layer))
	odd := slices.Clone(oddNames[:min(len(oddNames), 1+len(out)/100)])
	for s := range out {
		if len(odd) > 0 && g.layer[s] == business && r.chance(0.2) {
			out[s], odd = odd[0], odd[1:]
			continue
		}
		roles := roleWords[g.layer[s]]
		name := words[g.domain[s]%len(words)] + "-" + pick(r, roles, 1)
		for n := 0; used[name]; n++ {
			name = words[(g.domain[s]+n/8)%len(words)] + "-" + roles[(s+n)%len(roles)]
			if n >= 8*len(words) {
				name = fmt.Sprintf("%s-%s", name, words[(s+n)%len(words)])
			}
		}
		used[name] = true
		out[s] = name
	}
	return out
}
