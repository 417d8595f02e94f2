package main

import (
	"fmt"

	"imbot/integrations/openid/openidsim"
)

// demoSignIn starts the provider at which the demo's people sign in, without a
// password: on this machine, and while the demo runs.
func demoSignIn(publicURL string) (*openidsim.Server, error) {
	users := make([]openidsim.User, 0, len(demoPeople)+1)
	for _, p := range demoPeople {
		users = append(users, openidsim.User{Object: p.aad, Name: p.name, Mail: p.mail})
	}
	users = append(users, openidsim.User{Object: "00000000-0000-4000-8000-000000000029", Name: "Gita (guest)", Mail: "gita@partner.example", Guest: true})
	return openidsim.Start(openidsim.Options{ClientID: demoApp, Tenant: demoTenant, RedirectURL: publicURL + callbackPath, Users: users})
}

// demoDuties are who is on standby for what, by schedule in PagerDuty, besides
// Budi, who is on call for payments.
var demoDuties = []struct{ role, schedule, policy, name, mail string }{
	{"dba", "PSCHDBA", "PPOLDBA", "DBA", "dewi@example.com"},
	{"devops", "PSCHDEV", "PPOLDEV", "DevOps", "eko@example.com"},
}

// demoPagerID is a person's id in the simulated PagerDuty.
func demoPagerID(mail string) string {
	for i, p := range demoPeople {
		if p.mail == mail {
			return fmt.Sprintf("PUSER%02d", i)
		}
	}
	return ""
}

// demoPager is how the terminal calls a user of the simulated PagerDuty.
func demoPager(id string) string {
	for _, p := range demoPeople {
		if demoPagerID(p.mail) != id {
			continue
		}
		for _, d := range demoDuties {
			if d.mail == p.mail {
				return p.name + " (" + d.role + ")"
			}
		}
		return p.name
	}
	return id
}
