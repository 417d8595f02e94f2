package web

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"imbot/postmortem"
	"imbot/query"
)

// documentParameters reads the parameters of the postmortem: whether the whole
// document is wanted, and in which language, "" where that is not said.
func documentParameters(raw string) (markdown bool, lang string, err error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return false, "", badParameter("", "The parameters can not be read: encode them as in a=b&c=d.")
	}
	for name, list := range values {
		known := map[string][]string{"format": {"json", "markdown"}, "lang": {"en", "id"}}[name]
		switch {
		case known == nil:
			return false, "", badParameter("", "There is no parameter "+strconv.Quote(clipped(name))+". Parameters are: format, lang.")
		case len(list) > 1:
			return false, "", badParameter(name, name+" is there more than once.")
		case !slices.Contains(known, list[0]):
			return false, "", badParameter(name, name+" is "+known[0]+" or "+known[1]+".")
		}
	}
	return values.Get("format") == "markdown", values.Get("lang"), nil
}

// clipped bounds a name that is repeated in an answer.
func clipped(s string) string { return s[:min(len(s), 40)] }

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
