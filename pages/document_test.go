package pages

import (
	"net/http"
	"strings"
	"testing"

	"imbot/incident"
)

// TestDocument: whoever may read an incident can take its postmortem along.
func TestDocument(t *testing.T) {
	r := newRig(t)
	inc := r.resolved("Payments DB is down")
	b := r.as(budi)
	const path = "/incidents/INC-1/postmortem.md"
	if p := b.get("/incidents/INC-1").want(t, http.StatusOK); !strings.Contains(p.body, `href="`+path+`"`) {
		t.Errorf("no link to the document: %s", p.body)
	}
	p := b.get(path, "Accept-Language", "id").want(t, http.StatusOK)
	if p.header.Get("Content-Disposition") != `attachment; filename="INC-1.md"` || p.header.Get("Content-Type") != "text/markdown; charset=utf-8" ||
		!strings.HasPrefix(p.body, "# INC-1 Payments DB is down\n") || !strings.Contains(p.body, "Semua waktu dalam WIB") {
		t.Errorf("%v %s", p.header, p.body)
	}
	r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "Secret", Service: "payments-db", Private: true}})
	if p := r.as(eko).get("/incidents/INC-2/postmortem.md").want(t, http.StatusNotFound); strings.Contains(p.body, "Secret") {
		t.Errorf("tells a private one: %s", p.body)
	}
	if p := r.browser().get("/incidents/" + inc.ID.String() + "/postmortem.md"); p.status != http.StatusSeeOther {
		t.Errorf("not signed in: %d", p.status)
	}
}
