package archtest

import "testing"

// rule says what the source of a package may import, besides the standard
// library. It is exact: what is not needed any more is an error, too.
type rule struct {
	module  []string // packages of this module
	outside []string // modules of others, as go.mod calls them
	program bool     // it wires everything together: any package, any module; nobody imports it
}

// rules has every package of the module. A new one is entered here, after some
// thought: edges (bot, web, webhook) turn what comes from outside into commands,
// only incident decides and changes, query alone reads, effects alone act
// outside, and integrations know nothing of this project and of each other.
var rules = map[string]rule{
	"bench":             {program: true},
	"bench/correlation": {program: true},
	"cmd/imbot":         {program: true},

	// The domain, and what reads it.
	"incident":           {},
	"backtest":           {module: []string{"incident"}},
	"changes":            {module: []string{"incident"}},
	"query":              {module: []string{"changes", "incident"}},
	"resource":           {module: []string{"incident", "query"}},
	"catalog":            {module: []string{"catalog/strictyaml", "incident"}},
	"catalog/strictyaml": {outside: []string{"github.com/goccy/go-yaml"}},
	"locale":             {module: []string{"incident"}},
	"oncall":             {module: []string{"catalog", "integrations/pagerduty"}, outside: []string{"golang.org/x/sync"}},
	"topology":           {module: []string{"incident"}},
	"topology/edgefile":  {module: []string{"catalog/strictyaml", "topology"}},
	"cards":              {module: []string{"changes", "commands", "incident", "internal/mdtext", "locale", "query", "weburl"}},
	"commands":           {module: []string{"incident", "locale", "query"}, outside: []string{"github.com/go-json-experiment/json"}},
	"letters":            {module: []string{"incident", "locale", "query", "weburl"}},
	"manifest":           {},
	"weburl":             {},
	"reminders":          {module: []string{"incident", "query"}},
	"postmortem":         {module: []string{"cards", "incident", "internal/mdtext", "locale", "query", "weburl"}},

	// What several of them need, and nobody outside.
	"internal/example":    {module: []string{"incident", "query"}},
	"internal/httpstatus": {module: []string{"incident"}},
	"internal/mdtext":     {},

	// Edges.
	"bot": {
		module:  []string{"cards", "commands", "incident", "integrations/botframework", "locale", "query"},
		outside: []string{"github.com/infracloudio/msbotbuilder-go"},
	},
	"pages":   {module: []string{"cards", "commands", "incident", "integrations/openid", "internal/httpstatus", "locale", "postmortem", "query", "weburl"}},
	"web":     {module: []string{"changes", "commands", "incident", "internal/httpstatus", "locale", "postmortem", "query", "resource"}},
	"webhook": {module: []string{"incident", "integrations/jira", "integrations/pagerduty"}, outside: []string{"github.com/klauspost/compress"}},

	// What follows outside.
	"outbox":  {module: []string{"incident"}},
	"effects": {module: []string{"cards", "incident", "integrations/botframework", "integrations/confluence", "integrations/graph/graphrest", "integrations/hook", "integrations/jira", "integrations/mail", "integrations/pagerduty", "letters", "locale", "outbox", "postmortem", "query", "reminders", "resource"}},

	// Stores implement the interfaces that incident, outbox and bot declare; of bot
	// they need the types.
	"store":           {module: []string{"bot", "changes", "incident", "outbox", "store/boltstore", "topology"}},
	"store/boltstore": {module: []string{"bot", "changes", "incident", "outbox", "topology"}, outside: []string{"go.etcd.io/bbolt", "github.com/klauspost/compress"}},
	"store/storetest": {module: []string{"bot", "changes", "incident", "outbox", "topology"}, outside: []string{"github.com/google/go-cmp"}},

	// Vendors: client, webhook parsing and simulator, each in a folder of its own.
	// What several of them need is in integrations/internal, which imports nothing
	// else of this module.
	"integrations/internal/atlassian": {module: []string{"integrations/internal/rest"}},
	"integrations/internal/contract":  {outside: []string{"github.com/getkin/kin-openapi"}},
	"integrations/internal/delivery":  {},
	"integrations/internal/fault":     {},
	"integrations/internal/fit":       {},
	"integrations/internal/loopback":  {},
	"integrations/internal/rest":      {},
	"integrations/internal/rig":       {},

	"integrations/botframework": {module: []string{"integrations/internal/fit", "integrations/internal/rest"}, outside: []string{
		"github.com/Azure/azure-sdk-for-go/sdk/azcore", "github.com/Azure/azure-sdk-for-go/sdk/azidentity", "github.com/golang-jwt/jwt/v5",
		"github.com/infracloudio/msbotbuilder-go", "github.com/lestrrat-go/jwx/v3", "golang.org/x/net", "golang.org/x/sync",
	}},
	"integrations/botframework/authproxy":       {module: []string{"integrations/botframework/entrasim"}},
	"integrations/botframework/botframeworksim": {module: []string{"integrations/botframework", "integrations/botframework/entrasim"}},
	"integrations/botframework/entrasim":        {outside: []string{"github.com/golang-jwt/jwt/v5"}},
	"integrations/pagerduty":                    {module: []string{"integrations/internal/fit", "integrations/internal/rest"}, outside: []string{"github.com/PagerDuty/go-pagerduty", "golang.org/x/time"}},
	"integrations/pagerduty/pagerdutysim":       {module: []string{"integrations/internal/delivery", "integrations/internal/fault", "integrations/internal/loopback", "integrations/pagerduty"}},

	"integrations/openid":           {module: []string{"integrations/internal/fit"}, outside: []string{"github.com/coreos/go-oidc/v3", "golang.org/x/oauth2"}},
	"integrations/openid/openidsim": {outside: []string{"github.com/golang-jwt/jwt/v5"}},

	// Only this one may import the Graph SDK, see TestGraphSDK.
	"integrations/graph": {module: []string{"integrations/graph/graphrest"}, outside: []string{"github.com/microsoftgraph/msgraph-sdk-go"}},
	"integrations/graph/graphrest": {module: []string{"integrations/internal/fit", "integrations/internal/rest"}, outside: []string{
		"github.com/Azure/azure-sdk-for-go/sdk/azcore", "github.com/microsoft/kiota-abstractions-go", "github.com/microsoft/kiota-authentication-azure-go",
		"github.com/microsoft/kiota-http-go", "github.com/microsoft/kiota-serialization-json-go", "golang.org/x/time",
	}},
	"integrations/graph/graphsim": {module: []string{"integrations/internal/fault", "integrations/internal/loopback"}},

	"integrations/hook":                     {module: []string{"integrations/internal/rest"}},
	"integrations/backstage":                {module: []string{"integrations/internal/fit", "integrations/internal/rest"}, outside: []string{"github.com/goccy/go-yaml"}},
	"integrations/confluence":               {module: []string{"integrations/internal/atlassian", "integrations/internal/fit", "integrations/internal/rest"}, outside: []string{"github.com/ctreminiom/go-atlassian/v2"}},
	"integrations/confluence/confluencesim": {module: []string{"integrations/internal/fault", "integrations/internal/loopback"}},
	"integrations/jira":                     {module: []string{"integrations/internal/atlassian", "integrations/internal/fit", "integrations/internal/rest"}, outside: []string{"github.com/andygrunwald/go-jira"}},
	"integrations/jira/jirasim":             {module: []string{"integrations/internal/delivery", "integrations/internal/fault", "integrations/internal/loopback", "integrations/jira"}},
	"integrations/mail":                     {module: []string{"integrations/internal/fit"}, outside: []string{"github.com/wneessen/go-mail", "golang.org/x/time"}},
	"integrations/mail/mailsim":             {module: []string{"integrations/internal/fault"}, outside: []string{"github.com/emersion/go-sasl", "github.com/emersion/go-smtp"}},
	"integrations/newrelic":                 {module: []string{"integrations/internal/fit", "integrations/internal/rest"}, outside: []string{"golang.org/x/sync"}},
	"integrations/newrelic/newrelicsim":     {module: []string{"integrations/internal/fault", "integrations/internal/loopback"}},
	"integrations/prometheus":               {module: []string{"integrations/internal/fit", "integrations/internal/rest"}},

	// Tests only.
	"e2e": {},

	// This test.
	"internal/archtest": {},
}

