// Package hook delivers webhooks to addresses that the configuration names: a
// JSON body by POST, signed with a secret that both sides know.
//
// It delivers once for each call and repeats nothing: its errors say whether
// trying again makes sense, and when. What a body says, and who gets one, is not
// its business.
package hook
