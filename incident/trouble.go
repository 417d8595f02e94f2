package incident

import (
	"strconv"
	"strings"
)

// Kinds of trouble. Two monitors word the same trouble differently, so alerts
// of one service are compared by these, too.
const (
	TroubleDown       = "down"
	TroubleErrors     = "errors"
	TroubleLatency    = "latency"
	TroubleSaturation = "saturation"
	TroubleTraffic    = "traffic"
	// Housekeeping has a kind for each chore: an old certificate and a failed
	// backup have nothing in common.
	TroubleCertificate = "housekeeping: certificate"
	TroubleBackup      = "housekeeping: backup"
	TroubleDisk        = "housekeeping: disk"
	TroubleLogs        = "housekeeping: logs"
	TroubleLicence     = "housekeeping: licence"
	TroubleSecurity    = "housekeeping: security"
	TroubleJob         = "housekeeping: job"
)

// Travels reports whether trouble of this kind makes callers suffer. An expired
// certificate or a full disk next door does not, and neither does what is not
// clear: a consequence for others shows as one of the five.
func Travels(trouble string) bool {
	switch trouble {
	case TroubleDown, TroubleErrors, TroubleLatency, TroubleSaturation, TroubleTraffic:
		return true
	}
	return false
}

// troubleWords tell the kinds of trouble by whole words and phrases, in English
// and Indonesian; the first row with a hit decides. What is down is down,
// whatever else is said; a chore is named by its object, although the words of
// its failure are those of errors.
var troubleWords = []struct {
	trouble string
	phrases []string
}{
	{TroubleDown, []string{
		"is down", "are down", "went down", "goes down", "service down", "host down", "site down", "endpoint down", "down", "outage", "unreachable", "unavailable",
		"not responding", "no response", "does not respond", "not reporting", "healthcheck failed", "health check failed", "healthcheck failing", "health check failing", "probe failed", "probe failing",
		"probe failure", "ping failed", "failed for location", "no signal", "loss of signal", "signal lost", "no data", "no heartbeat", "heartbeat lost", "heartbeat missed",
		"no healthy upstream", "no healthy hosts", "replicas mismatch", "replicas unavailable", "crash looping", "keeps crashing", "keeps restarting", "can not be reached", "cannot be reached", "gone", "connection refused", "crashloopbackoff", "crash loop", "crashed", "heartbeat", "offline", "dead", "not ready", "targetdown",
		"mati", "tidak bisa diakses", "tidak bisa dibuka", "tidak dapat diakses", "tidak merespons", "tidak merespon", "tidak tersedia", "putus", "padam",
	}},
	{TroubleCertificate, []string{"certificate", "certificates", "cert", "certs", "x509", "ssl", "tls", "sertifikat", "kedaluwarsa"}},
	{TroubleBackup, []string{"backup", "backups", "snapshot", "restore test", "cadangan"}},
	{TroubleDisk, []string{"disk", "disks", "filesystem", "file system", "inode", "inodes", "volume", "storage", "tablespace"}},
	{TroubleLogs, []string{"log volume", "log ingestion", "logs missing", "log rotation", "logrotate"}},
	{TroubleLicence, []string{"licence", "license", "licenses", "subscription expires", "domain expires", "domain expiry", "lisensi"}},
	{TroubleSecurity, []string{"vulnerability", "vulnerabilities", "cve", "password expires", "secret expires", "token expires", "key rotation"}},
	{TroubleJob, []string{"cron", "cronjob", "batch job", "scheduled job", "nightly job", "nightly run", "nightly export", "nightly import", "job has not run", "job failed", "jobs failed", "job finished", "did not run", "has not run", "etl", "job malam", "tugas malam"}},
	{TroubleErrors, []string{
		"error rate", "errors", "error", "error percentage", "error budget", "5xx", "500s", "503", "502", "504", "failure rate", "failures", "failed requests", "failing requests",
		"success rate", "exceptions", "exception", "failed", "failing", "failure", "faults", "http 5xx", "server errors", "bad gateway", "gagal", "kesalahan", "galat",
	}},
	{TroubleLatency, []string{
		"latency", "response time", "slow", "slow response", "slowness", "apdex", "p50", "p90", "p95", "p99", "p999", "timeout", "timeouts", "timed out", "duration", "responded in", "load time", "hangs", "sluggish", "web transaction time",
		"lambat", "lemot", "waktu respons", "waktu respon", "latensi",
	}},
	{TroubleSaturation, []string{
		"cpu", "memory", "oom", "oomkilled", "heap", "saturation", "saturated", "queue", "queue depth", "backlog", "lag", "lags", "connection pool", "connections", "thread pool", "threads", "load average",
		"throttled", "throttling", "exhausted", "out of memory", "file descriptors", "habis", "koneksi", "load", "utilization", "utilisation", "memori", "antrean", "antrian", "beban", "penuh",
	}},
	{TroubleTraffic, []string{
		"traffic", "throughput", "request rate", "requests per second", "requests per minute", "rps", "rpm", "no requests", "drop in requests", "order rate", "conversion", "dropped", "drop", "turun",
		"lalu lintas", "trafik", "transaksi turun",
	}},
}

// troublePhrases are the phrases by their first word: the rank of their row, and
// what must follow, with a space at both ends.
var troublePhrases = func() map[string][]troublePhrase {
	out := map[string][]troublePhrase{}
	for rank, row := range troubleWords {
		phrases := row.phrases
		if row.trouble == TroubleErrors {
			for code := 500; code < 512; code++ {
				for _, before := range []string{"http ", "status ", "code ", "error "} {
					phrases = append(phrases, before+strconv.Itoa(code))
				}
			}
		}
		for _, p := range phrases {
			first, _, _ := strings.Cut(p, " ")
			out[first] = append(out[first], troublePhrase{rank, p + " "})
		}
	}
	return out
}()

type troublePhrase struct {
	rank int
	text string // the whole phrase, with a space after it
}

// troubleOfLevel is what the default levels are about, for alerts whose words
// are only known to the rules of a company.
var troubleOfLevel = map[string]string{ServiceDown: TroubleDown, HighErrorRate: TroubleErrors, HighResponseTime: TroubleLatency}

// TroubleOf tells the kind of trouble from an alert's title and condition, else
// from the level that the rules have given it. It is empty where nothing is
// clear: such trouble is like no other. The names of the service do not count:
// there are slow lanes and backup schedulers.
func TroubleOf(a *Alert, level string, names ...string) string {
	// The condition is what the monitor watches; a title may be anything.
	for _, text := range []string{a.Condition, a.Title} {
		text = wordsOf(text)
		for _, n := range names {
			if n := words(n); n != " " {
				text = strings.ReplaceAll(text, n, " ")
			}
		}
		if t := troubleIn(text); t != "" {
			return t
		}
	}
	return troubleOfLevel[level]
}

func troubleIn(text string) string {
	best := len(troubleWords)
	for text = text[1:]; text != ""; {
		n := strings.IndexByte(text, ' ')
		for _, p := range troublePhrases[text[:n]] {
			if p.rank < best && strings.HasPrefix(text, p.text) {
				best = p.rank
			}
		}
		text = text[n+1:]
	}
	if best == len(troubleWords) {
		return ""
	}
	return troubleWords[best].trouble
}
