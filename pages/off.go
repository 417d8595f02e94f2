package pages

import (
	"net/http"

	"imbot/locale"
)

// Off returns the handler for where nobody can sign in: every address answers
// 404, with a page that says what to configure. lang is that of those whose
// browser asks for none that there is.
func Off(lang string) http.Handler {
	s := &server{policy: policy(nil)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/style.css", serveStyle)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		want := preferred(r.Header.Get("Accept-Language"))
		if want == "" {
			want = lang
		}
		u := ui{say: locale.For(want)}
		m := message{frame: frame{visitor: &visitor{ui: u}, Title: u.T("web.err.title"), Style: styleURL}, Text: u.T("web.err.off")}
		if s.show(w, http.StatusNotFound, "message", m) != nil {
			http.NotFound(w, r)
		}
	})
	return guard(s.policy, mux)
}
