// Package fault is what the simulators of vendors have in common when they
// misbehave because a test wants it: calls that are refused, answered with
// something else, done but not answered, cut off or left hanging. It also keeps
// the calls that came in, to look at what was asked and what should never have
// left.
//
// It knows no vendor: how a refusal looks and what a limit says is the
// simulator's own.
package fault

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// Fault makes calls go wrong.
type Fault struct {
	Method string // the calls it is for; empty: any
	Path   string // prefix of their path, where the simulator does not say otherwise; empty: any
	Skip   int    // how many such calls go well first
	Times  int    // how many go wrong then; 0: all, until ClearFaults

	Status     int           // answer with this status
	Code       string        // with it, the vendor's name for what is wrong, where it has names; default from the status
	Message    string        // with it, the vendor's words, where the simulator takes any
	RetryAfter time.Duration // with it, say when to come back; 0: don't say
	Body       string        // answer with this instead of the vendor's form of an error
	Type       string        // media type of Body; default text/html
	Location   string        // with Status 3xx, where to go instead

	Meanwhile func() // happens first, such as somebody else's edit; alone, the call is answered as ever

	After bool // do what is asked for first: it is done, but the answer is another or lost
	Drop  bool // close the connection instead of answering
	Hang  bool // don't answer before the caller gives up, whom a 102 tells that it may as well do so at once
}

// Form is how a vendor's faults look.
type Form struct {
	// Refuse answers with the vendor's form of an error. Headers that the fault
	// asks for are set.
	Refuse func(http.ResponseWriter, *Fault)
	// Wait says in the vendor's way when to come back. Default: Retry-After, in
	// seconds.
	Wait func(http.Header, time.Duration)
	// Fits reports whether a call's path is one that Fault.Path means. Default:
	// it begins with it.
	Fits func(path, want string) bool
}

// Injector is the part of a simulator that holds its faults. The zero value has
// none. Its methods are safe for concurrent use.
type Injector struct{ plan Plan[Fault] }

// Inject adds a fault. Of several that fit a call, the oldest counts.
func (in *Injector) Inject(f Fault) { in.plan.Add(f, f.Skip, f.Times) }

// ClearFaults ends all faults.
func (in *Injector) ClearFaults() { in.plan.Clear() }

// Handler answers as the faults say, and lets do answer what they leave alone.
func Handler(in *Injector, form Form, do http.Handler) http.Handler {
	if form.Wait == nil {
		form.Wait = func(h http.Header, d time.Duration) {
			h.Set("Retry-After", strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
		}
	}
	if form.Fits == nil {
		form.Fits = strings.HasPrefix
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, _, ok := in.plan.Take(func(f Fault) bool {
			return (f.Method == "" || f.Method == r.Method) && form.Fits(r.URL.Path, f.Path)
		})
		if !ok {
			do.ServeHTTP(w, r)
			return
		}
		form.fail(w, r, &f, do)
	})
}

// fail answers a call as the fault says.
func (form Form) fail(w http.ResponseWriter, r *http.Request, f *Fault, do http.Handler) {
	silent := f.Status == 0 && f.Body == ""
	if f.Meanwhile != nil {
		f.Meanwhile()
		if silent && !f.After && !f.Drop && !f.Hang {
			do.ServeHTTP(w, r)
			return
		}
	}
	if f.After {
		do.ServeHTTP(httptest.NewRecorder(), r)
	}
	if f.Hang {
		w.WriteHeader(http.StatusProcessing)
		<-r.Context().Done()
	}
	if f.Hang || f.Drop || silent {
		panic(http.ErrAbortHandler) // closes the connection
	}
	if f.RetryAfter > 0 {
		form.Wait(w.Header(), f.RetryAfter)
	}
	if f.Location != "" {
		w.Header().Set("Location", f.Location)
	}
	if f.Body == "" {
		form.Refuse(w, f)
		return
	}
	if f.Type == "" {
		f.Type = "text/html;charset=UTF-8"
	}
	w.Header().Set("Content-Type", f.Type)
	w.WriteHeader(max(f.Status, http.StatusOK))
	_, _ = io.WriteString(w, f.Body) // the caller may be gone
}
