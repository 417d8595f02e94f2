package archtest

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
// outside, and integrations know nothing of this project.
var rules = map[string]rule{
	"bench":             {program: true},
	"bench/correlation": {program: true},
	"cmd/imbot":         {program: true},

	// The domain, and what reads it.
	"incident":           {},
	"backtest":           {module: []string{"incident"}},
	"changes":            {module: []string{"incident"}},
	"query":              {module: []string{"changes", "incident"}},
	"catalog":            {module: []string{"catalog/strictyaml", "incident"}},
	"catalog/strictyaml": {outside: []string{"github.com/goccy/go-yaml"}},
	"locale":             {module: []string{"incident"}},
	"topology":           {module: []string{"incident"}},
	"cards":              {module: []string{"changes", "incident", "locale", "query"}},
	"commands":           {module: []string{"incident", "query"}, outside: []string{"github.com/go-json-experiment/json"}},
	"manifest":           {},

	// Edges.
	"bot": {
		module:  []string{"cards", "commands", "incident", "integrations/botframework", "locale", "query"},
		outside: []string{"github.com/infracloudio/msbotbuilder-go"},
	},
	"web":     {module: []string{"changes", "commands", "incident", "query"}},
	"webhook": {module: []string{"incident", "integrations/pagerduty"}, outside: []string{"github.com/klauspost/compress"}},

	// What follows outside.
	"outbox":  {module: []string{"incident"}},
	"effects": {module: []string{"cards", "incident", "integrations/botframework", "integrations/pagerduty", "outbox", "query"}},

	// Stores implement the interfaces that incident, outbox and bot declare; of bot
	// they need the types.
	"store":           {module: []string{"bot", "changes", "incident", "outbox", "store/boltstore", "topology"}},
	"store/boltstore": {module: []string{"bot", "changes", "incident", "outbox", "topology"}, outside: []string{"go.etcd.io/bbolt", "github.com/klauspost/compress"}},
	"store/storetest": {module: []string{"bot", "changes", "incident", "outbox", "topology"}, outside: []string{"github.com/google/go-cmp"}},

	// Vendors: client, webhook parsing and simulator, each in a folder of its own.
	"integrations/botframework": {outside: []string{
		"github.com/Azure/azure-sdk-for-go/sdk/azcore", "github.com/Azure/azure-sdk-for-go/sdk/azidentity", "github.com/golang-jwt/jwt/v5",
		"github.com/infracloudio/msbotbuilder-go", "github.com/lestrrat-go/jwx/v3", "golang.org/x/sync",
	}},
	"integrations/botframework/authproxy":       {module: []string{"integrations/botframework/entrasim"}},
	"integrations/botframework/botframeworksim": {module: []string{"integrations/botframework", "integrations/botframework/entrasim"}},
	"integrations/botframework/entrasim":        {outside: []string{"github.com/golang-jwt/jwt/v5"}},
	"integrations/pagerduty":                    {outside: []string{"github.com/PagerDuty/go-pagerduty", "golang.org/x/time"}},
	"integrations/pagerduty/pagerdutysim":       {module: []string{"integrations/pagerduty"}},

	"integrations/backstage":            {outside: []string{"github.com/goccy/go-yaml"}},
	"integrations/jira":                 {outside: []string{"github.com/andygrunwald/go-jira"}},
	"integrations/jira/jirasim":         {module: []string{"integrations/jira"}},
	"integrations/newrelic":             {outside: []string{"golang.org/x/sync"}},
	"integrations/newrelic/newrelicsim": {},
	"integrations/prometheus":           {},

	// Tests only.
	"e2e": {},

	// This test.
	"internal/archtest": {},
}

// edges turn what comes from outside into commands. Nobody imports them but
// programs and tests, and stores for bot's types.
var edges = []string{"bot", "web", "webhook"}

// forTests are the packages that exist to be used in tests: they alone may
// import "testing".
var forTests = []string{"store/storetest"}

// testModules are what tests may import of others, besides what their package
// imports.
var testModules = []string{
	"github.com/google/go-cmp", "pgregory.net/rapid", "github.com/rogpeppe/go-internal", // to compare, to draw, to tell
	"github.com/getkin/kin-openapi", "github.com/santhosh-tekuri/jsonschema/v6", "github.com/dlclark/regexp2", // published schemas
	"github.com/yuin/goldmark", "github.com/infracloudio/msbotbuilder-go", // readers of what we write
	"github.com/Azure/azure-sdk-for-go/sdk/azcore",
}
