package effects_test

import (
	"testing"

	"pgregory.net/rapid"
)

// TestPapers walks at random through what happens to a few incidents, here and
// in all the systems that are told of them, with failures on the way. Whatever
// happened, once all is mended both sides of each ticket are the same, each
// postmortem has its page, nobody was told what is not for them, what people were
// told last is so, and nothing is left undone.
func TestPapers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPapers(rapidTB{t, rt}, rapid.Bool().Draw(rt, "unlimited Jira"), rapid.Bool().Draw(rt, "private project"))
		rt.Repeat(map[string]func(*rapid.T){
			"declare": p.declare, "trigger": p.trigger, "ring": p.ring, "live": p.live, "level": p.level, "link": p.link, "action": p.action, "rca": p.rca,
			"privacy": p.privacy, "person": p.person, "prefer": p.prefer, "wait": p.wait, "wait more": p.wait, "restart": p.restart,
			"in Jira": p.inJira, "in Confluence": p.inConfluence, "fault": p.fault, "mend": p.mend, "mischief": p.mischief, "meanwhile": p.meanwhile, "reload": p.reload,
		})
		p.rest()
		p.check()
	})
}
