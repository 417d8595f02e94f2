package prometheus

import (
	"strconv"
	"strings"
	"time"
)

// Kinds of edges.
const (
	KindHTTP  = "http"  // a request, by HTTP, gRPC or the like
	KindTCP   = "tcp"   // a connection of a protocol that the mesh does not know
	KindDB    = "db"    // a query to a database
	KindQueue = "queue" // messages: From sends them, To receives them
)

// windowMark stands for the time over which calls are counted.
const windowMark = "$window"

// Graph says how the calls between services are found in metrics. Another mesh
// than the known ones can be described the same way.
type Graph struct {
	// Name is for errors and warnings, such as "istio".
	Name string

	// Calls is a query whose result has one series for each pair of services
	// (and more, if they are to be added up), with the calls per second as value.
	// $window in it is replaced by the time over which to count.
	Calls string

	// Failures is such a query for the calls that failed. Optional.
	Failures string

	// From and To are the labels with the names of caller and callee,
	// FromNamespace and ToNamespace those with their namespaces, if there are
	// any.
	From, To                   string
	FromNamespace, ToNamespace string

	// Kind is the kind of all edges, KindLabel a label that overrules it by its
	// value, as Kinds says.
	Kind      string
	KindLabel string
	Kinds     map[string]string

	// Ignore are values of From and To that are no services.
	Ignore []string
}

// DefaultGraphs are ServiceGraph, Istio, IstioTCP and Linkerd.
func DefaultGraphs() []Graph { return []Graph{ServiceGraph(), Istio(), IstioTCP(), Linkerd()} }

// ServiceGraph is what Tempo's metrics generator, Alloy and the OpenTelemetry
// collector's servicegraph connector make of traces. "user" and "unknown" stand
// for callers and callees that send no traces.
// https://grafana.com/docs/tempo/latest/metrics-from-traces/service_graphs/
func ServiceGraph() Graph {
	return Graph{
		Name:     "service graph",
		Calls:    `sum by (client, server, connection_type) (rate(traces_service_graph_request_total[$window])) > 0`,
		Failures: `sum by (client, server, connection_type) (rate(traces_service_graph_request_failed_total[$window])) > 0`,
		From:     "client", To: "server",
		Kind: KindHTTP, KindLabel: "connection_type", Kinds: map[string]string{"database": KindDB, "messaging_system": KindQueue},
		Ignore: []string{"user", "unknown"},
	}
}

const istioLabels = "source_canonical_service, source_workload_namespace, destination_canonical_service, destination_service_namespace"

// Istio is what its proxies see of HTTP and gRPC. The caller's proxy counts, for
// it also knows of calls that nobody answered.
// https://istio.io/latest/docs/reference/config/metrics/
func Istio() Graph {
	const sum = "sum by (" + istioLabels + ") (rate(istio_requests_total{"
	return Graph{
		Name:     "istio",
		Calls:    sum + `reporter="source"}[$window])) > 0`,
		Failures: sum + `reporter="source",response_code=~"5.."}[$window])) > 0`,
		From:     "source_canonical_service", FromNamespace: "source_workload_namespace",
		To: "destination_canonical_service", ToNamespace: "destination_service_namespace",
		Kind: KindHTTP, Ignore: []string{"unknown", "PassthroughCluster", "BlackHoleCluster"},
	}
}

// IstioTCP is what Istio's proxies see of everything else, such as databases:
// its rate is that of new connections.
func IstioTCP() Graph {
	g := Istio()
	g.Name, g.Kind, g.Failures = "istio tcp", KindTCP, ""
	g.Calls = "sum by (" + istioLabels + `) (rate(istio_tcp_connections_opened_total{reporter="source"}[$window])) > 0`
	return g
}

// Linkerd is what its proxies see of HTTP and gRPC from deployments.
// https://linkerd.io/2/reference/proxy-metrics/
func Linkerd() Graph {
	const sum = `sum by (deployment, namespace, dst_deployment, dst_namespace) (rate(response_total{direction="outbound",dst_deployment!=""`
	return Graph{
		Name:     "linkerd",
		Calls:    sum + `}[$window])) > 0`,
		Failures: sum + `,classification="failure"}[$window])) > 0`,
		From:     "deployment", FromNamespace: "namespace",
		To: "dst_deployment", ToNamespace: "dst_namespace",
		Kind: KindHTTP,
	}
}

// kind returns the kind of the edge with these labels.
func (g Graph) kind(labels map[string]string) string {
	if kind := g.Kinds[labels[g.KindLabel]]; kind != "" {
		return kind
	}
	return g.Kind
}

// within writes the time over which to count into a query, in whole seconds: a
// duration of Prometheus has no fractions.
func within(query string, window time.Duration) string {
	return strings.ReplaceAll(query, windowMark, strconv.Itoa(int(window/time.Second))+"s")
}
