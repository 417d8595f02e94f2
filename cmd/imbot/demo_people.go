package main

import "imbot/integrations/openid/openidsim"

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
