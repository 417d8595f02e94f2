package main

import (
	"imbot/catalog"
	"imbot/incident"
)

// newService is imbot's domain, with the world's graph as it is remembered.
func newService(im *imbot, cat *catalog.Catalog, linking incident.Linking) *incident.Service {
	return &incident.Service{
		Store: im.store, Now: im.clock, Details: true, Linking: linking,
		Catalog:  func() incident.Catalog { return cat },
		Topology: func() incident.Topology { return im.w.memory },
	}
}
