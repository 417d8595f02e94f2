package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// JiraConfig connects imbot with Jira, Cloud or Data Center.
type JiraConfig struct {
	URL           string `yaml:"url"`   // required
	Email         string `yaml:"email"` // Cloud: of the account that imbot uses, with api_token
	APIToken      Secret `yaml:"api_token"`
	PersonalToken Secret `yaml:"personal_token"` // Data Center: instead of the two

	WebhookSecret  Secret   `yaml:"webhook_secret"`  // this, or webhook_secrets
	WebhookSecrets []Secret `yaml:"webhook_secrets"` // several while one is being replaced

	Project        string            `yaml:"project"`         // key; of squads without jira_project; required
	PrivateProject string            `yaml:"private_project"` // key; of private incidents; "": they get no tickets
	Type           string            `yaml:"type"`            // of actions; default Task
	PostmortemType string            `yaml:"postmortem_type"` // of the task to write an RCA; default type
	Label          string            `yaml:"label"`           // of all tickets, and what their markers begin with; default imbot
	Labels         []string          `yaml:"labels"`          // further ones
	Priorities     map[string]string `yaml:"priorities"`      // by level: name or id in Jira
	Fields         map[string]string `yaml:"fields"`          // further fields by id
	Due            JiraDueConfig     `yaml:"due"`
}

// JiraDueConfig is how long after they are made tickets are due.
type JiraDueConfig struct {
	Postmortem Duration `yaml:"postmortem"` // default 5d; 0s: no date
	Action     Duration `yaml:"action"`     // of actions without a date; default 0s: no date
}

// secrets are all secrets of the webhook.
func (j *JiraConfig) secrets() []string {
	var out []string
	for _, s := range append([]Secret{j.WebhookSecret}, j.WebhookSecrets...) {
		if s != "" {
			out = append(out, s.Reveal())
		}
	}
	return out
}

var (
	jiraProjectShape = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,49}$`)
	jiraLabelShape   = regexp.MustCompile(`^[^\s"\\\p{Cc}]{1,200}$`)
	jiraMarkShape    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,49}$`)
	jiraFieldShape   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,99}$`)
)

// ownFields are the fields of Jira's that imbot sets itself.
var ownFields = []string{"project", "issuetype", "summary", "description", "labels", "assignee", "duedate", "priority", "status", "reporter"}

func checkJiraProject(s string) error {
	if !jiraProjectShape.MatchString(s) {
		return errors.New("is not a key of a Jira project; write it in capitals, as in OPS")
	}
	return nil
}

func checkJiraLabel(s string) error {
	if !jiraLabelShape.MatchString(s) {
		return errors.New("is no label; use no spaces, quotes or backslashes, at most 200 characters")
	}
	return nil
}

func (k *configCheck) jira(j *JiraConfig) {
	if !k.missing("jira.url", j.URL, "add it, as in url: https://example.atlassian.net") {
		k.url("jira.url", &j.URL)
	}
	k.jiraCredentials(j)
	if len(j.secrets()) == 0 && !k.failed("jira.webhook_secret") && !k.failed("jira.webhook_secrets") {
		k.doc.Errorf("jira.webhook_secret", "jira.webhook_secret is missing; without one every webhook would be refused: add the secret that the webhook in Jira has, or remove the section")
	}
	for i, s := range j.WebhookSecrets {
		if at := fmt.Sprintf("jira.webhook_secrets[%d]", i); strings.TrimSpace(s.Reveal()) == "" && !k.failed(at) {
			k.doc.Errorf(at, "this secret is empty; fill it in or remove it")
		}
	}
	if !k.missing("jira.project", j.Project, "add the key of the project for tickets, as in project: OPS") {
		k.check("jira.project", j.Project, checkJiraProject)
	}
	k.check("jira.private_project", j.PrivateProject, checkJiraProject)
	if j.PrivateProject != "" && j.PrivateProject == j.Project {
		k.doc.Errorf("jira.private_project", "private incidents would be seen by all who see %s; use a project that only those may browse who may know of them", j.Project)
	}
	k.jiraIssues(j)
	k.span("jira.due.postmortem", &j.Due.Postmortem, 5*24*time.Hour, 0, 365*24*time.Hour)
	k.span("jira.due.action", &j.Due.Action, 0, 0, 365*24*time.Hour)
}

func (k *configCheck) jiraCredentials(j *JiraConfig) {
	k.mailAddress("jira.email", j.Email)
	switch cloud, own := j.APIToken != "", j.PersonalToken != ""; {
	case k.failed("jira.api_token"), k.failed("jira.personal_token"):
	case cloud && own:
		k.doc.Errorf("jira.personal_token", "there are two credentials; keep email and api_token for Jira Cloud, or personal_token for Data Center")
	case !cloud && !own:
		k.doc.Errorf("jira.api_token", "jira has no credentials; add email and api_token for Jira Cloud, or personal_token for Data Center")
	case cloud && j.Email == "" && !k.failed("jira.email"):
		k.doc.Errorf("jira.email", "jira.email is missing; add the address of the account that the API token belongs to")
	}
}

func (k *configCheck) jiraIssues(j *JiraConfig) {
	if j.Type == "" {
		j.Type = "Task"
	}
	if j.PostmortemType == "" {
		j.PostmortemType = j.Type
	}
	if j.Label == "" {
		j.Label = "imbot"
	}
	k.check("jira.label", j.Label, func(s string) error {
		if !jiraMarkShape.MatchString(s) {
			return errors.New(`is no label; use letters, digits, ".", "_" and "-", at most 50, a letter first`)
		}
		return nil
	})
	for i, l := range j.Labels {
		at := fmt.Sprintf("jira.labels[%d]", i)
		if l == "" && !k.failed(at) {
			k.doc.Errorf(at, "this label is empty; fill it in or remove it")
		}
		k.check(at, l, checkJiraLabel)
	}
	for _, level := range slices.Sorted(maps.Keys(j.Priorities)) {
		if _, ok := k.c.Levels.Get(level); !ok && !k.lost {
			k.doc.Errorf("jira.priorities."+level, "there is no level %q%s", level, k.doc.Hint(level, k.c.Levels.Keys()))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(j.Fields)) {
		switch at := "jira.fields." + id; {
		case slices.Contains(ownFields, id):
			k.doc.Errorf(at, "imbot sets the field %s itself; remove it here", id)
		case !jiraFieldShape.MatchString(id):
			k.doc.Errorf(at, "%s is not an id of a field in Jira; write it as in customfield_10010", k.doc.Quote(at, id))
		}
	}
}
