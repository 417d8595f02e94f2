package oncall

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imbot/catalog"
)

// The examples in the documentation are right.
func TestDocumentation(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "docs", "standby.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := func(language string) string {
		_, after, _ := strings.Cut(string(raw), "```"+language+"\n")
		in, _, _ := strings.Cut(after, "```")
		return in
	}
	duties, err := parseTool([]byte(block("json")))
	if err != nil || len(duties) != 3 || duties[2].level != 2 {
		t.Errorf("the JSON is %v, %v", duties, err)
	}
	file, err := catalog.Parse([]byte(block("yaml")), "standby.md")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.New(file, catalog.Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if plans := c.StandbyPlans(); len(plans) != 5 || plans["squad:payments"].Policy != "PEP1" || len(plans["office"].Rota) != 2 {
		t.Errorf("the plans are %+v", plans)
	}
}
