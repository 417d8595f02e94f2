package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"imbot/integrations/graph/graphrest"
	"imbot/manifest"
)

// grant is a right that imbot may be given in another system, the least that
// will do.
type grant struct {
	system  string
	feature string // what it is for
	right   string // as the other system calls it; "" for none
	where   string // where it is given
	without string // what does not work without it
	instead string // what to do then; "" if there is nothing
}

// grants are all rights that imbot may be given, in the order in which features
// are mostly turned on.
func grants() []grant {
	out := []grant{{
		system: "Teams", feature: "messages, cards, buttons, forms", where: "nothing to grant: the bot is registered in Azure, and added to a team or chat",
		without: "-",
	}}
	out = append(out, graphGrants()...)
	out = append(out, mailGrants...)
	out = append(out, pagerDutyGrants...)
	return append(out, otherGrants...)
}

// graphGrants are those of Microsoft Graph: granted in Entra for the whole
// tenant, or asked for by the app package and valid in the chats that have it.
func graphGrants() []grant {
	var out []grant
	for _, p := range graphrest.Permissions() {
		g := grant{system: "Microsoft Graph", feature: p.Feature, right: p.Permission, where: "Entra, application permission", without: p.LostWithout, instead: p.Alternative}
		switch {
		case p.Permission == "Mail.Send":
			g.where, g.instead = "Exchange Online, for the one mailbox: see below; not in Entra, where it is for all", "SMTP"
		case p.InChat:
			g.where = "app package, profile " + strings.Join(profilesWith(p.Permission), " or ")
		}
		out = append(out, g)
	}
	return out
}

// profilesWith are the profiles of the app package that ask for a permission.
func profilesWith(permission string) []string {
	var out []string
	for _, p := range manifest.Profiles {
		for _, have := range manifest.ConsentedPermissionSet(p) {
			if have.Value == permission {
				out = append(out, "`"+string(p)+"`")
			}
		}
	}
	return out
}

var mailGrants = []grant{
	{"Mail by SMTP", "send mail", "an account that may send as `mail.from`", "the mail server", "no mail by SMTP", "Microsoft Graph"},
	{"Mail by SMTP", "send mail through Exchange Online", "SMTP.SendAsApp", "Entra, application permission of Office 365 Exchange Online, and full access to the one mailbox", "no mail by `smtp: {oauth: true}`", "a user and password, where the tenant allows them"},
}

// pagerDutyGrants name PagerDuty's scopes. Keys of the REST API know only two of
// them together: read-only and full.
// https://developer.pagerduty.com/docs/oauth-functionality
var pagerDutyGrants = []grant{
	{"PagerDuty", "hear of incidents", "", "a generic webhook (v3) and its secret", "nothing comes from PagerDuty", "declare by hand"},
	{"PagerDuty", "details of alerts; make up for lost webhooks; import", "incidents.read", "API key (read-only will do)", "titles alone decide on level and links; what was missed stays so", ""},
	{"PagerDuty", "switch the webhook on again when PagerDuty has switched it off", "webhook_subscriptions.write", "API key, full", "somebody must do it by hand", "watch `imbot doctor`"},
	{"PagerDuty", "acknowledge, resolve, note; wake people", "incidents.write", "API key, full", "what people do here is not told to PagerDuty; nobody is woken, and the card says so", "wake people in PagerDuty"},
	{"PagerDuty", "know people by mail", "users.read", "API key (read-only will do)", "nobody is woken whose `pagerduty_id` is not in the catalog; all is done in the name of `pagerduty.from`", "write `pagerduty_id` into the catalog"},
	{"PagerDuty", "who is on call", "oncalls.read", "API key (read-only will do)", "schedules and escalation policies are not asked", "a `rota` in the catalog, or a standby tool of your own"},
	{"PagerDuty", "who calls whom", "services.read", "API key (read-only will do)", "service dependencies are not known from there", "`depends_on` in the catalog, or another source; `topology.pagerduty: false`"},
	{"PagerDuty", "names of priorities at import", "priorities.read", "API key (read-only will do)", "rules by priority do not match the past", ""},
}

