package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/mail/mailsim"
)

// Ways for a call to go wrong.
const (
	timeout    = "timeout"
	broken     = "500" // SMTP: 451
	tooMany    = "429" // SMTP: 421
	refused    = "403" // SMTP: 550
	lost       = "lost"
	killBefore = "killed before"
	killAfter  = "killed after"
)

var allFaults = []string{timeout, broken, tooMany, refused, lost, killBefore, killAfter}

// step is a kind of call that imbot makes in the story.
type step struct{ vendor, name string }

// plan is what goes wrong in one cell.
type plan struct {
	step
	fault string
	first string // a step of the vendor whose answer is lost before: only then this one comes
	down  bool   // every call of the vendor, for half an hour; else the first of the step
	nth   int    // instead of a step: this call of all, but those of mails
	blind bool   // imbot may not look for chats

	install bool // imbot may install itself

	extra string // of the configuration
	tap   *ears  // hears all calls by HTTP; nil: nobody does
}

func (p plan) killed() bool { return p.fault == killBefore || p.fault == killAfter }

// mayDouble reports whether imbot may not look for a chat that was perhaps made.
func (p plan) mayDouble() bool { return p.blind || p.name == "find chat" && p.fault == refused }

// patience is how long a call may take in production. That of a mail is bounded
// by what an effect may take.
var patience = map[string]time.Duration{
	"teams": 15 * time.Second, "graph": 20 * time.Second, "jira": 20 * time.Second, "confluence": 20 * time.Second,
	"pagerduty": 10 * time.Second, "mail": 50 * time.Second,
}

// httpSteps are the kinds of calls by HTTP, told by method and path; the first
// that fits counts.
var httpSteps = []struct {
	step
	method string
	path   *regexp.Regexp
}{
	{step{"graph", "look up user"}, "GET", regexp.MustCompile(`^/v1.0/users(/[^/]*)?$`)},
	{step{"graph", "find chat"}, "GET", regexp.MustCompile(`^/v1.0/(chats|users/[^/]*/chats)$`)},
	{step{"graph", "create chat"}, "POST", regexp.MustCompile(`^/v1.0/chats$`)},
	{step{"graph", "look up app"}, "GET", regexp.MustCompile(`^/v1.0/appCatalogs/`)},
	{step{"graph", "install"}, "POST", regexp.MustCompile(`^/v1.0/chats/[^/]*/installedApps$`)},
	{step{"graph", "install for person"}, "POST", regexp.MustCompile(`/teamwork/installedApps$`)},
	{step{"graph", "list own apps"}, "GET", regexp.MustCompile(`/teamwork/installedApps$`)},
	{step{"graph", "find 1:1 chat"}, "GET", regexp.MustCompile(`/teamwork/installedApps/[^/]*/chat$`)},
	{step{"graph", "list members"}, "GET", regexp.MustCompile(`/members$`)},
	{step{"graph", "add member"}, "POST", regexp.MustCompile(`/members$`)},
	{step{"graph", "rename"}, "PATCH", regexp.MustCompile(`^/v1.0/chats/[^/]*$`)},
	{step{"jira", "read what fields are"}, "GET", regexp.MustCompile(`/serverInfo$|/createmeta/`)},
	{step{"jira", "look up user"}, "GET", regexp.MustCompile(`/user/search$`)},
	{step{"jira", "create"}, "POST", regexp.MustCompile(`/issue$`)},
	{step{"jira", "search"}, "GET", regexp.MustCompile(`/search(/jql)?$`)},
	{step{"jira", "remote link"}, "POST", regexp.MustCompile(`/remotelink$`)},
	{step{"jira", "read"}, "GET", regexp.MustCompile(`/issue/[^/]*(/transitions)?$`)},
	{step{"jira", "move"}, "POST", regexp.MustCompile(`/transitions$`)},
	{step{"confluence", "look up space"}, "GET", regexp.MustCompile(`/spaces(/[^/]*)?$`)},
	{step{"confluence", "look for page"}, "GET", regexp.MustCompile(`/pages$`)},
	{step{"confluence", "create"}, "POST", regexp.MustCompile(`/pages$`)},
	{step{"confluence", "read"}, "GET", regexp.MustCompile(`/pages/[^/]*$`)},
	{step{"confluence", "update"}, "PUT", regexp.MustCompile(`/pages/[^/]*$`)},
	{step{"pagerduty", "on-calls"}, "GET", regexp.MustCompile(`^/oncalls$`)},
	{step{"pagerduty", "look up user"}, "GET", regexp.MustCompile(`^/users`)},
	{step{"pagerduty", "request responder"}, "POST", regexp.MustCompile(`/responder_requests$`)},
	{step{"pagerduty", "find responder"}, "GET", regexp.MustCompile(`^/incidents/[^/]*$`)},
	{step{"pagerduty", "alerts"}, "GET", regexp.MustCompile(`/alerts$`)},
}

