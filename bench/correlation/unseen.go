package main

// unseen are further words of monitors and people, kept apart: the rules must
// not be made or mended with them, so that one scenario shows how well they do
// with words that nobody has thought of. The names of Prometheus rules are among
// those of widely used collections.
// https://samber.github.io/awesome-prometheus-alerts/rules
var unseen = map[vendor]map[kind][]string{
	newRelic: {
		down:       {"{svc}: 0 of {d} instances are healthy", "{svc} stopped sending data", "Availability of {svc} below 50 % for 5 minutes"},
		errorRate:  {"{svc}: transactions failing above {pct} %", "Fault rate {pct} % on {svc}", "{svc} server errors above threshold"},
		latency:    {"{svc}: average duration above {sec} s", "Users frustrated on {svc}, score 0.{d}", "{svc} takes {sec} s to answer"},
		saturation: {"{svc}: heap at 9{d} %", "Load of {host} is {d}.{d} ({svc})", "{svc} file descriptors nearly used up"},
		traffic:    {"{svc}: request volume fell below {n}", "{svc} calls per minute unusually low"},
		disk:       {"{svc}: free space below {d} GB"},
	},
	prometheus: {
		down:        {"RedisDown", "HaproxyServerDown", "KubernetesPodNotHealthy", "EtcdNoLeader", "KubernetesStatefulsetDown"},
		errorRate:   {"NginxHighHttp5xxErrorRate", "TraefikServiceErrors", "EnvoyHighRequestErrors", "IstioHigh4xxErrorRate"},
		latency:     {"IstioLatency99Percentile", "NginxLatencyHigh", "MysqlSlowQueries", "ApiServerRequestSlow"},
		saturation:  {"HostOutOfMemory", "JvmMemoryFillingUp", "KafkaConsumersGroupLag", "HostHighCpuLoad", "RedisTooManyConnections"},
		traffic:     {"IstioLowTotalRequestRate", "ThroughputCollapsed"},
		certificate: {"SslCertificateExpired", "CertManagerCertNotReady"},
		backup:      {"RedisMissingBackup", "PgbackrestBackupTooOld"},
		disk:        {"HostOutOfDiskSpace", "ElasticsearchDiskOutOfSpace"},
		job:         {"KubernetesCronjobSuspended", "JobFailedTooOften"},
	},
	probe: {
		down:      {"{svc} cannot be reached (TCP connect timed out)", "CRITICAL: no answer from {svc}"},
		errorRate: {"{svc} answered with status 50{d}", "Unexpected content from {svc}"},
		latency:   {"{svc}: page took {sec} s", "WARNING: {svc} load time {ms} ms"},
	},
	person: {
		down:       {"can't reach {svc} since {time}", "{svc} is gone, nothing works", "{svc} keeps restarting"},
		errorRate:  {"{svc} gives bad gateway to customers", "payments bounce at {svc}, {n} so far", "{svc} throws NullPointerException"},
		latency:    {"{svc} is sluggish", "{svc} hangs for {sec} s before it answers", "everything waits for {svc}"},
		saturation: {"{svc} ran out of workers", "{svc} swapping heavily"},
		traffic:    {"nobody orders through {svc} since {time}", "volume of {svc} halved"},
	},
}

var unseenIndonesian = map[kind][]string{
	down:       {"{svc} tumbang", "{svc} nggak bisa dibuka dari {time}"},
	errorRate:  {"{svc} error terus", "pelanggan kena pesan galat dari {svc}"},
	latency:    {"{svc} lelet", "{svc} loading lama, {sec} detik"},
	saturation: {"{svc} kehabisan memori", "antrean {svc} menumpuk"},
	traffic:    {"transaksi {svc} anjlok"},
}
