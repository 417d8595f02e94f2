package effects

import (
	"context"
	"errors"
	"sync"

	"imbot/integrations/graph/graphrest"
)

// App is imbot's app package, as Graph adds it to chats and to people's own apps.
// Set the exported fields before the first use.
type App struct {
	CatalogID  string          // in the tenant's catalog; "" to look it up by ManifestID
	ManifestID string          // the id in the manifest
	Consent    []graphrest.RSC // what the manifest asks for

	mu    sync.Mutex // guards found
	found string     // CatalogID that was looked up
}

// finder looks up an app in the tenant's catalog.
type finder interface {
	CatalogApp(ctx context.Context, externalID string) (graphrest.CatalogApp, error)
}

// install adds the app by add, which is given its id in the catalog, and returns
// that. The id is remembered; an app that was taken out of the catalog may have
// come back with another one, and then add is called again.
func (a *App) install(ctx context.Context, graph finder, add func(catalogID string) error) (string, error) {
	for {
		id, remembered, err := a.catalogID(ctx, graph)
		if err != nil {
			return "", err
		}
		err = add(id)
		var e *graphrest.Error
		if !remembered || !errors.As(err, &e) || e.Reason != graphrest.ReasonNotInCatalog {
			return id, err
		}
		a.remember("")
	}
}

func (a *App) catalogID(ctx context.Context, graph finder) (id string, remembered bool, err error) {
	if a.CatalogID != "" {
		return a.CatalogID, false, nil
	}
	a.mu.Lock()
	id = a.found
	a.mu.Unlock()
	if id != "" {
		return id, true, nil
	}
	app, err := graph.CatalogApp(ctx, a.ManifestID)
	if err != nil {
		return "", false, err
	}
	a.remember(app.ID)
	return app.ID, false, nil
}

func (a *App) remember(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.found = id
}
