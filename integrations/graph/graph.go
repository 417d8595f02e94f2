// Package graph calls Microsoft Graph as an app, without a signed-in user: it
// makes group chats, changes them and adds people to them with msgraph-sdk-go,
// and does all the rest with package graphrest, whose methods a [Client] has,
// too. See there for errors, limits and permissions.
//
// Of msgraph-sdk-go it uses the packages chats and models only, and it should
// be the only one to import them: compiling models takes about 110 s of CPU time
// and 4.8 GiB of memory, and makes a stripped program about 22 MB larger. Code
// that only handles what the client returns imports graphrest instead.
package graph

import (
	"github.com/microsoftgraph/msgraph-sdk-go/chats"

	"imbot/integrations/graph/graphrest"
)

// What package graphrest declares, under the names that callers of a client
// expect.
type (
	Config       = graphrest.Config
	Error        = graphrest.Error
	Reason       = graphrest.Reason
	User         = graphrest.User
	Chat         = graphrest.Chat
	NewChat      = graphrest.NewChat
	Member       = graphrest.Member
	LeftOut      = graphrest.LeftOut
	RSC          = graphrest.RSC
	CatalogApp   = graphrest.CatalogApp
	InstalledApp = graphrest.InstalledApp
	NewMeeting   = graphrest.NewMeeting
	Meeting      = graphrest.Meeting
	Message      = graphrest.Message
	ProbeInput   = graphrest.ProbeInput
	Finding      = graphrest.Finding
	Permission   = graphrest.Permission
)

// Kinds of errors, see package graphrest.
var (
	ErrNotFound  = graphrest.ErrNotFound
	ErrForbidden = graphrest.ErrForbidden
	ErrInvalid   = graphrest.ErrInvalid
)

// Permissions returns what Graph may be asked for, see graphrest.Permissions.
func Permissions() []Permission { return graphrest.Permissions() }

// Client calls Graph. It is safe for concurrent use.
type Client struct {
	*graphrest.Client
	chats *chats.ChatsRequestBuilder
}

// New returns a client. It makes no request. It returns an error if something is
// missing or the URL can't be used.
func New(c Config) (*Client, error) {
	rest, err := graphrest.New(c)
	if err != nil {
		return nil, err
	}
	base := map[string]string{"baseurl": rest.BaseURL()}
	return &Client{Client: rest, chats: chats.NewChatsRequestBuilderInternal(base, rest.Adapter())}, nil
}