var otherGrants = []grant{
	{"Jira", "tickets for RCAs and actions", "read:jira-work, write:jira-work; in the projects: Browse, Create, Edit, Assign, Schedule, Transition and Link", "API token (Cloud) or personal token (Data Center) of an account of imbot's own", "no tickets", "actions are kept in imbot"},
	{"Jira", "assign tickets to people", "read:jira-user; Browse users and groups", "the same token", "tickets are unassigned", "write `jira_account` into the catalog"},
	{"Jira", "hear of changed tickets", "", "a webhook by an administrator, and its secret", "changes are found only when they are looked for", ""},
	{"Confluence", "publish postmortems", "read:space:confluence, read:page:confluence, write:page:confluence; in the space: View and Add pages", "API token of an account of imbot's own", "no pages", "the postmortem is on the incident's own page"},
	{"New Relic", "who calls whom; changes", "a user key of a user that may read the account; nothing is written", "New Relic, API keys", "not known from there", "`depends_on` in the catalog, or another source"},
	{"Prometheus", "who calls whom", "to query metrics", "bearer token, or user and password", "not known from there", "`depends_on` in the catalog, or another source"},
	{"Backstage", "who calls whom", "catalog.entity.read", "static token for external access", "not known from there", "`files` of Backstage"},
	{"Sign-in", "pages for people", "openid, profile, email", "a web application at your identity provider; no access to anything of people's", "no pages", "cards and the API"},
	{"Webhooks out", "tell other systems", "", "a secret that both sides know: docs/webhooks.md", "-", ""},
}

// writePermissions writes all rights as Markdown.
func writePermissions(w io.Writer) error {
	var b strings.Builder
	b.WriteString(permissionsHead)
	b.WriteString("| system | what for | right | where | without it | instead |\n|---|---|---|---|---|---|\n")
	for _, g := range grants() {
		right := g.right
		if right == "" {
			right = "none"
		}
		cells := []string{g.system, g.feature, right, g.where, g.without, g.instead}
		for i, c := range cells {
			if c == "" {
				c = "-"
			}
			cells[i] = strings.ReplaceAll(c, "|", `\|`)
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	b.WriteString(profilesText())
	b.WriteString(oneMailbox)
	_, err := io.WriteString(w, b.String())
	return err
}

const permissionsHead = `# Permissions

This page is what ` + "`imbot permissions`" + ` prints. imbot starts without any of these: grant what you turn on, and nothing more. It never asks for ` + "`Directory.Read.All`" + `,
nor for the messages of channels. ` + "`imbot doctor`" + ` tries what is granted, and says what is missing and how to mend it.

`

// profilesText says what each profile of the app package asks for.
func profilesText() string {
	var b strings.Builder
	b.WriteString("\n## Profiles of the app package\n\n`teams.profile` decides what the package asks for in chats that have the app. All profiles have one id: start small, and upload a new package later.\n\n")
	for _, p := range manifest.Profiles {
		var names []string
		for _, have := range manifest.ConsentedPermissionSet(p) {
			names = append(names, have.Value)
		}
		if len(names) == 0 {
			names = []string{"nothing"}
		}
		fmt.Fprintf(&b, "* `%s`: %s\n", p, strings.Join(names, ", "))
	}
	return b.String()
}

// oneMailbox says how to limit sending to one mailbox, and how to prove it.
// https://learn.microsoft.com/exchange/permissions-exo/application-rbac
const oneMailbox = `
## Mail.Send for one mailbox only

Granted in Entra, ` + "`Mail.Send`" + ` lets the app send as everybody. Grant it in Exchange Online instead, for one mailbox, and **not** in Entra: rights of both places add up.

` + "```powershell" + `
Connect-ExchangeOnline
New-ServicePrincipal -AppId APP_ID -ObjectId OBJECT_ID -DisplayName imbot    # OBJECT_ID of the enterprise application, not of the app registration
New-ManagementScope -Name "imbot mailbox" -RecipientRestrictionFilter "PrimarySmtpAddress -eq 'imbot@example.com'"
New-ManagementRoleAssignment -App APP_ID -Role "Application Mail.Send" -CustomResourceScope "imbot mailbox"
` + "```" + `

` + "`imbot doctor`" + ` proves it: it tries the mailbox of an admin, with a mail to nobody. Or ask Exchange for two mailboxes; changes take up to two hours to count:

` + "```powershell" + `
Test-ServicePrincipalAuthorization -Identity APP_ID -Resource imbot@example.com       # InScope: True
Test-ServicePrincipalAuthorization -Identity APP_ID -Resource somebody@example.com    # InScope: False
` + "```" + `

Tenants that still use application access policies limit a ` + "`Mail.Send`" + ` of Entra so: ` + "`New-ApplicationAccessPolicy -AppId APP_ID -PolicyScopeGroupId imbot-mailboxes@example.com -AccessRight RestrictAccess`" + `,
and prove it with ` + "`Test-ApplicationAccessPolicy -AppId APP_ID -Identity somebody@example.com`" + ` (AccessCheckResult: Denied).
`

func runPermissions(_ context.Context, args []string, out, errOut io.Writer) error {
	if err := parse(flags("permissions", errOut), args, 0); err != nil {
		return err
	}
	return writePermissions(out)
}
