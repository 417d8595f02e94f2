// Package graphrest is the part of the Microsoft Graph client that needs no
// generated code: people, the app catalog, apps installed in chats, online
// meetings, mail, the errors that Graph answers with, and the way in which all
// requests are made, those of package graph included.
//
// It is apart from package graph because that one is built on msgraph-sdk-go,
// which takes minutes and gigabytes to compile: code that only handles what the
// client returns, such as its types and errors, imports this package alone.
//
// It decides nothing about chats and repeats nothing: its errors say whether
// trying again makes sense, when, and whether the change may have been made all
// the same (see [Error]). It keeps within Graph's limits by refusing, never by
// waiting.
package graphrest
