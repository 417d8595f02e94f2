package authproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"

	"imbot/integrations/botframework/entrasim"
)

func (p *Proxy) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := local(r); err != nil {
			p.refuse(w, r, http.StatusForbidden, err.Error())
			return
		}
		// The Playground waits for its endpoint with HEAD, and takes any status.
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusOK)
			return
		}
		switch {
		case slices.Contains(strings.Split(r.URL.Path, "/"), ".."):
			p.refuse(w, r, http.StatusBadRequest, "odd path")
		case r.URL.Path == messagesPath:
			p.serveMessages(w, r)
		case strings.HasPrefix(r.URL.Path, connectorPath+"/"):
			p.serveConnector(w, r)
		default:
			p.refuse(w, r, http.StatusNotFound, "no such path")
		}
	})
}

// local keeps web pages out. A page in a browser on this machine can make it
// send requests to loopback; such a request has an Origin, or by DNS rebinding
// a foreign Host.
func local(r *http.Request) error {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil || !loopbackHost(host) {
		return errors.New("the Host header is not loopback")
	}
	if r.Header.Get("Origin") != "" {
		return errors.New("requests of web pages are not forwarded")
	}
	return nil
}

func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	p.o.Logger.WarnContext(r.Context(), "signing proxy refused a request", "method", r.Method, "path", r.URL.Path, "status", status, "reason", text)
	body, err := json.Marshal(map[string]any{"error": map[string]string{"code": http.StatusText(status), "message": text}})
	if err != nil {
		body = nil // cannot happen with strings
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, int, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("the body exceeds %d bytes", maxBody)
	case err != nil:
		return nil, http.StatusBadRequest, errors.New("the body cannot be read")
	}
	return body, 0, nil
}

// serveMessages signs an activity of the Playground and hands it to the bot.
func (p *Proxy) serveMessages(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		p.refuse(w, r, http.StatusMethodNotAllowed, "only POST and HEAD")
		return
	}
	if ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || ct != "application/json" {
		p.refuse(w, r, http.StatusUnsupportedMediaType, "the body must be application/json")
		return
	}
	body, status, err := readBody(w, r)
	if err != nil {
		p.refuse(w, r, status, err.Error())
		return
	}
	var a struct {
		ServiceURL string `json:"serviceUrl"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		p.refuse(w, r, http.StatusBadRequest, "the body is no activity")
		return
	}
	// The bot would answer to that address, and its call must come through here.
	if strings.TrimRight(a.ServiceURL, "/") != p.ServiceURL() {
		p.refuse(w, r, http.StatusBadRequest, fmt.Sprintf("the activity's serviceUrl is not the proxy's: start the Playground with --service-url %s", p.ServiceURL()))
		return
	}
	token, err := p.entra.ChannelToken(a.ServiceURL, entrasim.Claim("tid", p.o.TenantID))
	if err != nil {
		p.refuse(w, r, http.StatusInternalServerError, "the activity cannot be signed")
		return
	}
	p.forward(w, r, p.o.BotURL, body, "Bearer "+token, true)
}

// serveConnector checks a call of the bot and hands it to the Playground,
// without the token: that is nothing for anybody else.
func (p *Proxy) serveConnector(w http.ResponseWriter, r *http.Request) {
	if err := p.entra.CheckBearer(r.Header.Get("Authorization"), entrasim.ConnectorAudience); err != nil {
		p.refuse(w, r, http.StatusUnauthorized, "Authorization has been denied for this request.")
		return
	}
	body, status, err := readBody(w, r)
	if err != nil {
		p.refuse(w, r, status, err.Error())
		return
	}
	base := p.playground.Load()
	if base == nil {
		p.refuse(w, r, http.StatusServiceUnavailable, "the Playground is not started yet")
		return
	}
	// The escaped form: ids hold characters that mean something unescaped.
	target := base.Scheme + "://" + base.Host + base.EscapedPath() + r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	p.forward(w, r, target, body, "", false)
}

// forward makes the request to the other side and passes its answer on.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, target string, body []byte, authorization string, toBot bool) {
	ctx, cancel := context.WithTimeout(r.Context(), exchangeTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, target, bytes.NewReader(body))
	if err != nil {
		p.refuse(w, r, http.StatusBadRequest, "odd path")
		return
	}
	for _, name := range []string{"Content-Type", "Accept", "User-Agent", "X-Ms-Agents-Playground"} {
		if v := r.Header.Get(name); v != "" {
			req.Header.Set(name, v)
		}
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := p.o.HTTP.Do(req)
	if err != nil {
		p.o.Logger.WarnContext(ctx, "signing proxy cannot reach the other side", "to_bot", toBot, "err", err)
		p.refuse(w, r, http.StatusBadGateway, "the other side does not answer")
		return
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil || len(answer) > maxBody {
		p.refuse(w, r, http.StatusBadGateway, "the other side's answer cannot be read")
		return
	}
	for _, name := range []string{"Content-Type", "Retry-After"} {
		if v := resp.Header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(answer) // the client may be gone
	if p.o.OnTraffic != nil {
		p.o.OnTraffic(Traffic{
			ToBot: toBot, Method: r.Method, Path: r.URL.RequestURI(),
			Request: body, Status: resp.StatusCode, Response: answer,
		})
	}
}
