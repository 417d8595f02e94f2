package bot

import (
	"context"
	"errors"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework"
)

// timezoneOf is the zone of the sender's client, as Teams tells it; "" where it
// does not, or names it as Windows does.
// https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference#activity-object
func timezoneOf(act *botframework.Activity) string {
	names := []string{act.LocalTimezone}
	for _, e := range act.Entities {
		names = append(names, e.Timezone)
	}
	for _, name := range names {
		if _, ok := incident.Zone(name); ok {
			return name
		}
	}
	return ""
}

// placeIn is where a person lives: as the catalog says, else as Teams has told;
// nil where neither does.
func placeIn(cat Squads, p Person) *time.Location {
	if z := cat.Timezone(p.ID); z != nil {
		return z
	}
	z, _ := incident.Zone(p.Timezone)
	return z
}

// zoneOf is the zone of the times that a person types: their own, else the
// company's.
func (b *Bot) zoneOf(p Person) *time.Location {
	if z := placeIn(b.Catalog(), p); z != nil {
		return z
	}
	return b.Location
}

// Timezone is where a person lives, by id or mail address: as the catalog says,
// else as Teams has told; nil where neither does.
func Timezone(ctx context.Context, s Store, cat Squads, personID string) (*time.Location, error) {
	p, err := s.Person(ctx, personID)
	if err != nil && !errors.Is(err, incident.ErrNotFound) {
		return nil, err
	}
	if p.ID == "" {
		p.ID = personID
	}
	return placeIn(cat, p), nil
}
