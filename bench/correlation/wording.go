package main

import (
	"fmt"
	"strings"
	"time"
)

// vendor of monitors.
type vendor string

const (
	newRelic   vendor = "newrelic"
	prometheus vendor = "prometheus"
	probe      vendor = "probe" // pings from outside
	person     vendor = "person"
)

// titles are how monitors word a trouble: those of New Relic as its issues are
// titled, those of Prometheus as Alertmanager's default text for PagerDuty, and
// what people and probes write.
var titles = map[vendor]map[kind][]string{
	newRelic: {
		down: {
			"{svc} query result is = 0.0 for 5 minutes on 'Service heartbeat lost'", "Host Not Reporting for at least 5 minutes on '{host}' ({svc})",
			"No signal received for {svc}: loss of signal after 600 seconds", "Monitor '{svc} ping' failed for location AWS_AP_SOUTHEAST_{d}",
		},
		errorRate: {
			"Error percentage > {pct}.0 for at least 5 minutes on '{svc}'", "{svc} query result is > {pct}.0 for 5 minutes on 'High error rate'",
			"{svc} error rate deviated from the baseline for at least 3 minutes", "Transaction errors on {svc}: {n} in 5 minutes",
		},
		latency: {
			"Response time (web) > {sec} seconds for at least 5 minutes on '{svc}'", "{svc} query result is > {ms}.0 for 5 minutes on 'p95 duration'",
			"Apdex < 0.{d} for at least 10 minutes on '{svc}'", "Web transaction time deviated from the baseline on '{svc}'",
		},
		saturation: {
			"CPU % > {pct} for at least 5 minutes on '{host}' ({svc})", "Memory used % > 9{d} for at least 5 minutes on '{svc}'",
			"{svc} query result is > {n}.0 on 'Database connections in use'",
		},
		traffic:     {"Throughput (web) < {n} for at least 10 minutes on '{svc}'", "{svc} query result is < {n}.0 on 'Requests per minute dropped'"},
		certificate: {"{svc} query result is < {d}.0 on 'SSL certificate days to expiry'", "Certificate of {svc} expires in {d} days"},
		backup:      {"{svc} query result is > 26.0 on 'Hours since last backup'"},
		disk:        {"Disk used % > {pct} for at least 15 minutes on '{host}' ({svc})"},
		job:         {"{svc} query result is = 0.0 on 'Nightly job finished'"},
	},
	prometheus: {
		down:        {"TargetDown", "InstanceDown", "BlackboxProbeFailed", "KubePodCrashLooping", "KubeDeploymentReplicasMismatch"},
		errorRate:   {"HighErrorRate", "Http5xxRatioHigh", "ErrorBudgetBurn", "GrpcErrorsHigh"},
		latency:     {"HighRequestLatency", "P99LatencyHigh", "SlowResponses"},
		saturation:  {"CPUThrottlingHigh", "ContainerMemoryNearLimit", "PostgresqlTooManyConnections", "ThreadPoolExhausted"},
		traffic:     {"TrafficDrop", "RequestRateTooLow"},
		certificate: {"CertificateExpiringSoon", "X509CertificateExpiry"},
		backup:      {"BackupFailed", "VeleroBackupFailure"},
		disk:        {"NodeFilesystemAlmostOutOfSpace", "KubePersistentVolumeFillingUp"},
		job:         {"KubeJobFailed", "CronJobFailed"},
	},
	probe: {
		down:      {"DOWN alert: {svc} (https://{svc}.example.com/healthz) is DOWN", "{svc} is unreachable from Jakarta and Singapore"},
		errorRate: {"https://{svc}.example.com/healthz returned HTTP 50{d}", "{svc}: {n} failed checks from {d} locations"},
		latency:   {"{svc} responded in {ms} ms (limit 1500 ms)", "{svc} is slow from Jakarta: {sec} s"},
	},
	person: {
		down:        {"{svc} is down since {time}", "{svc} unreachable, nobody can log in", "{svc} not responding at all, started {time}"},
		errorRate:   {"{svc} returns 500s since {time}", "many failed requests on {svc}, see trace {uuid}", "lots of errors from {svc} after {time}"},
		latency:     {"{svc} very slow since {time}", "timeouts from {svc}, {sec} s and more", "high latency on {svc}"},
		saturation:  {"{svc} connection pool is full ({n}/{n})", "{svc} out of memory, pods restart", "{svc} CPU at {pct}%"},
		traffic:     {"no traffic on {svc} since {time}", "requests to {svc} dropped by {pct}%"},
		certificate: {"certificate of {svc} expires in {d} days"},
		backup:      {"backup of {svc} failed last night"},
		disk:        {"log disk of {svc} is {pct}% full"},
		job:         {"nightly export of {svc} did not run"},
	},
}

