package commands

import (
	"maps"
	"slices"
	"strings"

	"imbot/incident"
)

// roomOps is how people say what is to be done about a war room.
var roomOps = map[string]string{
	"open": incident.RoomOpOpen, "start": incident.RoomOpOpen, "create": incident.RoomOpOpen, "new": incident.RoomOpOpen, "buka": incident.RoomOpOpen,
	"add": incident.RoomOpAdd, "invite": incident.RoomOpAdd, "call": incident.RoomOpAdd, "bring": incident.RoomOpAdd, "tambah": incident.RoomOpAdd, "undang": incident.RoomOpAdd,
	"join": incident.RoomOpJoin, "enter": incident.RoomOpJoin, "me": incident.RoomOpJoin, "masuk": incident.RoomOpJoin,
	"rename": incident.RoomOpRename, "name": incident.RoomOpRename, "title": incident.RoomOpRename, "topic": incident.RoomOpRename,
	"split": incident.RoomOpSplit, "own": incident.RoomOpSplit, "separate": incident.RoomOpSplit, "apart": incident.RoomOpSplit,
}

// roomFillers say nothing about what is to be done.
var roomFillers = []string{"to", "the", "a", "room", "in", "into", "it", "of", "for", "as", "its", "please", "and", "dan"}

var roomArgs = []arg{
	{name: "op", kind: kindChoice, pos: true, words: roomOps, show: "open|add|join|rename|split", put: func(r *Request, v value) { r.args().Op = v.str }},
	{name: "person", kind: kindPerson, pos: true, many: true, put: putPeople},
	{name: "name", kind: kindText, pos: true, put: func(r *Request, v value) { r.args().Name = v.str }},
}

func putPeople(r *Request, v value) {
	putPerson(r, v)
	for _, m := range v.more {
		r.args().People = append(r.args().People, m.who)
	}
}

// arrangeRoom gives the words about a war room their places: "room", "room add
// @Ani", "room @Ani", "room rename the payments fire", "room INC-42 split".
func arrangeRoom(v *verb, text string, tokens []token, env *Env) (incident.ID, []token, *incident.Problem) {
	id, tokens, p := v.takeID(tokens, env)
	if p != nil {
		return 0, nil, p
	}
	var out, rest []token
	op := ""
	for _, t := range tokens {
		switch {
		case t.field == "op":
			op = roomOps[strings.ToLower(t.text)]
			out = append(out, t)
		case t.field != "":
			out = append(out, t)
		default:
			rest = append(rest, t)
		}
	}
	if op == "" && len(rest) > 0 {
		if op, rest, p = roomOp(v, rest, env); p != nil {
			return 0, nil, p
		}
		out = append(out, token{from: rest0(tokens).from, to: rest0(tokens).to, field: "op", text: op})
	}
	if op == incident.RoomOpRename {
		for len(rest) > 1 && !rest[0].quoted && (rest[0].text == "to" || rest[0].text == "as") {
			rest = rest[1:]
		}
		return id, append(out, joined("name", text, rest, env)...), nil
	}
	id, rest = roomRest(id, rest)
	for op == incident.RoomOpAdd && len(rest) > 0 {
		rest[0].field = "person"
		out, rest = append(out, rest[0]), rest[1:]
	}
	if len(rest) > 0 {
		return 0, nil, problem("", "too_much", "typed", quote(rest[0].text), "verb", v.name, "example", env.exampleFor(v))
	}
	return id, out, nil
}

func rest0(tokens []token) token {
	if len(tokens) == 0 {
		return token{}
	}
	return tokens[0]
}

// roomOp reads what is to be done off the first of the words. A person alone is
// to be added.
func roomOp(v *verb, rest []token, env *Env) (string, []token, *incident.Problem) {
	t := &rest[0]
	word := strings.ToLower(strings.TrimRight(t.text, ".,:;!?"))
	switch {
	case t.who != nil || strings.Contains(word, "@"):
		return incident.RoomOpAdd, rest, nil
	case !t.quoted && roomOps[word] != "":
		return roomOps[word], rest[1:], nil
	case !t.quoted && slices.Contains(roomFillers, word) && len(rest) > 1:
		return roomOp(v, rest[1:], env)
	}
	if near := nearest(word, slices.Sorted(maps.Keys(roomOps))); near != "" && !t.quoted {
		return "", nil, problem("op", "word_near", "typed", quote(t.text), "word", near, "example", env.exampleFor(v))
	}
	return "", nil, problem("", "too_much", "typed", quote(t.text), "verb", v.name, "example", env.exampleFor(v))
}

// roomRest drops words that say nothing, and takes an id that stands last.
func roomRest(id incident.ID, rest []token) (incident.ID, []token) {
	var out []token
	for i := range rest {
		t := rest[i]
		if other, ok := explicitID(&t); ok {
			id = other
			continue
		}
		if !t.quoted && t.who == nil {
			t.text = strings.TrimRight(t.text, ",;")
		}
		if t.quoted || t.who != nil || t.text != "" && !slices.Contains(roomFillers, strings.ToLower(t.text)) {
			out = append(out, t)
		}
	}
	return id, out
}
