package manifest

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// ExtensionCommand is one command of the message extension: an action that opens a dialog, or a search.
type ExtensionCommand struct {
	// ID is what the bot knows the command by: letters, digits and hyphens, at most 64.
	ID string
	// Title has at most 32 characters, Description one line of at most 128.
	Title, Description string
	// Action says that the command opens a dialog which the bot provides. Else it searches, at first without a word.
	Action bool
	// Contexts are where it is offered, of ContextMessage, ContextCompose and ContextCommandBox. Required.
	Contexts []string
	// Parameter is the name of what is searched for, ParameterTitle what its field says. Required for a search.
	Parameter, ParameterTitle string
	// Slash offers an action among the slash commands, where Options.Preview is set.
	Slash bool
}

// The contexts of a command of the message extension.
const (
	ContextMessage    = "message"    // the menu of a message
	ContextCompose    = "compose"    // the field in which messages are written
	ContextCommandBox = "commandBox" // the field at the top of Teams
)

var (
	contexts  = []string{ContextMessage, ContextCompose, ContextCommandBox}
	idPattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
)

type extension struct {
	BotID    string             `json:"botId"`
	Commands []extensionCommand `json:"commands"`
	Handlers []handler          `json:"messageHandlers,omitempty"`
}

type extensionCommand struct {
	ID          string      `json:"id"`
	Type        string      `json:"type"`
	Triggers    []string    `json:"triggers,omitempty"`
	Context     []string    `json:"context"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	InitialRun  bool        `json:"initialRun,omitempty"`
	FetchTask   bool        `json:"fetchTask,omitempty"`
	Parameters  []parameter `json:"parameters,omitempty"`
}

type parameter struct {
	Name      string `json:"name"`
	Title     string `json:"title"`
	InputType string `json:"inputType"`
}

type handler struct {
	Type  string       `json:"type"`
	Value handlerValue `json:"value"`
}

type handlerValue struct {
	Domains []string `json:"domains"`
}

// extend is the message extension of complete options; nil for none. Links to PublicURL are unfurled for people who
// have the app: never anonymously, as what they lead to is the company's.
// https://learn.microsoft.com/microsoftteams/platform/messaging-extensions/how-to/link-unfurling
func extend(o Options) *extension {
	if len(o.Extension) == 0 {
		return nil
	}
	x := &extension{BotID: o.AppID}
	for _, c := range o.Extension {
		e := extensionCommand{ID: c.ID, Type: "query", Context: c.Contexts, Title: c.Title, Description: c.Description}
		if c.Action {
			e.Type, e.FetchTask = "action", true
			if c.Slash && o.Preview {
				e.Triggers = []string{"slash"}
			}
		} else {
			e.InitialRun, e.Parameters = true, []parameter{{Name: c.Parameter, Title: c.ParameterTitle, InputType: "text"}}
		}
		x.Commands = append(x.Commands, e)
	}
	if u, err := url.Parse(o.PublicURL); err == nil && u.Hostname() != "" {
		x.Handlers = []handler{{Type: "link", Value: handlerValue{Domains: []string{strings.ToLower(u.Hostname())}}}}
	}
	return x
}

func checkExtension(commands []ExtensionCommand) error {
	var errs []error
	note := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	note(len(commands) > maxCommands, "%d commands of the message extension: Teams takes %d", len(commands), maxCommands)
	seen := map[string]bool{}
	for _, c := range commands {
		what := fmt.Sprintf("command %q of the message extension", c.ID)
		note(!idPattern.MatchString(c.ID), "%s needs an id of letters, digits and hyphens, at most 64", what)
		note(seen[c.ID], "%s is there twice: list it once", what)
		note(strings.TrimSpace(c.Title) == "" || strings.TrimSpace(c.Description) == "", "%s needs a title and a description", what)
		note(len(c.Contexts) == 0, "%s is offered nowhere: give it a context", what)
		note(!c.Action && (!idPattern.MatchString(c.Parameter) || strings.TrimSpace(c.ParameterTitle) == ""), "%s searches: it needs a parameter with a title", what)
		for _, x := range c.Contexts {
			note(!slices.Contains(contexts, x), "%s has the context %q: use %s", what, x, strings.Join(contexts, ", "))
		}
		note(len(c.Contexts) > len(contexts), "%s has a context twice", what)
		errs = append(errs, checkText("title of "+what, c.Title, maxTitle), checkText("description of "+what, c.Description, maxDescription),
			checkText("parameter of "+what, c.ParameterTitle, maxTitle))
		seen[c.ID] = true
	}
	return errors.Join(errs...)
}
