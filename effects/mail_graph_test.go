package effects_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"imbot/effects"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
	"imbot/integrations/mail"
)

// simToken is the credential that the simulated Graph accepts.
type simToken struct{}

func (simToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: graphsim.Token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// TestGraphMail sends the same mails by Graph.
func TestGraphMail(t *testing.T) {
	r := newMailRig(t)
	sim := graphsim.New(graphsim.Options{Now: r.Now})
	defer sim.Close()
	box := sim.AddUser(graphsim.User{UPN: "imbot@example.com", Name: "imbot", Mail: "imbot@example.com"})
	api, err := graphrest.New(graphrest.Config{TenantID: "33333333-dddd-4eee-8fff-444444444444", Credential: simToken{}, BaseURL: sim.URL(), Now: r.Now, Timeout: 5 * time.Second})
	must(t, err)
	w, err := mail.NewWriter("Incidents <imbot@example.com>", 0, r.Now)
	must(t, err)
	r.mails.Sender = &effects.GraphMail{API: api, Writer: w}
	sim.Inject(graphsim.Fault{Path: "/sendMail", Status: http.StatusServiceUnavailable, Times: 2})
	sim.Inject(graphsim.Fault{Path: "/sendMail", After: true, Drop: true, Times: 1})
	id := r.down("Checkout is down")
	r.settle(time.Hour)
	var ids []string
	for _, m := range sim.Mails() {
		if m.From != box.ID {
			t.Errorf("sent from %s", m.From)
		}
		if !bytes.Contains([]byte(m.Body), []byte("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")) || !strings.Contains(m.Body, "Auto-Submitted: auto-generated\r\n") {
			t.Errorf("headers are missing:\n%.900s", m.Body)
		}
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	if len(ids) != 4 || len(slices.Compact(ids)) != 3 || !strings.HasPrefix(ids[0], "<"+id.String()+".declare.") {
		t.Errorf("Message-IDs %v", ids)
	}
	sim.Revoke("Mail.Send")
	id = r.down("Search is down")
	r.settle(2 * time.Hour)
	r.wantOneReason()
	if d := cmp.Diff(3, len(r.errs)); d != "" {
		t.Errorf("dead letters without the permission (-want +got):\n%s%v", d, r.errs)
	}
	if got := r.errs[id.String()+"/mail.declare/ani@example.com"]; !strings.Contains(got, "Mail.Send") && !strings.Contains(strings.ToLower(got), "denied") {
		t.Errorf("the dead letter says %q", got)
	}
}
