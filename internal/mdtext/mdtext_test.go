package mdtext

import "testing"

func TestEscape(t *testing.T) {
	plain, own := Dialect{Start: "#>+-"}, Dialect{Start: ":", Anywhere: "#$"}
	for _, tt := range []struct{ in, plain, own string }{
		{"", "", ""},
		{"checkout_api at 5.0, a & b: fine", "checkout_api at 5.0, a & b: fine", "checkout_api at 5.0, a & b: fine"},
		{"# a # $b", `\# a # $b`, `\# a \# \$b`},
		{"- a - b", `\- a - b`, "- a - b"},
		{"12) a", `12\) a`, `12\) a`},
		{"[x](https://a) <b> _i_ `c` &lt; www.a", `\[x\](https\://a) \<b> \_i\_ \` + "`c\\` " + `\&lt; www\.a`, `\[x\](https\://a) \<b> \_i\_ \` + "`c\\` " + `\&lt; www\.a`},
	} {
		if got := plain.Escape(tt.in); got != tt.plain {
			t.Errorf("plain: %q, want %q", got, tt.plain)
		}
		if got := own.Escape(tt.in); got != tt.own {
			t.Errorf("own: %q, want %q", got, tt.own)
		}
	}
}
