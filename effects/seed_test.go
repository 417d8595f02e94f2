package effects_test

import (
	"flag"

	_ "pgregory.net/rapid" // whose flags these are
)

// The same walks each time: a test that fails now and then tells nobody what he
// has broken. They are few, since each runs some minutes of imbot's life. Other
// walks: -rapid.seed=0 takes a new seed, -rapid.checks=N more of them.
func init() {
	for name, value := range map[string]string{"rapid.seed": "20261122", "rapid.checks": "12"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}
