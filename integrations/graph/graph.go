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

// Config is that of package graphrest.
type Config = graphrest.Config

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
