package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"imbot/bot"
	"imbot/catalog"
	"imbot/integrations/botframework"
)

// teams asks for a token, and the connector whether it takes it. What needs that
// token, too, is tried only if there is one.
func (d *doctor) teams(ctx context.Context, cat *catalog.Catalog, convs []bot.Conversation) {
	t := d.cfg.Teams
	if t == nil {
		d.add("teams", checkOff, "no section: /api/messages is off", "")
		return
	}
	cred, err := teamsCredential(t)
	if err != nil {
		d.add("teams token", checkFail, err.Error(), "mend the credential in the teams section")
		return
	}
	if _, err = cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{botframework.DefaultScope}}); err != nil {
		detail, mend := entraWords(err)
		d.add("teams token", checkFail, detail, mend)
		if t.Rooms || t.InstallForPeople {
			d.add("microsoft graph", checkWarn, "not tried: it wants a token of the same credential", "mend the teams token first, and run this again")
		}
		return
	}
	d.add("teams token", checkOK, "Entra gives a token for "+t.AppID, "")
	d.connector(ctx, cred, convs)
	d.probing.person = anybody(cat)
	d.rooms(ctx)
	d.installing(ctx)
}

// connector asks Teams whether it takes our token.
func (d *doctor) connector(ctx context.Context, cred azcore.TokenCredential, convs []bot.Conversation) {
	t := d.cfg.Teams
	c, err := botframework.NewClient(botframework.ClientConfig{Credential: cred, AppID: t.AppID, AllowHosts: t.ServiceURLHosts})
	if err != nil {
		d.add("teams connector", checkFail, err.Error(), "mend teams.service_url_hosts")
		return
	}
	ref := botframework.Reference{ServiceURL: t.DefaultServiceURL, TenantID: t.TenantID, BotID: "28:" + t.AppID}
	for _, v := range convs {
		if v.Gone == "" && v.ServiceURL != "" {
			ref.ServiceURL = v.ServiceURL
		}
	}
	if ref.ServiceURL == "" {
		d.add("teams connector", checkWarn, "no service URL known yet", "add imbot to a team in Teams: its first message tells")
		return
	}
	d.result("teams connector", c.Ping(ctx, ref), "answers at "+ref.ServiceURL+" and takes our token (that proves no installation)", "check that this machine reaches the connector over https, and the bot's registration in Azure")
}

// entraCodes are the usual mistakes, by what Entra calls them.
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
var entraCodes = map[string][2]string{
	"AADSTS7000215": {"the client secret is wrong", "put the secret's Value, not its Secret ID, under teams.client_secret: Entra admin center, App registrations, Certificates & secrets"},
	"AADSTS7000222": {"the client secret has ended", "make a new one (Entra admin center, App registrations, Certificates & secrets), and put its Value under teams.client_secret"},
	"AADSTS700016":  {"the tenant has no such app", "check teams.app_id and teams.tenant_id: both are on the app's page in the Entra admin center, and the bot must be of type single tenant"},
	"AADSTS700027":  {"the app does not have this certificate", "upload the certificate's public part: Entra admin center, App registrations, Certificates & secrets"},
	"AADSTS90002":   {"there is no such tenant", "check teams.tenant_id: Directory (tenant) ID on the app's page in the Entra admin center"},
}

var entraCode = regexp.MustCompile(`AADSTS\d+`)

// entraWords says why Entra gives no token. The error of the SDK is a transcript
// of the request.
func entraWords(err error) (detail, mend string) {
	code := entraCode.FindString(err.Error())
	if code == "" {
		lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' })
		return "no token: " + strings.TrimSpace(strings.Join(lines[:min(len(lines), 2)], " ")), "check that this machine reaches the token service (login.microsoftonline.com, or teams.authority) over https"
	}
	if known, ok := entraCodes[code]; ok {
		return fmt.Sprintf("%s (%s)", known[0], code), known[1]
	}
	return "Entra refuses the credential: " + code, "check teams.app_id, teams.tenant_id and the end of the secret or certificate; https://login.microsoftonline.com/error tells what the code means"
}
