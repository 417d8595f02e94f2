package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"imbot/catalog"
	"imbot/effects"
	"imbot/integrations/jira"
)

// jira checks credentials, projects, types and fields, and that there is a
// webhook to hear from. It creates nothing.
func (d *doctor) jira(ctx context.Context, cat *catalog.Catalog) {
	j := d.cfg.Jira
	if j == nil {
		d.add("jira", checkOff, "no section: tickets are skipped, /webhooks/jira answers 404", "")
		return
	}
	c, err := newJira(j, clock{now: time.Now})
	if err != nil {
		d.add("jira", checkFail, err.Error(), "mend the jira section")
		return
	}
	who, err := c.Check(ctx)
	mend := "check jira.project, and that imbot's user may create issues there"
	var e *jira.Error
	if errors.As(err, &e) && (e.Unauthorized() || e.Status == 0) {
		mend = "check jira.url, and email and api_token (Cloud) or personal_token (Data Center); API tokens end after a year at most"
	}
	d.result("jira", err, who, mend)
	if err != nil {
		return
	}
	for _, p := range jiraProjects(j, cat) {
		for _, kind := range slices.Compact([]string{j.Type, j.PostmortemType}) {
			d.jiraType(ctx, c, p, kind)
		}
	}
	if d.cfg.PublicURL == "" {
		d.add("jira webhook", checkWarn, "without public_url Jira can't reach imbot", "set public_url, and make a webhook in Jira that sends to it: docs/jira.md")
		return
	}
	d.add("jira webhook", checkOK, fmt.Sprintf("%d secret(s); in Jira an administrator's webhook sends issue updated and issue deleted to %s/webhooks/jira (Jira does not tell imbot whether it is there)", len(j.secrets()), d.cfg.PublicURL), "")
}

// jiraProjects are all projects that tickets are made in.
func jiraProjects(j *JiraConfig, cat *catalog.Catalog) []string {
	out := []string{j.Project}
	if j.PrivateProject != "" {
		out = append(out, j.PrivateProject)
	}
	if cat != nil {
		for _, key := range cat.SquadKeys() {
			if p := cat.JiraProject(key); p != "" {
				out = append(out, p)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// jiraType checks what a project wants and takes of one type of issue.
func (d *doctor) jiraType(ctx context.Context, c *jira.Client, project, kind string) {
	j := d.cfg.Jira
	name := "jira " + project + " " + kind
	meta, err := c.CreateMeta(ctx, project, kind)
	if err != nil {
		d.add(name, checkFail, err.Error(), "check the project's key, its issue types, and that imbot's user may create issues there")
		return
	}
	issue := jira.NewIssue{Project: project, Type: kind, Summary: "x", Description: "x", Due: "2030-01-31", Assignee: "x", Labels: []string{j.Label}, Marker: j.Label}
	_, dropped, err := effects.FitTicket(meta, issue, j.Fields)
	if err != nil {
		d.add(name, checkFail, err.Error(), "no ticket can be made as long as that is so")
		return
	}
	for level, p := range j.Priorities {
		issue.Priority = p
		if _, left, _ := meta.Fit(issue); slices.Contains(left, "priority") {
			dropped = append(dropped, fmt.Sprintf("priority %s (of %s)", p, level))
		}
	}
	if len(dropped) > 0 {
		slices.Sort(dropped)
		d.add(name, checkWarn, "does not take: "+strings.Join(dropped, ", ")+"; tickets are made without", "put the fields on the project's create screen, or mend jira.fields and jira.priorities")
		return
	}
	d.add(name, checkOK, "takes all that imbot says", "")
}
