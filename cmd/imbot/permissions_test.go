package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/graph/graphrest"
	"imbot/manifest"
)

// TestPermissionsPage: the page in docs is what the command prints.
func TestPermissionsPage(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"permissions"}, &out, &errOut); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	page, err := os.ReadFile("../../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(page), out.String()); d != "" {
		t.Errorf("docs/permissions.md is not what imbot permissions prints; run: go run ./cmd/imbot permissions > docs/permissions.md\n%s", d)
	}
}

// TestGrants: everything that the app package asks for is in the table, nothing
// that is asked of chats is left out of it, and no right is wider than needed.
func TestGrants(t *testing.T) {
	asked := map[string]bool{}
	for _, p := range manifest.ConsentedPermissionSet(manifest.Timeline) {
		asked[p.Value] = true
	}
	for _, p := range graphrest.Permissions() {
		if p.InChat != asked[p.Permission] {
			t.Errorf("%s: in a chat %v, asked for by the app package %v", p.Permission, p.InChat, asked[p.Permission])
		}
		delete(asked, p.Permission)
	}
	for name := range asked {
		t.Errorf("the app package asks for %s, and the table does not say what for", name)
	}
	for _, g := range grants() {
		if g.system == "" || g.feature == "" || g.where == "" || g.without == "" {
			t.Errorf("a row says too little: %+v", g)
		}
		for _, wide := range []string{"Directory.", ".Group", "ChannelMessage", "ReadWrite.All, ", "Sites.", "Files."} {
			if strings.Contains(g.right, wide) {
				t.Errorf("%s: %s is wider than needed", g.feature, g.right)
			}
		}
	}
	for permission, want := range map[string]string{"Chat.Manage.Chat": "`rooms` or `timeline`", "ChatMessage.Read.Chat": "`timeline`", "Chat.Create": ""} {
		if got := strings.Join(profilesWith(permission), " or "); got != want {
			t.Errorf("%s is in the profiles %q, want %q", permission, got, want)
		}
	}
}
