package bot

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/query"
)

// maxWords bounds what is searched for, in runes.
const maxWords = 200

// find answers a search: an id, words of the title, or what "list" understands.
// Without a word it lists what is open. The results are seen by whoever searches
// alone, but what is chosen goes to the conversation: private incidents are
// found in the 1:1 chat with imbot only.
func (t *turn) find(ctx context.Context, e botframework.Extension) (reply, error) {
	if e.CommandID != CommandFind {
		return extensionMessage(t.text("extension.old")), nil
	}
	words := strings.TrimSpace(incident.Clip(incident.Line(e.Parameters[ParameterWords]), maxWords))
	found, err := t.search(ctx, words, e.Skip, e.Count)
	if err != nil {
		return reply{}, err
	}
	if len(found) == 0 && e.Skip == 0 {
		if words == "" {
			return extensionMessage(t.text("extension.none_open")), nil
		}
		return extensionMessage(t.text("extension.none")), nil
	}
	o := t.options()
	if o.Lang, err = t.shared(ctx); err != nil { // what is chosen is read by all
		return reply{}, err
	}
	mine := o
	mine.Lang = t.lang
	var out []extensionResultCard
	size := 0
	for _, v := range found {
		card := cards.Found(v, t.Now(), o)
		r, err := resultCard(&card, cards.FoundPreview(v, mine))
		if err != nil {
			return reply{}, err
		}
		if size += cards.Size(r.Content); size > cards.MaxSize {
			break
		}
		out = append(out, r)
	}
	return extensionResults(out), nil
}

func (t *turn) search(ctx context.Context, words string, skip, count int) ([]*query.View, error) {
	if id, err := incident.ParseID(words); err == nil {
		v, err := t.Reader.Get(ctx, t.viewer(), id, false)
		if err == nil && skip == 0 {
			return []*query.View{v}, nil
		}
		if err != nil && !errors.Is(err, incident.ErrNotFound) {
			return nil, err
		}
	}
	f := query.Filter{Q: words}
	if words == "" {
		f.Status = []incident.Status{incident.Open}
	} else if req, err := commands.Parse("list "+words, t.env); err == nil && req.Query != nil {
		f = *req.Query
	}
	f.Limit = min(skip+count, query.MaxLimit)
	page, err := t.Reader.List(ctx, t.viewer(), f)
	if err != nil || skip >= len(page.Incidents) {
		return nil, err
	}
	return page.Incidents[skip:], nil
}

// incidentResult is the incident's card, to be sent by a person.
func (t *turn) incidentResult(ctx context.Context, v *query.View) (reply, error) {
	o := t.options()
	o.InDialog = false
	var err error
	if o.Lang, err = t.shared(ctx); err != nil {
		return reply{}, err
	}
	card := cards.Incident(v, o)
	r, err := resultCard(&card, cards.FoundPreview(v, o))
	if err != nil {
		return reply{}, err
	}
	return extensionResults([]extensionResultCard{r}), nil
}

// unfurl answers a pasted link. Of what is private, and of what there is not, it
// says the same: nothing.
func (t *turn) unfurl(ctx context.Context, e botframework.Extension) (reply, error) {
	id, ok := LinkedIncident(t.Reader.PublicURL, e.URL)
	if !ok {
		return extensionResults(nil), nil
	}
	v, err := t.Reader.Get(ctx, query.Everybody, id, false)
	if errors.Is(err, incident.ErrNotFound) {
		return extensionResults(nil), nil
	}
	if err != nil {
		return reply{}, err
	}
	o := t.options()
	if o.Lang, err = t.shared(ctx); err != nil {
		return reply{}, err
	}
	card := cards.Unfurl(v, o)
	r, err := resultCard(&card, cards.UnfurlPreview(v, o))
	if err != nil {
		return reply{}, err
	}
	return extensionResults([]extensionResultCard{r}), nil
}

// LinkedIncident returns the incident that a link leads to: an address below
// publicURL such as https://imbot.example.com/incidents/INC-42, with whatever
// follows in query and fragment.
func LinkedIncident(publicURL, link string) (incident.ID, bool) {
	base, err := url.Parse(publicURL)
	if err != nil || base.Host == "" || len(link) > 2000 {
		return 0, false
	}
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil || u.Scheme != base.Scheme || !strings.EqualFold(u.Host, base.Host) || u.User != nil {
		return 0, false
	}
	rest, ok := strings.CutPrefix(u.Path, strings.TrimSuffix(base.Path, "/")+"/incidents/")
	if !ok {
		return 0, false
	}
	word, more, _ := strings.Cut(rest, "/")
	if more != "" && more != "rca" && more != "rca/" {
		return 0, false
	}
	id, err := incident.ParseID(word)
	return id, err == nil && strings.EqualFold(word, id.String())
}
