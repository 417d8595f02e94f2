package incident

import "testing"

// TestVisibleTo: members see a private incident; admins only one that has none.
func TestVisibleTo(t *testing.T) {
	inc := &Incident{Private: true}
	for _, w := range []struct {
		name    string
		members []Actor
		who     Actor
		role    Role
		want    bool
	}{
		{"a member", []Actor{ani}, ani, RoleResponder, true},
		{"an admin who is none", []Actor{ani}, budi, RoleAdmin, false},
		{"an admin, where there are none", nil, budi, RoleAdmin, true},
		{"a responder, where there are none", nil, budi, RoleResponder, false},
		{"an admin's token, where there are none", nil, Actor{Kind: KindToken, ID: "ci"}, RoleAdmin, false},
		{"a channel, where there are none", nil, Actor{}, "", false},
	} {
		if inc.Members = w.members; inc.VisibleTo(w.who, w.role) != w.want {
			t.Errorf("%s: %t, want %t", w.name, !w.want, w.want)
		}
	}
}
