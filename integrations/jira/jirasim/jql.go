package jirasim

import (
	"fmt"
	"slices"
	"strings"
)

// query is JQL as far as it is understood: comparisons joined by AND, and an
// order. https://support.atlassian.com/jira-software-cloud/docs/jql-fields/
type query struct {
	tests []test
	order []order
}

type test struct {
	field, op string
	values    []string
}

type order struct {
	field string
	desc  bool
}

// operators are those that each field has.
var operators = map[string][]string{
	"project": {"=", "!=", "in", "not in"}, "labels": {"=", "!=", "in", "not in"}, "key": {"=", "!=", "in", "not in"},
	"status": {"=", "!=", "in", "not in"}, "statuscategory": {"=", "!=", "in", "not in"}, "assignee": {"=", "!=", "in", "not in"},
	"updated": {"=", "!=", ">", ">=", "<", "<="}, "created": {"=", "!=", ">", ">=", "<", "<="},
}

var aliases = map[string]string{"issuekey": "key", "id": "key", "issue": "key", "createddate": "created", "updateddate": "updated"}

// complaint is what Jira says about a query, word for word.
type complaint string

func (c complaint) Error() string { return string(c) }

func saying(format string, args ...any) error { return complaint(fmt.Sprintf(format, args...)) }

// parseJQL returns the query, or what Jira says about its mistakes.
func parseJQL(jql string) (query, error) {
	words, err := lex(jql)
	if err != nil {
		return query{}, err
	}
	p := &jqlParser{words: words}
	var q query
	for !p.at("order") && !p.done() {
		if len(q.tests) > 0 && !p.take("and") {
			return q, saying("Error in the JQL Query: Expecting either 'OR' or 'AND' but got '%s'.", p.peek())
		}
		t, err := p.test()
		if err != nil {
			return q, err
		}
		q.tests = append(q.tests, t)
	}
	if p.take("order") {
		if !p.take("by") {
			return q, saying("Error in the JQL Query: Expecting 'by' but got '%s'.", p.peek())
		}
		for first := true; first || p.take(","); first = false {
			field, err := p.field()
			if err != nil {
				return q, err
			}
			o := order{field: field, desc: p.take("desc")}
			if !o.desc {
				p.take("asc")
			}
			q.order = append(q.order, o)
		}
	}
	if !p.done() {
		return q, saying("Error in the JQL Query: Expecting ',' or end of query but got '%s'.", p.peek())
	}
	return q, nil
}

// word is a token: quoted ones are never keywords.
type word struct {
	text   string
	quoted bool
}

func lex(jql string) ([]word, error) {
	var out []word
	for i := 0; i < len(jql); {
		c := jql[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n':
			i++
		case c == '"' || c == '\'':
			var b strings.Builder
			j := i + 1
			for j < len(jql) && jql[j] != c {
				if jql[j] == '\\' && j+1 < len(jql) {
					j++
				}
				b.WriteByte(jql[j])
				j++
			}
			if j >= len(jql) {
				return nil, saying("Error in the JQL Query: The quoted string '%s' has not been completed.", b.String())
			}
			out = append(out, word{b.String(), true})
			i = j + 1
		case strings.IndexByte("(),", c) >= 0:
			out = append(out, word{text: string(c)})
			i++
		case strings.IndexByte("=!<>~", c) >= 0:
			j := i + 1
			for j < len(jql) && strings.IndexByte("=~", jql[j]) >= 0 {
				j++
			}
			out = append(out, word{text: jql[i:j]})
			i = j
		default:
			j := i
			for j < len(jql) && strings.IndexByte(" \t\n\"'(),=!<>~", jql[j]) < 0 {
				j++
			}
			out = append(out, word{text: jql[i:j]})
			i = j
		}
	}
	return out, nil
}

type jqlParser struct{ words []word }

func (p *jqlParser) done() bool { return len(p.words) == 0 }

func (p *jqlParser) peek() string {
	if p.done() {
		return "end of query"
	}
	return p.words[0].text
}

func (p *jqlParser) at(keyword string) bool {
	return !p.done() && !p.words[0].quoted && strings.EqualFold(p.words[0].text, keyword)
}

func (p *jqlParser) take(keyword string) bool {
	if !p.at(keyword) {
		return false
	}
	p.words = p.words[1:]
	return true
}

func (p *jqlParser) next() string {
	s := p.peek()
	if !p.done() {
		p.words = p.words[1:]
	}
	return s
}

func (p *jqlParser) field() (string, error) {
	if p.done() {
		return "", saying("Error in the JQL Query: Expecting a field name at the end of the query.")
	}
	name := p.next()
	field := strings.ToLower(name)
	if alias, ok := aliases[field]; ok {
		field = alias
	}
	if operators[field] == nil {
		return "", saying("Field '%s' does not exist or you do not have permission to view it.", name)
	}
	return field, nil
}

func (p *jqlParser) test() (test, error) {
	field, err := p.field()
	if err != nil {
		return test{}, err
	}
	t := test{field: field, op: strings.ToLower(p.next())}
	if t.op == "not" && p.take("in") {
		t.op = "not in"
	}
	if !slices.Contains(operators[field], t.op) {
		return t, saying("The operator '%s' is not supported by the '%s' field.", t.op, field)
	}
	if t.op != "in" && t.op != "not in" {
		if p.done() || p.words[0].text == "(" {
			return t, saying("Error in the JQL Query: Expecting either a value, list or function but got '%s'.", p.peek())
		}
		t.values = []string{p.next()}
		return t, nil
	}
	if !p.take("(") {
		return t, saying("Error in the JQL Query: Expecting '(' but got '%s'.", p.peek())
	}
	for first := true; first || p.take(","); first = false {
		if p.done() || p.at(")") {
			return t, saying("Error in the JQL Query: Expecting a value but got '%s'.", p.peek())
		}
		t.values = append(t.values, p.next())
	}
	if !p.take(")") {
		return t, saying("Error in the JQL Query: Expecting ')' before the end of the query.")
	}
	return t, nil
}
