package pagerdutysim

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"imbot/integrations/pagerduty"
)

// WebhookSpec describes a webhook about an incident, for load and crash tests.
type WebhookSpec struct {
	Type     string    // event type whose data is the incident; default "incident.triggered"
	ID       string    // the incident's id
	Number   int       // the incident's number
	Title    string    // the incident's title
	Service  Service   // the incident's service
	Key      string    // deduplication key; default made from ID
	Priority string    // such as "P1"; empty for none
	Urgency  string    // default "high"
	At       time.Time // when it happened
	Created  time.Time // when the incident was triggered; default At
}

// statusAfter says what an event does to the status; others leave it triggered.
var statusAfter = map[string]string{
	"incident.acknowledged": pagerduty.StatusAcknowledged,
	"incident.resolved":     pagerduty.StatusResolved,
}

// Webhook builds a webhook of about 6 KB, as a company with many responders and
// teams gets them, signed with the secrets. It is a pure function: the same
// spec gives the same bytes and ids, other specs other ids.
func Webhook(spec WebhookSpec, secrets ...string) (body []byte, h http.Header) {
	spec.Type = cmp.Or(spec.Type, "incident.triggered")
	spec.Service.ID = cmp.Or(spec.Service.ID, "PSERVICE")
	spec.Service.Name = cmp.Or(spec.Service.Name, spec.Service.ID)
	if spec.Created.IsZero() {
		spec.Created = spec.At
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s", spec.Type, spec.ID, spec.At.UTC().Format(time.RFC3339Nano)))
	i := &incident{service: &spec.Service}
	i.State = State{
		ID: spec.ID, Number: spec.Number, Title: spec.Title, Service: spec.Service.ID, CreatedAt: spec.Created,
		Key: cmp.Or(spec.Key, "key-"+spec.ID), Status: cmp.Or(statusAfter[spec.Type], pagerduty.StatusTriggered),
		Urgency: cmp.Or(spec.Urgency, "high"), Priority: spec.Priority,
	}
	d := i.data(nil)
	d.IncidentType = &client{Name: "incident_default"}
	d.ConferenceBridge = &bridgeData{Number: "+62 21 5550 0100,,1234#", URL: "https://meet.example.com/incident-" + spec.ID}
	for n := range 14 {
		d.Assignees = append(d.Assignees, userRef(&User{ID: fmt.Sprintf("PUSER%02d", n), Name: fmt.Sprintf("Responder Number %d on Call", n)}))
	}
	for n := range 10 {
		d.Teams = append(d.Teams, ref("team", "teams", fmt.Sprintf("PTEAM%02d", n), fmt.Sprintf("Product Engineering Team %d", n)))
	}
	body, err := json.Marshal(envelope{Event: event{
		ID: fmt.Sprintf("01%X", sum[:12]), EventType: spec.Type, ResourceType: "incident", OccurredAt: millis(spec.At), Data: d,
		Client: &client{Name: "Monitoring Service"},
	}})
	if err != nil {
		panic("pagerdutysim: " + err.Error()) // plain structs
	}
	return body, http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {userAgent},
		http.CanonicalHeaderKey(pagerduty.SignatureHeader):    {pagerduty.Sign(body, secrets...)},
		http.CanonicalHeaderKey(pagerduty.WebhookIDHeader):    {uuid([16]byte(sum[16:]))},
		http.CanonicalHeaderKey(pagerduty.SubscriptionHeader): {"PSUBSCR"},
	}
}
