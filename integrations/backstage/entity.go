package backstage

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"imbot/integrations/internal/fit"
)

// DefaultNamespace is the namespace of entities that name none.
const DefaultNamespace = "default"

// Kinds of entities that depend on each other.
const (
	kindComponent = "component"
	kindResource  = "resource"
	kindAPI       = "api"
)

// maxPart bounds each part of a reference; Backstage's own limit is 63.
// https://backstage.io/docs/features/software-catalog/descriptor-format/#name-required
const maxPart = 100

// Entity is a component, resource or API, with what it has to do with others.
// The references are whole and in lower case, as [Ref.String] writes them.
type Entity struct {
	Kind      string // "component", "resource" or "api"
	Namespace string // as written; "default" where none is
	Name      string // as written
	Type      string // such as "service", "database" or "openapi", or ""

	DependsOn    []string // components, resources and APIs that it needs
	DependencyOf []string // those that need it
	Consumes     []string // APIs that it calls
	Provides     []string // APIs that it has
	ConsumedBy   []string // of an API: who calls it
	ProvidedBy   []string // of an API: who has it
}

// Ref returns the entity's reference, such as "component:default/checkout".
func (e Entity) Ref() string { return Ref{e.Kind, e.Namespace, e.Name}.String() }

// Ref names an entity.
type Ref struct{ Kind, Namespace, Name string }

// String is the whole reference, in lower case: Backstage does not tell upper
// and lower case apart.
func (r Ref) String() string { return strings.ToLower(r.Kind + ":" + r.Namespace + "/" + r.Name) }

// Short is the name alone in the default namespace, else with the namespace.
func (r Ref) Short() string {
	if strings.EqualFold(r.Namespace, DefaultNamespace) {
		return r.Name
	}
	return r.Namespace + "/" + r.Name
}

// ParseRef reads a reference of the form [kind:][namespace/]name, with defaults
// for what it leaves out.
// https://backstage.io/docs/features/software-catalog/references/
func ParseRef(s, kind, namespace string) (Ref, error) {
	r := Ref{kind, namespace, s}
	if before, after, ok := strings.Cut(r.Name, ":"); ok {
		r.Kind, r.Name = before, after
	}
	if before, after, ok := strings.Cut(r.Name, "/"); ok {
		r.Namespace, r.Name = before, after
	}
	if !isPart(r.Kind) || !isPart(r.Namespace) || !isPart(r.Name) {
		return Ref{}, fmt.Errorf("%q is no reference to an entity; write it as in component:default/checkout", fit.Line(s, 80))
	}
	return r, nil
}

func isPart(s string) bool {
	return s != "" && len(s) <= maxPart && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r == ':' || r == '/' || r == utf8.RuneError || unicode.IsSpace(r) || fit.Hidden(r)
	})
}

// relation returns the list of e that a type of relation belongs to, or nil.
func (e *Entity) relation(kind string) *[]string {
	switch kind {
	case "dependsOn":
		return &e.DependsOn
	case "dependencyOf":
		return &e.DependencyOf
	case "consumesApi":
		return &e.Consumes
	case "providesApi":
		return &e.Provides
	case "apiConsumedBy":
		return &e.ConsumedBy
	case "apiProvidedBy":
		return &e.ProvidedBy
	}
	return nil
}

// wireEntity is an entity in an answer of Backstage.
type wireEntity struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		Type any `json:"type"` // of odd kinds it is no text
	} `json:"spec"`
	Relations []struct {
		Type      string `json:"type"`
		TargetRef string `json:"targetRef"`
	} `json:"relations"`
}

// entity returns the entity, and whether it is one that depends on others.
func (w wireEntity) entity() (Entity, bool) {
	typ, _ := w.Spec.Type.(string)
	e, ok := newEntity(w.Kind, w.Metadata.Namespace, w.Metadata.Name, typ)
	if !ok {
		return Entity{}, false
	}
	for _, r := range w.Relations {
		list := e.relation(r.Type)
		if list == nil {
			continue
		}
		if ref, err := ParseRef(r.TargetRef, "", e.Namespace); err == nil {
			*list = append(*list, ref.String())
		}
	}
	return e, true
}

// newEntity returns an entity, and whether it can be one that depends on
// others.
func newEntity(kind, namespace, name, typ string) (Entity, bool) {
	if namespace == "" {
		namespace = DefaultNamespace
	}
	e := Entity{Kind: strings.ToLower(kind), Namespace: namespace, Name: name, Type: fit.Line(strings.ToValidUTF8(typ, ""), maxPart)}
	switch e.Kind {
	case kindComponent, kindResource, kindAPI:
		return e, isPart(namespace) && isPart(name)
	}
	return e, false
}
