package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// While no imbot runs, the command line works on the store itself. While one
// does, that has the store's file locked, and is asked by HTTP instead. This file
// has both ends of that.

// localAdmin lets in who is on this machine and has an admin's token. All
// hashes are compared, in constant time: how long it takes tells nothing.
func (a *app) localAdmin(r *http.Request) (status int, text string) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	if err != nil || ip == nil || !ip.IsLoopback() || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return http.StatusForbidden, "this is for imbot's own command line, on its own machine only"
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return http.StatusUnauthorized, "send an admin's token: Authorization: Bearer …"
	}
	hash, found := sha256.Sum256([]byte(secret)), 0
	for _, t := range a.cfg.API.Tokens {
		if want := sha256.Sum256([]byte(t.Token.Reveal())); t.Role == "admin" && t.Token != "" {
			found |= subtle.ConstantTimeCompare(hash[:], want[:])
		}
	}
	if found != 1 {
		return http.StatusForbidden, "this is for admins' tokens only"
	}
	return http.StatusOK, ""
}

func answerJSON(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc) // the caller may be gone
}

func answerText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// running is the imbot that has the store's file locked.
type running struct {
	base  string // its URL
	token string // an admin's
}

func runningImbot(cfg *Config) (*running, error) {
	i := slices.IndexFunc(cfg.API.Tokens, func(t APIToken) bool { return t.Role == "admin" })
	if i < 0 {
		return nil, errors.New("the store is in use: add an API token with role admin to the configuration, so that the running imbot can be asked; or stop it for this")
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, err
	}
	if !isLoopback(host) {
		host = "127.0.0.1"
	}
	return &running{"http://" + net.JoinHostPort(host, port), cfg.API.Tokens[i].Token.Reveal()}, nil
}

// do makes a request. An answer that is neither 200 nor 422, which tells what is
// wrong with the request, is an error. body is sent as JSON; nil sends none. The caller closes the body, and ends ctx
// when it has waited enough.
func (r *running) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var sent io.Reader
	if body != nil {
		doc, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(doc)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, sent)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the store is in use, and no imbot answers at %s: %w; if it listens on another address, stop it for this", req.URL.Host, err)
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusUnprocessableEntity:
		return resp, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("what answers at %s is no imbot of this version: restart it", req.URL.Host)
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 300)) // what could be read is told
	return nil, fmt.Errorf("the running imbot refuses: %s (%s)", strings.TrimSpace(string(text)), resp.Status)
}

// maxAnswer bounds what ask reads: a report of calls has at most 40,000 of each
// source.
const maxAnswer = 256 << 20

// ask makes a request whose answer is one JSON document.
func (r *running) ask(ctx context.Context, method, path string, body, into any) error {
	resp, err := r.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the answer of the running imbot: %w", err)
	case len(data) > maxAnswer:
		return errors.New("the answer of the running imbot is too long")
	}
	return understood(json.Unmarshal(data, into))
}

// understood says what is behind an answer that can't be read.
func understood(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the running imbot's answer is not understood (is it of another version?): %w", err)
}
