package postmortem

import (
	"imbot/incident"
	"imbot/query"
)

// causes are the changes that people say have caused it.
func (w *writer) causes() []Block {
	var l List
	for _, c := range w.inc.Confirmed() {
		i := Item{Cell: Cell{link(c.Title, c.URL)}}
		i.Sub = append(i.Sub, plain(join(" · ", w.service(c.Service), line(c.Version, maxName), w.when(c.At), w.t("doc.said", "who", person(c.By)))))
		l.Items = append(l.Items, i)
	}
	if len(l.Items) == 0 {
		return nil
	}
	return []Block{l}
}

// service is what a service is called, where that is known from the incident or
// the changes near it.
func (w *writer) service(key string) string {
	for i := range w.v.Changes {
		if c := &w.v.Changes[i]; c.Service == key && c.ServiceName != "" {
			return line(c.ServiceName, maxName)
		}
	}
	if key == w.inc.Service {
		return line(w.v.ServiceName(), maxName)
	}
	return line(key, maxName)
}

// relative is an incident beside this one.
func (w *writer) relative(r *query.Related) Cell {
	about := join(" · ", line(r.Title, incident.MaxTitle), line(r.Service, maxName), w.t("status."+string(r.Status)), w.when(r.OpenedAt))
	return Cell{link(r.ID.String(), w.pageOf(r.ID)), {Text: " " + about}}
}

// pageOf is the page of another incident; "" where there are no pages.
func (w *writer) pageOf(id incident.ID) string {
	own := "/" + w.inc.ID.String()
	base := w.v.Page
	if len(base) < len(own) || base[len(base)-len(own):] != own {
		return ""
	}
	return base[:len(base)-len(own)] + "/" + id.String()
}

// tree is what the incident is tied to: its cause above, what follows from it
// below, and what is linked to that.
func (w *writer) tree() []Block {
	var l List
	if up := w.inc.Link; up != nil {
		l.Items = append(l.Items, w.parent(up))
	}
	for i := range w.v.Children {
		c := &w.v.Children[i]
		item := Item{Cell: append(w.kind(c), w.relative(c)...)}
		for j := range w.v.Below[c.ID] {
			b := &w.v.Below[c.ID][j]
			item.Sub = append(item.Sub, append(w.kind(b), w.relative(b)...))
		}
		l.Items = append(l.Items, item)
	}
	if more := len(w.inc.Children) - len(w.v.Children) + w.inc.MoreChildren; more > 0 && len(w.v.Children) > 0 {
		l.Items = append(l.Items, Item{Cell: plain(w.say.N("card.more", more))})
	}
	if len(l.Items) == 0 {
		return nil
	}
	return []Block{l}
}

// parent is what the incident is a duplicate or a consequence of, and why.
func (w *writer) parent(l *incident.Link) Item {
	item := Item{Cell: Cell{{Text: w.t("link."+l.Kind, "parent", ""), Bold: true}}}
	switch {
	case w.v.Parent != nil:
		item.Cell = append(item.Cell, w.relative(w.v.Parent)...)
	case l.Parent != 0:
		item.Cell = append(item.Cell, link(l.Parent.String(), w.pageOf(l.Parent)))
	case l.ParentRef != nil:
		item.Cell = append(item.Cell, link(l.ParentRef.ID, l.ParentRef.URL))
	}
	if rule := w.rule(l); rule != "" {
		item.Sub = append(item.Sub, plain(rule))
	}
	return item
}

// kind says how a relative is tied to its parent.
func (w *writer) kind(r *query.Related) Cell {
	if r.Link == nil {
		return nil
	}
	return Cell{{Text: w.t("kind."+r.Link.Kind) + ": "}}
}

// rule says what made the link.
func (w *writer) rule(l *incident.Link) string {
	if l.Rule == incident.RulePerson {
		return w.t("rule.person_who", "who", person(l.By))
	}
	return line(w.say.Rule(l.Rule), maxName)
}

// similar are earlier incidents like it, and what helped then.
func (w *writer) similar() []Block {
	var l List
	for i := range w.v.Similar {
		x := &w.v.Similar[i]
		item := Item{Cell: w.relative(&x.Related)}
		add := func(key, text string) {
			if text = line(text, maxLine); text != "" {
				item.Sub = append(item.Sub, Cell{{Text: w.t(key) + ": ", Bold: true}, {Text: text}})
			}
		}
		if x.Lasted > 0 {
			item.Sub = append(item.Sub, plain(w.t("similar.lasted", "duration", w.say.Duration(x.Lasted))))
		}
		add("similar.cause", x.Cause)
		add("similar.fix", x.Fix)
		l.Items = append(l.Items, item)
	}
	if len(l.Items) == 0 {
		return nil
	}
	return []Block{l}
}