// indonesian are how people word it there, in custom conditions too.
var indonesian = map[kind][]string{
	down:        {"{svc} mati sejak {time}", "{svc} tidak bisa diakses", "{svc} tidak merespons health check"},
	errorRate:   {"banyak error di {svc}", "transaksi gagal di {svc}, {n} kasus", "tingkat error {svc} di atas {pct} %"},
	latency:     {"{svc} lambat sekali, sampai {sec} detik", "waktu respons {svc} > {sec} detik", "{svc} lemot sejak {time}"},
	saturation:  {"koneksi {svc} penuh ({n}/{n})", "pemakaian CPU {svc} > {pct} %", "memori {svc} hampir habis"},
	traffic:     {"trafik {svc} turun drastis", "jumlah request {svc} turun di bawah {n}"},
	certificate: {"sertifikat {svc} kedaluwarsa {d} hari lagi"},
	backup:      {"backup {svc} gagal tadi malam"},
	disk:        {"disk log {svc} hampir penuh, {pct} %"},
	job:         {"job malam {svc} tidak jalan"},
}

// vague says nothing about the trouble.
var vague = []string{
	"Issue on {svc}", "{svc}: please check", "Ada masalah di {svc}", "{svc} anomaly detected", "Alert condition violated: {svc} policy", "[P2] {svc} {uuid}",
}

// plain says it so that nobody can mistake it.
var plain = map[kind]string{
	down: "is down", errorRate: "error rate high", latency: "response time high", saturation: "memory and CPU exhausted", traffic: "traffic dropped",
	certificate: "certificate expires", backup: "backup failed", disk: "disk full", job: "cron job failed",
}

// fill puts the service and what changes with each firing into a title.
func fill(r *rng, template, svc string, at time.Duration) string {
	pairs := []string{"{svc}", svc}
	put := func(name string, value func() string) {
		if strings.Contains(template, name) {
			pairs = append(pairs, name, value())
		}
	}
	put("{n}", func() string { return fmt.Sprint(20 + r.IntN(900)) })
	put("{d}", func() string { return fmt.Sprint(1 + r.IntN(8)) })
	put("{pct}", func() string { return fmt.Sprint(5 + r.IntN(90)) })
	put("{ms}", func() string { return fmt.Sprint(1500 + r.IntN(9000)) })
	put("{sec}", func() string { return fmt.Sprintf("%d.%d", 2+r.IntN(12), r.IntN(10)) })
	put("{host}", func() string { return hostName(r, svc) })
	put("{ip}", func() string { return fmt.Sprintf("10.%d.%d.%d", r.IntN(40), r.IntN(256), 1+r.IntN(250)) })
	put("{uuid}", func() string { return uuid(r) })
	put("{time}", func() string { return epoch.Add(at).Add(7 * time.Hour).Format("15:04") })
	return strings.NewReplacer(pairs...).Replace(template)
}

func hostName(r *rng, svc string) string {
	if r.chance(0.5) {
		return fmt.Sprintf("ip-10-%d-%d-%d", r.IntN(40), r.IntN(256), 1+r.IntN(250))
	}
	return fmt.Sprintf("%s-%08x-%s", svc, r.Uint32(), letters(r, 5))
}

func letters(r *rng, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "bcdfghjklmnpqrstvwxz2456789"[r.IntN(27)]
	}
	return string(b)
}

func uuid(r *rng) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}
