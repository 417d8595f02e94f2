package manifest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dlclark/regexp2"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// checker holds Microsoft's JSON schema of one manifest version.
type checker struct{ schema *jsonschema.Schema }

func (c *checker) manifest(raw []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return c.schema.Validate(doc)
}

// find returns the folder named by the environment variable, else the first of the relative path at or above the
// package; "" where there is none.
func find(env, relative string) string {
	if dir := os.Getenv(env); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		if try := filepath.Join(dir, relative); exists(try) {
			return try
		}
		if filepath.Dir(dir) == dir {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// pattern is a regular expression as JavaScript reads it: the schemas use look-ahead, which Go's own package has not.
type pattern struct{ *regexp2.Regexp }

func (p pattern) MatchString(s string) bool {
	ok, err := p.Regexp.MatchString(s)
	return ok && err == nil
}

func ecmaScript(s string) (jsonschema.Regexp, error) {
	re, err := regexp2.Compile(s, regexp2.ECMAScript|regexp2.Unicode)
	if err != nil {
		return nil, err
	}
	return pattern{re}, nil
}

func compile(tb testing.TB, file string) *checker {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		tb.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseRegexpEngine(ecmaScript)
	if err := c.AddResource("manifest.json", doc); err != nil {
		tb.Fatal(err)
	}
	s, err := c.Compile("manifest.json")
	if err != nil {
		tb.Fatal(err)
	}
	return &checker{s}
}

// baseSchema is the schema of the base version out of npm's @microsoft/app-manifest, or nil where that is not installed.
func baseSchema(tb testing.TB) *checker {
	tb.Helper()
	return npmSchema(tb, baseVersion)
}

func npmSchema(tb testing.TB, version string) *checker {
	tb.Helper()
	dir := find("IMBOT_APP_MANIFEST", "e2e/node_modules/@microsoft/app-manifest")
	if dir == "" {
		return nil
	}
	return compile(tb, filepath.Join(dir, "build/json-schemas/teams/v"+version, "MicrosoftTeams.schema.json"))
}

// previewSchema is the schema of the preview version out of the contract files, else out of the npm package, or nil where
// neither is there.
func previewSchema(tb testing.TB) *checker {
	tb.Helper()
	dir := find("IMBOT_CONTRACTS", "../shared/contracts")
	if dir == "" {
		return npmSchema(tb, previewVersion)
	}
	return compile(tb, filepath.Join(dir, "teams-manifest/MicrosoftTeams.schema.json"))
}

func TestBaseSchema(t *testing.T) {
	c := baseSchema(t)
	if c == nil {
		t.Skip("npm package @microsoft/app-manifest not found: run npm ci in e2e, or set IMBOT_APP_MANIFEST to its folder")
	}
	against(t, c, false)
}

func TestPreviewSchema(t *testing.T) {
	c := previewSchema(t)
	if c == nil {
		t.Skip("neither contract files nor npm package found: set IMBOT_CONTRACTS to their folder, or run npm ci in e2e")
	}
	against(t, c, true)
}

// against checks every variant of the manifest with c, and that c refuses what it should.
func against(t *testing.T, c *checker, preview bool) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			o := v.Options
			o.Preview, o.Targeted = preview && !o.Targeted, preview && o.Targeted
			raw, err := Build(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.manifest(raw); err != nil {
				t.Errorf("the schema refuses the manifest: %v", err)
			}
		})
	}
	for name, tt := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"long name":      {func(m map[string]any) { m["name"].(map[string]any)["short"] = strings.Repeat("x", 40) }, "/name/short"},
		"no icons":       {func(m map[string]any) { delete(m, "icons") }, "icons"},
		"unknown key":    {func(m map[string]any) { m["emoji"] = true }, "emoji"},
		"old scope name": {func(m map[string]any) { m["bots"].([]any)[0].(map[string]any)["scopes"] = []any{"groupchat"} }, "/bots/0/scopes/0"},
		"id no guid":     {func(m map[string]any) { m["id"] = "imbot" }, "/id"},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			raw, err := Build(options(func(o *Options) { o.Preview = preview }))
			if err != nil {
				t.Fatal(err)
			}
			var m map[string]any
			if err := json.Unmarshal(raw, &m); err != nil {
				t.Fatal(err)
			}
			tt.change(m)
			bad, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.manifest(bad); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("schema says %v of a manifest with %s, want an error at %s", err, name, tt.want)
			}
		})
	}
}

// TestPreviewNeedsChannelFeatures keeps a rule that Teams applies at upload and no schema holds: from 1.25 on, the team
// scope is accepted only together with supportsChannelFeatures.
func TestPreviewNeedsChannelFeatures(t *testing.T) {
	for _, v := range variants {
		p := build(t, v.Options)
		if newer := p.ManifestVersion >= "1.25"; newer != (p.ChannelFeatures != "") {
			t.Errorf("%s: manifest %s has supportsChannelFeatures %q", v.name, p.ManifestVersion, p.ChannelFeatures)
		}
	}
}
