package commands

import (
	"strings"
	"time"

	"imbot/incident"
)

// kind is how an argument is read.
type kind int

const (
	kindWord   kind = iota // one word
	kindText               // free text: the rest of the message, or a quoted field
	kindFlag               // yes or no
	kindChoice             // one of arg.words
	kindNumber             // 1 to 9999
	kindPerson             // mail, mention or "me"
	kindClock              // a point in time
	kindDate               // a day, kept as 2006-01-02
	kindKey                // a squad's key in the catalog
	kindSince              // the beginning or end of a span, see Since
	kindStatus             // statuses, separated by commas
	kindID                 // another incident
	kindSpan               // how long: 2h
)

// wants names each kind for whoever sent something else.
var wants = map[kind]string{
	kindWord: "a word", kindText: "text", kindFlag: "true or false", kindChoice: "one of the listed words",
	kindNumber: "a number from 1", kindSince: "a time", kindStatus: "a status",
	kindID: "an incident's id, like INC-42", kindSpan: "a duration, like 2h",
	kindPerson: "a person", kindClock: "a time", kindDate: "a date", kindKey: "a key of the catalog",
}

// value is an argument that was read.
type value struct {
	raw  string // as it was given
	str  string // words, text, choice, date, key
	on   bool   // flag
	num  int
	who  incident.Actor
	me   bool // the speaker, where the edge knows better who that is
	when incident.Stamp
	id   incident.ID
	span time.Duration
	more []value // of an arg.many, after the first
}

// arg is one argument of a verb. Its name is the JSON name of the commands
// endpoint, the name of the chat's field and the id of the card's input.
type arg struct {
	name  string
	kind  kind
	pos   bool              // may be given by its place, in the order of the table
	need  bool              // must be given
	lead  bool              // its bare name, said first, introduces it: close INC-42 waive …
	ahead bool              // kindClock: an hour that is past is tomorrow's
	words map[string]string // kindChoice: what is typed -> what is meant
	show  string            // in the usage line; "" means the name
	put   func(*Request, value)
	many  bool // may be given several times
}

// verb is one row of the table.
type verb struct {
	name    string
	aliases []string
	changes bool // it makes a command
	id      bool // it is about one incident
	loose   bool // what follows may begin with a number: in a thread, only INC-5 and #5 are ids
	args    []arg
	form    string // asks where no argument at all is given; "": what is needed must be said
	example string // without prefix
	menu    int    // place in the bot's menu, from 1; 0: not there
	// arrange gives the words their places, where the general rules would not do:
	// it returns the incident, and fields only.
	arrange func(v *verb, text string, tokens []token, env *Env) (incident.ID, []token, *incident.Problem)
	// finish looks at the whole: it asks for a form, or says what is missing.
	finish func(r *Request, got map[string]value, env *Env) *incident.Problem
}

var (
	verbByName = map[string]*verb{} // names and aliases
	verbNames  []string             // names, then aliases: for nearest
)

func init() {
	for i := range table {
		verbNames = append(verbNames, table[i].name)
		verbByName[table[i].name] = &table[i]
	}
	for i := range table {
		for _, a := range table[i].aliases {
			verbNames = append(verbNames, a)
			verbByName[a] = &table[i]
		}
	}
}

func (v *verb) arg(name string) *arg {
	for i := range v.args {
		if v.args[i].name == name {
			return &v.args[i]
		}
	}
	return nil
}

func (v *verb) argNames() []string {
	out := make([]string, len(v.args))
	for i, a := range v.args {
		out[i] = a.name
	}
	return out
}

// rest is the argument that takes the remaining text; nil where there is none.
func (v *verb) rest() *arg {
	for i := range v.args {
		if v.args[i].pos && v.args[i].kind == kindText {
			return &v.args[i]
		}
	}
	return nil
}

// start begins a request for the verb.
func (v *verb) start(id incident.ID) Request {
	return Request{
		Verb: v.name, Incident: id, Values: map[string]string{},
		Command: &incident.Command{Verb: incident.Verb(v.name), Incident: id},
	}
}

// fill puts the arguments into the request and looks at the whole.
func (v *verb) fill(r *Request, got map[string]value, env *Env) *incident.Problem {
	for i := range v.args {
		a := &v.args[i]
		val, ok := got[a.name]
		if !ok {
			continue
		}
		r.Values[a.name] = val.raw
		a.put(r, val)
		r.Me = r.Me || val.me
	}
	if v.finish != nil {
		if p := v.finish(r, got, env); p != nil {
			return p
		}
	}
	if !v.changes {
		r.Command = nil
	}
	return nil
}

// lacking reports whether a needed argument was not given. What a form can ask
// for is not needed.
func (v *verb) lacking(got map[string]value) bool {
	for i := range v.args {
		if _, ok := got[v.args[i].name]; !ok && v.args[i].need {
			return true
		}
	}
	return false
}

// usage is the verb's shape in one line, such as "level <incident> <level> [reason]".
func (v *verb) usage() string {
	var b strings.Builder
	b.WriteString(v.name)
	if v.id {
		b.WriteString(" <incident>")
	}
	for _, a := range v.args {
		name := a.name
		if a.show != "" {
			name = a.show
		}
		switch {
		case !a.pos:
			b.WriteString(" [" + name + ":…]")
		case a.need:
			b.WriteString(" <" + name + ">")
		default:
			b.WriteString(" [" + name + "]")
		}
	}
	return b.String()
}

// exampleFor renders a verb's example as it works where it is shown.
func (e *Env) exampleFor(v *verb) string {
	s := v.example
	if e.Incident != 0 {
		s = strings.ReplaceAll(s, "INC-42", e.Incident.String())
	}
	return e.Prefix + s
}