func stepOf(vendor, method, path string) step {
	for _, s := range httpSteps {
		if s.vendor == vendor && s.method == method && s.path.MatchString(path) {
			return s.step
		}
	}
	return step{vendor, method + " " + path}
}

// meets decides what becomes of a call: "" that it goes well.
func (o *office) meets(s step) string {
	o.gate.Lock()
	defer o.gate.Unlock()
	switch {
	case o.dead:
		return killBefore
	case !o.armed:
		return ""
	}
	o.seen[s]++
	o.calls++
	p := o.plan
	if p.nth > 0 && o.calls == p.nth {
		o.hits++
		return p.fault
	}
	if p.first != "" && s == (step{p.vendor, p.first}) && o.seen[s] == 1 {
		return lost
	}
	if p.nth > 0 || o.healed || p.vendor != s.vendor || !p.down && (p.name != s.name || o.hits > 0) {
		return ""
	}
	o.hits++
	if p.fault == timeout {
		o.owed = max(o.owed, patience[p.vendor])
	}
	return p.fault
}

var quiet = log.New(io.Discard, "", 0)

// gated is a gate before a simulator.
func (o *office) gated(vendor, sim string) string {
	u, err := url.Parse(sim)
	must(o.t, err)
	target := &url.URL{Scheme: u.Scheme, Host: u.Host}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.flying.RLock()
		defer o.flying.RUnlock()
		o.overhear(vendor, r)
		switch fault := o.meets(stepOf(vendor, r.Method, r.URL.Path)); fault {
		case "":
			proxy.ServeHTTP(w, r.WithContext(o.t.Context())) // it arrives, whoever hears the answer
		case timeout:
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusProcessing)
			<-r.Context().Done() // the caller has given up
		case lost:
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case killBefore:
			o.kill()
			panic(http.ErrAbortHandler)
		case killAfter:
			proxy.ServeHTTP(httptest.NewRecorder(), r.WithContext(o.t.Context()))
			o.kill()
			panic(http.ErrAbortHandler)
		default:
			refuse(w, vendor, fault)
		}
	}))
	front.Config.ErrorLog = quiet
	o.t.Cleanup(front.Close)
	return front.URL + strings.TrimSuffix(u.Path, "/")
}

// overhear lets the plan's ears hear a call.
func (o *office) overhear(vendor string, r *http.Request) {
	if o.plan.tap == nil {
		return
	}
	b, err := httputil.DumpRequest(r, true)
	if err != nil {
		b = []byte(err.Error())
	}
	o.plan.tap.add(vendor, r.URL.Path, string(b))
}

