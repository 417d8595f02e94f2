package catalog

import (
	"fmt"
	"slices"
	"strings"

	"imbot/catalog/strictyaml"
	"imbot/incident"
)

// NoticeChange is how a row of the notice table differs from another. What is
// not said stays.
type NoticeChange struct {
	Card      *bool     `yaml:"card"`
	Broadcast *bool     `yaml:"broadcast"`
	Mail      *[]string `yaml:"mail"`   // of owner, squad, stakeholders
	Direct    *[]string `yaml:"direct"` // of owner, lead
	Room      *bool     `yaml:"room"`
	Page      *[]string `yaml:"page"`    // standby roles
	Mention   *[]string `yaml:"mention"` // of oncall, owner, lead
}

// Apply returns base with the change made.
func (c NoticeChange) Apply(base incident.Notice) incident.Notice {
	or(&base.Card, c.Card)
	or(&base.Broadcast, c.Broadcast)
	or(&base.Mail, c.Mail)
	or(&base.Direct, c.Direct)
	or(&base.Room, c.Room)
	or(&base.Page, c.Page)
	or(&base.Mention, c.Mention)
	return base
}

func or[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Check notes in doc what is wrong with the change that stands at path.
func (c NoticeChange) Check(doc *strictyaml.Document, path string) {
	for _, f := range []struct {
		key    string
		values *[]string
		of     []string
	}{
		{"mail", c.Mail, []string{"owner", "squad", "stakeholders"}},
		{"direct", c.Direct, []string{"owner", "lead"}},
		{"mention", c.Mention, []string{"oncall", "owner", "lead"}},
	} {
		if f.values == nil {
			continue
		}
		for i, v := range *f.values {
			at := fmt.Sprintf("%s.%s[%d]", path, f.key, i)
			if !slices.Contains(f.of, v) {
				doc.Errorf(at, "%s cannot be told by %s; use %s", doc.Quote(at, v), f.key, strings.Join(f.of, ", "))
			}
		}
	}
}
