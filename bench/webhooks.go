package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"imbot/integrations/pagerduty/pagerdutysim"
)

// secret signs all webhooks here.
const secret = "bench-webhook-secret"

// services is how many services the catalog has.
const services = 300

// source makes webhooks: number n of a source is always the same one. Sources
// with different names share no incident.
type source struct {
	Name  string        `json:"name"`
	First time.Time     `json:"first"` // when number 0 happened
	Step  time.Duration `json:"step"`  // from one number to the next
}

// titles of incidents: most are of no level that rings, as with real monitors.
// The word makes them differ in more than numbers, and they name no kind of
// trouble, or incidents of one service would be duplicates.
var titles = [...]string{
	"Check %s needs a look", "Ledger %s differs", "Price list %s is old", "Index %s is being rebuilt",
	"Node %s was replaced", "Feature %s was switched", "Batch %s waits for approval", "Import %s needs a decision",
}

func (s source) at(n int) time.Time { return s.First.Add(time.Duration(n) * s.Step) }

// incident is the id of the pager's incident. Ids come in no order, as theirs:
// each lies anywhere in an index.
func (s source) incident(n int) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(s.Name+"\x00"), uint64(n)))
	return "Q" + base32.StdEncoding.EncodeToString(sum[:])[:13]
}

func (s source) title(n int) string {
	sum := sha256.Sum256([]byte(s.Name))
	return fmt.Sprintf(titles[n%len(titles)], word(n)+"-"+word(int(binary.BigEndian.Uint16(sum[:]))))
}

// word spells n in letters that are no hex digits.
func word(n int) string {
	const letters = "ghijklmnopqrstuvwxyz"
	var b []byte
	for {
		b = append(b, letters[n%len(letters)])
		if n /= len(letters); n == 0 && len(b) >= 4 {
			break
		}
	}
	slices.Reverse(b)
	return string(b)
}

// webhook returns number n, signed, as PagerDuty sends it.
func (s source) webhook(n int) ([]byte, http.Header) {
	return pagerdutysim.Webhook(pagerdutysim.WebhookSpec{
		ID: s.incident(n), Number: n + 1, Title: s.title(n), At: s.at(n),
		Service: pagerdutysim.Service{ID: fmt.Sprintf("PSVC%03d", n%services), Name: fmt.Sprintf("Service %03d", n%services)},
	}, secret)
}

// request returns number n as the bytes of an HTTP/1.1 request.
func (s source) request(n int) []byte {
	body, h := s.webhook(n)
	b := bytes.NewBuffer(make([]byte, 0, len(body)+600))
	fmt.Fprintf(b, "POST /webhooks/pagerduty HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n", len(body))
	_ = h.Write(b) // to memory
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// requests returns the numbers from first on, made on all cores.
func (s source) requests(first, count int) [][]byte {
	out := make([][]byte, count)
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < count; i += workers {
				out[i] = s.request(first + i)
			}
		})
	}
	wg.Wait()
	return out
}
