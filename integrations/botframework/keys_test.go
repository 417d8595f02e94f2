package botframework

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"imbot/integrations/botframework/entrasim"
)

// After a start, Teams may send several activities before the keys are read:
// none of them may be refused for want of a key.
func TestKeysAwaited(t *testing.T) {
	entra, err := entrasim.Start(entrasim.Options{AppID: "app", TenantID: "tenant", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = entra.Close() })
	asked, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(asked) })
		<-release
		http.Redirect(w, r, entra.OpenIDMetadataURL(), http.StatusFound)
	}))
	t.Cleanup(slow.Close)
	set := &keySet{metadataURL: slow.URL, issuer: entrasim.ChannelIssuer, http: slow.Client(), now: time.Now}
	errs := make(chan error, 2)
	get := func() {
		_, err := set.key(t.Context(), "kid-of-nobody")
		errs <- err
	}
	go get()
	<-asked // the first reading is under way
	if _, found, fetch := set.look("kid-of-nobody"); found || !fetch {
		t.Errorf("while the keys are read: found %v, waits %v; want it to wait", found, fetch)
	}
	go get()
	close(release)
	for range 2 {
		if err := <-errs; err == nil {
			t.Error("a key that nobody has was found")
		}
	}
	if n := entra.KeyFetches(); n != 1 {
		t.Errorf("the keys were read %d times, want once", n)
	}
	if _, _, fetch := set.look("kid-of-nobody"); fetch {
		t.Error("an unknown key id makes the keys be read again at once")
	}
}
