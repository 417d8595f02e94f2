package botframework

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/infracloudio/msbotbuilder-go/connector/auth"
	"github.com/infracloudio/msbotbuilder-go/connector/client"
	"github.com/infracloudio/msbotbuilder-go/core"
	"github.com/infracloudio/msbotbuilder-go/schema"
)

// NewAdapter puts the validator and the client behind msbotbuilder-go's adapter:
// ParseRequest authenticates with the validator, and everything that is sent
// goes through the client with its checks and limits. The ids of sent messages
// and the answers to invokes are beyond that library; use [Client] and the HTTP
// handler for them.
func NewAdapter(appID string, v *Validator, c *Client) core.Adapter {
	return &adapter{core.BotFrameworkAdapter{
		AdapterSetting: core.AdapterSetting{AppID: appID, CredentialProvider: auth.SimpleCredentialProvider{AppID: appID}},
		TokenValidator: v,
		Client:         LibraryClient(c),
	}}
}

type adapter struct{ core.BotFrameworkAdapter }

// ParseRequest bounds the body before the library reads it, and hands it only
// what its types can hold: it cannot decode a value or channelData that is no
// object, so such a one is left out; use [DecodeActivity] to get it.
func (ad *adapter) ParseRequest(ctx context.Context, req *http.Request) (schema.Activity, error) {
	if len(req.Header.Get("Authorization")) > MaxTokenBytes+len("Bearer ") {
		return schema.Activity{}, unauthorized("token too long")
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, MaxActivityBytes+1))
	if err != nil {
		return schema.Activity{}, fmt.Errorf("read activity: %w", err)
	}
	a, err := DecodeActivity(body)
	if err != nil {
		return schema.Activity{}, err
	}
	if !isObject(a.Value) {
		a.Value = nil
	}
	if a.ChannelData != nil && !isObject(a.ChannelData.Raw) {
		a.ChannelData = nil
	}
	if body, err = marshal(a); err != nil {
		return schema.Activity{}, err
	}
	clone := req.Clone(ctx)
	clone.Body, clone.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return ad.BotFrameworkAdapter.ParseRequest(ctx, clone)
}

func isObject(raw json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{"))
}

// AuthenticateRequest implements msbotbuilder-go's auth.TokenValidator. The
// credentials and the channel service are ignored: audience and issuer are
// those of the validator's configuration.
func (v *Validator) AuthenticateRequest(ctx context.Context, activity schema.Activity, authHeader string, _ auth.CredentialProvider, _ string) (auth.ClaimsIdentity, error) {
	id, err := v.Authenticate(ctx, authHeader)
	if err != nil {
		return nil, err
	}
	a, err := fromSchema(activity)
	if err != nil {
		return nil, forbidden("activity cannot be read")
	}
	if err := v.Authorize(id, a); err != nil {
		return nil, err
	}
	return claimsIdentity{id, v.appID}, nil
}

// claimsIdentity answers "" for unknown claims, where the library's own panics.
type claimsIdentity struct {
	id    *Identity
	appID string
}

func (c claimsIdentity) IsAuthenticated() bool { return true }

func (c claimsIdentity) GetClaimValue(name string) string {
	switch name {
	case auth.IssuerClaim:
		return c.id.Issuer
	case auth.AudienceClaim:
		return c.appID
	case auth.ServiceURLClaim:
		return c.id.ServiceURL
	}
	return ""
}

// fromSchema converts the library's activity. Its zero times and empty structs
// are no values, and vanish.
func fromSchema(in schema.Activity) (*Activity, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	var a Activity
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, err
	}
	return &a, nil
}

// LibraryClient presents the client as msbotbuilder-go's client.Client. That
// interface hands over finished URLs, in which ids were not escaped; they are
// taken apart again and refused if they are not exactly those of a conversation
// or of a message.
func LibraryClient(c *Client) client.Client { return libraryClient{c} }

type libraryClient struct{ c *Client }

var errLibraryURL = errors.New("URL is not of a conversation's activities")

// Post sends a message.
func (l libraryClient) Post(ctx context.Context, target url.URL, activity schema.Activity) error {
	ref, replyTo, err := takeApart(target, &activity)
	if err != nil {
		return refused("send", "BadReference", err)
	}
	a, err := fromSchema(activity)
	if err != nil {
		return refused("send", "BadMessage", err)
	}
	if replyTo != "" {
		a.ReplyToID = replyTo
	}
	_, err = l.c.Send(ctx, ref, a)
	return err
}

// Put updates a message.
func (l libraryClient) Put(ctx context.Context, target url.URL, activity schema.Activity) error {
	ref, id, err := takeApart(target, &activity)
	if err != nil {
		return refused("update", "BadReference", err)
	}
	a, err := fromSchema(activity)
	if err != nil {
		return refused("update", "BadMessage", err)
	}
	return l.c.Update(ctx, ref, id, a)
}

// Delete deletes a message.
func (l libraryClient) Delete(ctx context.Context, target url.URL) error {
	ref, id, err := takeApart(target, nil)
	if err != nil {
		return refused("delete", "BadReference", err)
	}
	return l.c.Delete(ctx, ref, id)
}

// Get is refused: nothing here needs it, and it would send the bot's token to
// any path of the connector.
func (l libraryClient) Get(context.Context, url.URL) (json.RawMessage, error) {
	return nil, refused("get", "NotSupported", errors.New("use the methods of Client"))
}

// takeApart undoes path.Join(service path, "/v3/conversations/<id>/activities/<id>").
// If the activity is given, both must name the same conversation: the joining
// resolved dot segments, so a hostile id could have become another one's.
func takeApart(target url.URL, a *schema.Activity) (ref Reference, activityID string, err error) {
	if target.RawQuery != "" || target.Fragment != "" {
		return ref, "", errLibraryURL
	}
	prefix, rest, ok := strings.Cut(target.Path, "/v3/conversations/")
	if !ok {
		return ref, "", errLibraryURL
	}
	parts := strings.Split(rest, "/")
	if len(parts) < 2 || len(parts) > 3 || parts[1] != "activities" {
		return ref, "", errLibraryURL
	}
	if len(parts) == 3 {
		activityID = parts[2]
	}
	ref = Reference{ServiceURL: target.Scheme + "://" + target.Host + prefix, ConversationID: parts[0]}
	if a != nil {
		if a.Conversation.ID != ref.ConversationID || sameURL(a.ServiceURL) != sameURL(ref.ServiceURL) {
			return ref, "", errLibraryURL
		}
		ref.ConversationType, ref.TenantID = a.Conversation.ConversationType, a.Conversation.TenantID
	}
	return ref, activityID, nil
}