// edges turn what comes from outside into commands. Nobody imports them but
// programs and tests, and stores for bot's types.
var edges = []string{"bot", "pages", "web", "webhook"}

// forTests are the packages that exist to be used in tests: they alone may
// import "testing".
var forTests = []string{"integrations/internal/contract", "integrations/internal/rig", "internal/example", "store/storetest"}

// testModules are what tests may import of others, besides what their package
// imports.
var testModules = []string{
	"github.com/google/go-cmp", "pgregory.net/rapid", "github.com/rogpeppe/go-internal", // to compare, to draw, to tell
	"github.com/getkin/kin-openapi", "github.com/santhosh-tekuri/jsonschema/v6", "github.com/dlclark/regexp2", // published schemas
	"github.com/yuin/goldmark", "golang.org/x/net", "github.com/infracloudio/msbotbuilder-go", // readers of what we write
	"github.com/Azure/azure-sdk-for-go/sdk/azcore", "github.com/microsoft/kiota-abstractions-go", // to speak to a simulated Graph without its SDK
}

// TestGraphSDK keeps the Graph SDK in one package, programs and tests included:
// it takes gigabytes of memory to compile, and a second importer would mean
// that again for what it tests. The SDK's root is banned altogether.
func TestGraphSDK(t *testing.T) {
	const sdk, only = "github.com/microsoftgraph/msgraph-sdk-go", "integrations/graph"
	found := 0
	for _, s := range sources(t) {
		for _, imp := range s.imports {
			switch {
			case !within(imp)(sdk):
			case s.dir != only:
				t.Errorf("%s imports %s, which only %s may", s.name, imp, only)
			case imp != sdk+"/chats" && imp != sdk+"/models":
				t.Errorf("%s imports %s: chats and models only", s.name, imp)
			default:
				found++
			}
		}
	}
	if found == 0 {
		t.Errorf("nobody imports %s any more: take this test out", sdk)
	}
}
