package pages

import (
	"io"
	"net/http"

	"imbot/postmortem"
)

// document answers with the whole postmortem as a file, in the visitor's
// language.
func (s *server) document(w http.ResponseWriter, r *http.Request, v *visitor) error {
	id, err := idOf(r)
	if err != nil {
		return err
	}
	q, err := s.Reader.Whole(r.Context(), v.Viewer, id)
	if err != nil {
		return err
	}
	d := postmortem.Document(q, postmortem.Options{Lang: v.Lang(), Zone: s.Location})
	w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+id.String()+`.md"`)
	_, _ = io.WriteString(w, d.Markdown()) // nobody is left to tell
	return nil
}
