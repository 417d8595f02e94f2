package newrelicsim

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Fault makes requests go wrong.
type Fault struct {
	Field string // the requests it is for: those whose query has this word, such as "relatedEntities"; empty: any
	Skip  int    // how many of those to leave alone first
	Times int    // how many then; 0: all, until ClearFaults

	Status     int           // answer with this status
	RetryAfter time.Duration // with it, say when to come back; 0: don't say
	Class      string        // answer with 200 and a GraphQL error of this class
	Message    string        // its text
	Body       string        // answer with 200 and this
	Location   string        // answer with 302 to there
	Drop       bool          // close the connection instead of answering
	Hang       bool          // don't answer before the caller gives up
	Slow       time.Duration // take this long, then answer rightly

	// Endless answers with empty pages: with the same cursor each time if it is
	// "same", with a new one if it is "new".
	Endless string

	// Flood answers a question for the calls of a service with one page of this
	// many of them.
	Flood int
}

// Inject adds a fault. Of several that fit a request, the oldest counts.
func (s *Server) Inject(f Fault) { s.faults.Add(f, f.Skip, f.Times) }

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { s.faults.Clear() }

// answer does as the fault says when it is used for the nth time. It reports
// whether that was the answer.
func (f *Fault) answer(w http.ResponseWriter, r *http.Request, n int) bool {
	switch {
	case f.Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case f.Drop:
		panic(http.ErrAbortHandler) // closes the connection
	case f.Slow > 0:
		wait(r.Context(), f.Slow)
		return false
	case f.Location != "":
		http.Redirect(w, r, f.Location, http.StatusFound)
	case f.Status != 0:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
		}
		refuse(w, f.Status, f.Class, f.Message)
	case f.Class != "" || f.Message != "":
		refuse(w, http.StatusOK, f.Class, f.Message)
	case f.Body != "":
		_, _ = io.WriteString(w, f.Body) // the caller may have gone
	case f.Endless != "":
		cursor := "same"
		if f.Endless == "new" {
			cursor = "page-" + strconv.Itoa(n)
		}
		fmt.Fprintf(w, `{"data":{"actor":{"entitySearch":{"results":{"nextCursor":%q,"entities":[]}},"entity":{"relatedEntities":{"nextCursor":%[1]q,"results":[]}}}}}`, cursor)
	case f.Flood > 0:
		f.flood(w)
	}
	return true
}

// flood streams: it never holds the whole page.
func (f *Fault) flood(w http.ResponseWriter) {
	out := bufio.NewWriter(w)
	defer out.Flush()
	fmt.Fprint(out, `{"data":{"actor":{"entity":{"guid":"x","name":"x","relatedEntities":{"nextCursor":null,"results":[`)
	for n := range f.Flood {
		if n > 0 {
			fmt.Fprint(out, ",")
		}
		_, err := fmt.Fprintf(out, `{"type":"CALLS","source":{"guid":"S","entity":{"name":"s"}},"target":{"guid":"T%d","entity":{"name":"t%d","domain":"APM","type":"APPLICATION"}}}`, n, n)
		if err != nil {
			return // the caller had enough
		}
	}
	fmt.Fprint(out, `]}}}}}`)
}
