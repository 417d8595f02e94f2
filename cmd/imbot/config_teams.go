package main

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"imbot/catalog"
)

func (k *configCheck) teams(t *TeamsConfig) {
	if !k.missing("teams.app_id", t.AppID, "copy the Application (client) ID from the app's page in the Entra admin center") {
		k.guid("teams.app_id", &t.AppID)
	}
	if !k.missing("teams.tenant_id", t.TenantID, "copy the Directory (tenant) ID from the app's page in the Entra admin center") {
		k.guid("teams.tenant_id", &t.TenantID)
	}
	for i := range t.Tenants {
		k.guid(fmt.Sprintf("teams.tenants[%d]", i), &t.Tenants[i])
	}
	k.guid("teams.manifest_id", &t.ManifestID)
	k.guid("teams.catalog_app_id", &t.CatalogAppID)
	k.credential(t)
	k.check("teams.default_channel", t.DefaultChannel, catalog.CheckChannel)
	k.check("teams.broadcast_channel", t.BroadcastChannel, catalog.CheckChannel)
	k.check("teams.review_channel", t.ReviewChannel, catalog.CheckChannel)
	k.endpoints(t)
	k.oneOf("teams.profile", t.Profile, "minimal", "rooms", "timeline")
	if t.Profile == "" {
		t.Profile = "minimal"
	}
	k.rooms(t)
	if k.c.PublicURL == "" {
		k.warn("public_url: not set; cards have no links to imbot, and `imbot manifest` needs it")
	}
}

func (k *configCheck) guid(path string, value *string) {
	k.check(path, *value, catalog.CheckGUID)
	*value = strings.ToLower(*value)
}

// credential wants exactly one way to prove who imbot is.
func (k *configCheck) credential(t *TeamsConfig) {
	var given []string
	for _, w := range []struct {
		key string
		set bool
	}{
		{"client_secret", t.ClientSecret != "" || k.failed("teams.client_secret")},
		{"certificate_file", t.CertificateFile != "" || k.failed("teams.certificate_file")},
		{"managed_identity", t.ManagedIdentity || k.failed("teams.managed_identity")},
		{"workload_identity", t.WorkloadIdentity || k.failed("teams.workload_identity")},
	} {
		if w.set {
			given = append(given, w.key)
		}
	}
	switch {
	case len(given) == 0:
		k.doc.Errorf("teams", "the section teams has no credential; add one of client_secret, client_secret_file, certificate_file, managed_identity: true, workload_identity: true")
	case len(given) > 1:
		k.doc.Errorf("teams."+given[1], "there are several credentials (%s); keep one", strings.Join(given, ", "))
	}
	if t.CertificatePassword != "" && t.CertificateFile == "" && !k.failed("teams.certificate_file") {
		k.doc.Errorf("teams.certificate_password", "there is no certificate_file that this would open; add it, or remove the password")
	}
	k.file("teams.certificate_file", &t.CertificateFile)
	k.file("teams.ca_file", &t.CAFile)
}

// file makes a path relative to the configuration, and checks that it can be
// read.
func (k *configCheck) file(path string, name *string) {
	if *name == "" {
		return
	}
	*name = within(k.folder, *name)
	if _, err := k.read(*name); err != nil {
		k.doc.Errorf(path, "this file cannot be used: %v; check the path (it is relative to this file) and who may read it", err)
	}
}

func (k *configCheck) endpoints(t *TeamsConfig) {
	if u, err := url.Parse(t.Authority); err == nil && u.Scheme == "http" {
		k.doc.Errorf("teams.authority", "the token service gets secrets, so it is always https; for a private or test one, name its root in ca_file")
	} else {
		k.url("teams.authority", &t.Authority)
	}
	k.url("teams.openid_metadata_url", &t.OpenIDMetadataURL)
	k.url("teams.default_service_url", &t.DefaultServiceURL)
	if u, err := url.Parse(t.Issuer); t.Issuer != "" && (err != nil || u.Scheme == "" || u.Host == "") {
		k.doc.Errorf("teams.issuer", "this is not an issuer; write it as in https://api.botframework.com")
	}
	for i, h := range t.ServiceURLHosts {
		at := fmt.Sprintf("teams.service_url_hosts[%d]", i)
		if !isHost(h) && !k.failed(at) {
			k.doc.Errorf(at, "%s is not a host; write it without https:// and path, as in smba.example.com or 127.0.0.1:3978", k.doc.Quote(at, h))
		}
		t.ServiceURLHosts[i] = strings.ToLower(h)
	}
}

// isHost reports whether s is "host" or "host:port".
func isHost(s string) bool {
	if host, port, err := net.SplitHostPort(s); err == nil {
		return host != "" && checkListen(net.JoinHostPort(host, port)) == nil && isHost(bracket(host))
	}
	u, err := url.Parse("https://" + s)
	return err == nil && s != "" && u.Host == s && u.Hostname() != "" && u.Port() == "" && !strings.HasSuffix(s, ":") && !strings.ContainsAny(s, "*@ ")
}

func bracket(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
