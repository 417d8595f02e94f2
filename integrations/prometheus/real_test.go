package prometheus

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorded is the time of the last sample.
var recorded = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// series have their labels, and how much they grow in a second.
var series = []struct {
	metric string
	labels string
	rate   float64
	ago    time.Duration // how long before recorded they end
}{
	{"traces_service_graph_request", `client="web",server="cart",connection_type=""`, 4, 0},
	{"traces_service_graph_request", `client="web",server="cart",connection_type="",extra="another pod"`, 6, 0},
	{"traces_service_graph_request_failed", `client="web",server="cart",connection_type=""`, 2.5, 0},
	{"traces_service_graph_request", `client="cart",server="cart-db",connection_type="database"`, 2, 0},
	{"traces_service_graph_request", `client="cart",server="mailer",connection_type="messaging_system"`, 0.5, 0},
	{"traces_service_graph_request", `client="user",server="web",connection_type="virtual_node"`, 100, 0},
	{"traces_service_graph_request", `client="cart",server="unknown",connection_type="virtual_node"`, 1, 0},
	{"traces_service_graph_request", `client="cart",server="pay.example.com",connection_type="virtual_node"`, 1, 0},
	{"traces_service_graph_request", `client="cart",server="cart",connection_type=""`, 1, 0},
	{"traces_service_graph_request", `client="",server="cart",connection_type=""`, 1, 0},
	{"traces_service_graph_request", `client="web",server="silent",connection_type=""`, 0, 0},
	{"traces_service_graph_request", `client="web",server="dead",connection_type=""`, 3, time.Hour},
	{"traces_service_graph_request_failed", `client="web",server="dead",connection_type=""`, 3, time.Hour},

	{"istio_requests", istio("source", "web", "shop", "cart", "shop") + `,response_code="200"`, 9, 0},
	{"istio_requests", istio("source", "web", "shop", "cart", "shop") + `,response_code="503"`, 1, 0},
	{"istio_requests", istio("destination", "web", "shop", "cart", "shop") + `,response_code="200"`, 50, 0},
	{"istio_requests", istio("source", "cart", "shop", "cart", "other") + `,response_code="200"`, 1, 0},
	{"istio_requests", istio("source", "cart", "shop", "PassthroughCluster", "") + `,response_code="200"`, 1, 0},
	{"istio_tcp_connections_opened", istio("source", "cart", "shop", "cart-db", "data"), 0.25, 0},

	{"response", `direction="outbound",deployment="web",namespace="emoji",dst_deployment="voting",dst_namespace="emoji",classification="success"`, 3, 0},
	{"response", `direction="outbound",deployment="web",namespace="emoji",dst_deployment="voting",dst_namespace="emoji",classification="failure"`, 1, 0},
	{"response", `direction="outbound",deployment="web",namespace="emoji",classification="success"`, 3, 0},
	{"response", `direction="inbound",deployment="voting",namespace="emoji",classification="success"`, 3, 0},

	{"jobs", `producer="web",consumer="billing"`, 2, 0},
}

func istio(reporter, from, fromNamespace, to, toNamespace string) string {
	return fmt.Sprintf(`reporter=%q,source_canonical_service=%q,source_workload_namespace=%q,destination_canonical_service=%q,destination_service_namespace=%q`,
		reporter, from, fromNamespace, to, toNamespace)
}

// openMetrics writes two hours of the series, one sample in 30 s.
func openMetrics() string {
	var b strings.Builder
	families := map[string]bool{}
	for _, s := range series {
		if families[s.metric] {
			continue
		}
		families[s.metric] = true
		fmt.Fprintf(&b, "# TYPE %s counter\n", s.metric)
		for _, same := range series {
			if same.metric != s.metric {
				continue
			}
			for ago := 2 * time.Hour; ago >= same.ago; ago -= 30 * time.Second {
				value := 1e6 + same.rate*(2*time.Hour-ago).Seconds()
				fmt.Fprintf(&b, "%s_total{%s} %v %d\n", same.metric, same.labels, value, recorded.Add(-ago).Unix())
			}
		}
	}
	return b.String() + "# EOF\n"
}

var listening = regexp.MustCompile(`msg="Listening on".* address=(\S+)`)

// startPrometheus starts Debian's Prometheus on a free port, with the recorded
// series, and waits for it to be ready.
func startPrometheus(t *testing.T, args ...string) string {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed: apt-get install --no-install-recommends prometheus")
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: it comes with prometheus")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	data := filepath.Join(dir, "data")
	metrics := write("metrics.txt", openMetrics())
	if out, err := exec.CommandContext(t.Context(), promtool, "tsdb", "create-blocks-from", "openmetrics", metrics, data).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
	args = append([]string{
		"--config.file=" + write("prometheus.yml", "{}\n"), "--storage.tsdb.path=" + data, "--storage.tsdb.retention.time=100y",
		"--web.listen-address=127.0.0.1:0", "--web.config.file=" + write("web.yml", "basic_auth_users:\n  reader: "+secretHash+"\n"),
	}, args...)
	cmd := exec.Command(binary, args...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has nothing to lose
		_ = cmd.Wait()
	})
	address := ""
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			address = m[1]
		}
		if strings.Contains(lines.Text(), "ready to receive web requests") {
			go func() { // it must not block on its log
				for lines.Scan() {
				}
			}()
			return "http://" + address
		}
	}
	t.Fatal("prometheus ended")
	return ""
}

