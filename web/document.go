package web

import (
	"io"
	"net/http"
	"slices"

	"imbot/postmortem"
	"imbot/query"
)

// documentParameters reads the parameters of the postmortem: whether the whole
// document is wanted, and in which language, "" where that is not said.
func documentParameters(raw string) (markdown bool, lang string, err error) {
	values, err := parameters(raw, "format", "lang")
	if err != nil {
		return false, "", err
	}
	for name, known := range map[string][]string{"format": {"json", "markdown"}, "lang": {"en", "id"}} {
		if v, given := values[name]; given && !slices.Contains(known, v) {
			return false, "", badParameter(name, name+" is "+known[0]+" or "+known[1]+".")
		}
	}
	return values["format"] == "markdown", values["lang"], nil
}

// markdown answers with the whole document of the incident, as far as the caller
// may see it.
func (s *server) markdown(w http.ResponseWriter, r *http.Request, v query.Viewer, lang string) error {
	id, err := idOf(r)
	if err != nil {
		return err
	}
	view, err := s.Reader.Whole(r.Context(), v, id)
	if err != nil {
		return err
	}
	if lang == "" {
		lang = s.Language
	}
	d := postmortem.Document(view, postmortem.Options{Lang: lang, Zone: s.Location})
	w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+id.String()+`.md"`)
	_, err = io.WriteString(w, d.Markdown())
	return written(err)
}
