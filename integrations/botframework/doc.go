// Package botframework speaks Microsoft's Bot Framework protocol with Teams:
// it decodes and authenticates the activities that Teams posts to a bot
// ([DecodeActivity], [Validator]) and calls the connector service to post,
// update and delete messages, open conversations and read rosters ([Client]).
//
// It carries no opinion of what a bot does with an activity: no routing, no
// cards, no storage, and no retries. [Client] tells a caller with a durable
// queue whether a failure is worth repeating, when, and whether the request may
// have been carried out although no answer came ([Error]).
//
// The types of github.com/infracloudio/msbotbuilder-go remain usable through
// [NewAdapter], which puts this package's validator and client behind that
// library's interfaces. Its own validator and client are never used: they
// fetch keys on every request, accept tokens without expiry and send the bot's
// token to any URL.
package botframework
