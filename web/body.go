package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 1 << 20

// readBody returns the JSON body of a request. What it says is checked by
// whoever reads it.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || kind != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) || r.Header.Get("Content-Encoding") != "" {
		return nil, &httpError{
			status: http.StatusUnsupportedMediaType, key: "not_json", detail: "Send JSON: Content-Type: application/json, in UTF-8, not compressed.",
			header: map[string]string{"Accept-Post": "application/json"},
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &httpError{status: http.StatusRequestEntityTooLarge, key: "body_too_large", detail: "The body is too large: at most 1 MiB."}
	case err != nil:
		return nil, &httpError{status: http.StatusBadRequest, key: "body_cut", detail: "The body ended before it was complete."}
	}
	return body, nil
}