// refuse answers with an error as the vendor writes it.
func refuse(w http.ResponseWriter, vendor, fault string) {
	status, code, text := http.StatusInternalServerError, "InternalServerError", "Something went wrong."
	switch fault {
	case tooMany:
		status, code, text = http.StatusTooManyRequests, "TooManyRequests", "Too many requests."
		w.Header().Set("Retry-After", "20")
		w.Header().Set("Ratelimit-Reset", "20")
	case refused:
		status, code, text = http.StatusForbidden, "Forbidden", "Missing role permissions on the request. API requires one of 'Some.Permission'."
	}
	body := `{"error":{"code":"` + code + `","message":"` + text + `"}}`
	switch vendor {
	case "jira":
		body = `{"errorMessages":["` + text + `"],"errors":{}}`
	case "confluence":
		body = `{"errors":[{"status":` + http.StatusText(status) + `,"title":"` + text + `"}]}`
	case "pagerduty":
		body = `{"error":{"message":"` + text + `","code":2010}}`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// teamsGate is the gate before the connector of Teams.
func (o *office) teamsGate(c botframeworksim.Call) botframeworksim.Outcome {
	switch fault := o.meets(teamsStep(c)); fault {
	case timeout:
		return botframeworksim.Hang()
	case broken:
		return botframeworksim.Answer(http.StatusInternalServerError)
	case tooMany:
		return botframeworksim.AnswerAfter(http.StatusTooManyRequests, 20*time.Second)
	case refused:
		return botframeworksim.Answer(http.StatusForbidden)
	case lost:
		return botframeworksim.LoseAnswer()
	case killBefore:
		o.kill()
		return botframeworksim.Drop()
	case killAfter:
		o.kill()
		return botframeworksim.LoseAnswer()
	}
	return botframeworksim.Pass()
}

func teamsStep(c botframeworksim.Call) step {
	one := strings.HasSuffix(c.ConversationID, "@unq.gbl.spaces") // as Graph calls it
	room, thread := strings.HasSuffix(c.ConversationID, "@thread.v2"), strings.Contains(c.ConversationID, ";messageid=")
	name := c.Op + " " + c.ConversationID
	switch {
	case c.Op == "send" && thread:
		name = "post in thread"
	case c.Op == "send" && one:
		name = "post in 1:1 chat"
	case c.Op == "send" && room:
		name = "post in room"
	case c.Op == "send":
		name = "post card"
	case c.Op == "update" && room:
		name = "update in room"
	case c.Op == "update":
		name = "update card"
	}
	return step{"teams", name}
}

// mailSteps are where a mail goes wrong, and where it does right after that.
var mailSteps = map[string][2]mailsim.Step{
	"connect": {mailsim.AtConnect, mailsim.AtRcpt}, "RCPT": {mailsim.AtRcpt, mailsim.AtData}, "DATA": {mailsim.AtData, mailsim.AtStored},
}

// mailFaults lets mails go wrong as planned.
func (o *office) mailFaults() {
	p := o.plan
	if p.vendor != "mail" {
		return
	}
	at := mailSteps[p.name]
	if p.down {
		at[0] = mailsim.AtConnect
	}
	reached := make(chan struct{})
	f := mailsim.Fault{At: at[0], Reached: reached}
	if !p.down {
		f.Times = 1
	}
	switch p.fault {
	case timeout:
		f.Hang = true
	case broken:
		f.Code, f.Status = 451, [3]int{4, 3, 0}
	case tooMany:
		f.Code, f.Status = 421, [3]int{4, 7, 0}
	case refused:
		f.Code, f.Status = 550, [3]int{5, 7, 1}
	case lost:
		f.Drop = true
		if p.name == "DATA" {
			f.At = mailsim.AtStored
		}
	case killBefore:
		f.Hang = true
	case killAfter:
		f.Hang, f.At = true, at[1]
	}
	o.mail.Inject(f)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-reached:
				o.meets(step{"mail", p.name})
				if p.killed() {
					o.kill()
				}
			case <-o.t.Context().Done():
				return
			}
		}
	}()
	o.t.Cleanup(func() { <-ended })
}