// secretHash is the bcrypt hash of "secret".
const secretHash = "$2a$04$HDdC/ATBcdKJpoHdK6770O..B.Ra8.ZS7HQ1BtsXY.UQnGDFuDdQq"

func rounded(edges []Edge) []Edge {
	for i := range edges {
		edges[i].Rate = math.Round(edges[i].Rate*1e6) / 1e6
		edges[i].ErrorRate = math.Round(edges[i].ErrorRate*1e6) / 1e6
	}
	return edges
}

// The queries find in a real Prometheus what its metrics say.
func TestRealPrometheus(t *testing.T) {
	url := startPrometheus(t)
	config := Config{URL: url, Username: "reader", Password: "secret", Now: func() time.Time { return recorded }}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()

	edge := func(from, to, kind string, rate, failing float64) Edge {
		return Edge{From: from, To: to, Kind: kind, Rate: rate, ErrorRate: failing, At: recorded}
	}
	within := func(e Edge, from, to string) Edge {
		e.FromNamespace, e.ToNamespace = from, to
		return e
	}
	want := []Edge{
		within(edge("cart", "cart", KindHTTP, 1, 0), "shop", "other"),
		edge("cart", "cart-db", KindDB, 2, 0),
		within(edge("cart", "cart-db", KindTCP, 0.25, 0), "shop", "data"),
		edge("cart", "mailer", KindQueue, 0.5, 0),
		edge("cart", "pay.example.com", KindHTTP, 1, 0),
		edge("web", "cart", KindHTTP, 10, 0.25),
		within(edge("web", "cart", KindHTTP, 10, 0.1), "shop", "shop"),
		within(edge("web", "voting", KindHTTP, 4, 0.25), "emoji", "emoji"),
	}
	t.Run("edges", func(t *testing.T) {
		got, err := c.Edges(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, rounded(got)); d != "" {
			t.Errorf("Edges (-want +got):\n%s", d)
		}
	})
	t.Run("longer window", func(t *testing.T) {
		got, err := c.Edges(ctx, 90*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		n := slices.IndexFunc(got, func(e Edge) bool { return e.To == "dead" })
		if n < 0 || got[n].Rate <= 0 || got[n].Rate >= 3 || math.Abs(got[n].ErrorRate-1) > 1e-9 || len(got) != len(want)+1 {
			t.Errorf("Edges = %+v, want one from web to dead, too", got)
		}
	})
	t.Run("check", func(t *testing.T) {
		got, err := c.Check(ctx)
		if d := cmp.Diff([]Found{{"service graph", 4}, {"istio", 2}, {"istio tcp", 1}, {"linkerd", 1}}, got); d != "" || err != nil {
			t.Errorf("Check: %v (-want +got):\n%s", err, d)
		}
	})
	t.Run("own graph", func(t *testing.T) {
		own := config
		own.Graphs = []Graph{{Name: "jobs", Calls: `rate(jobs_total[$window])`, From: "producer", To: "consumer", Kind: KindQueue}}
		c, err := New(own)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Edges(ctx, time.Minute)
		if d := cmp.Diff([]Edge{edge("web", "billing", KindQueue, 2, 0)}, rounded(got)); d != "" || err != nil {
			t.Errorf("Edges: %v (-want +got):\n%s", err, d)
		}
	})
	t.Run("nothing recorded", func(t *testing.T) {
		late := config
		late.Now = func() time.Time { return recorded.Add(24 * time.Hour) }
		c, err := New(late)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Edges(ctx, 0); len(got) != 0 || err != nil {
			t.Errorf("Edges = %v, %v", got, err)
		}
	})
	t.Run("refusals", func(t *testing.T) { realRefusals(t, config) })
}

func realRefusals(t *testing.T, good Config) {
	graph := func(query string) func(*Config) {
		return func(c *Config) {
			c.Graphs = []Graph{{Name: "own", Calls: query, From: "a", To: "b"}}
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		status int
		says   string
	}{
		{"wrong password", func(c *Config) { c.Password = "guess" }, 401, "check token, or user and password"},
		{"token instead", func(c *Config) { c.Username, c.Password, c.Token = "", "", "guess" }, 401, "check token"},
		{"wrong path", func(c *Config) { c.URL += "/prom" }, 404, "check the URL"},
		{"no PromQL", graph(`rate(x[$window]`), 400, "bad_data"},
		{"a matrix", graph(`x[$window]`), 200, "the query's result is a matrix"},
		{"a scalar", graph(`scalar(rate(x[$window]))`), 200, "the query's result is a scalar"},
		{"no match", graph(`rate(jobs_total[$window]) * on (a) rate(istio_requests_total[$window])`), 422, "execution"},
	} {
		c := good
		tt.change(&c)
		client, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Edges(t.Context(), 0)
		wantError(t, tt.name, err, tt.status, true, tt.says)
	}
}
