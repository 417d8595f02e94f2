package graphrest

// Permission is one that a feature needs, and the least that will do.
type Permission struct {
	Feature     string // what it is for, such as "make a chat for an incident"
	Permission  string // its name in Microsoft Graph
	InChat      bool   // it is asked for in the app's manifest and holds in the chats that have the app; else it is granted once in Entra
	LostWithout string // what does not work without it
	Alternative string // what to do instead; empty if there is nothing
}

// Permissions returns what Graph may be asked for, with the least privilege that
// will do, in the order in which features are mostly turned on. None is needed
// to start.
//
// Sources: the table "Permissions" on the page of each call, and
// https://learn.microsoft.com/graph/permissions-reference
func Permissions() []Permission {
	return []Permission{
		{
			Feature: "find people by mail address", Permission: "User.ReadBasic.All",
			LostWithout: "nobody can be invited to a chat by mail address, and who can't be a member is not named",
			Alternative: "write the object ids of people into the catalog",
		},
		{
			Feature: "see blocked accounts and guests", Permission: "User.Read.All",
			LostWithout: "blocked accounts are found only when Graph refuses them",
			Alternative: "keep the catalog of people current",
		},
		{
			Feature: "make a chat for an incident", Permission: "Chat.Create",
			LostWithout: "no chats for incidents",
			Alternative: "work in the squad's channel, or make the chat by hand and add the app to it",
		},
		{
			Feature: "install the app in its chats", Permission: "TeamsAppInstallation.ReadWriteAndConsentSelfForChat.All",
			LostWithout: "the app can't write into the chats that it makes",
			Alternative: "TeamsAppInstallation.ReadWriteSelfForChat.All if the manifest asks for no permissions of a chat; or a member adds the app by hand",
		},
		{
			Feature: "find the app in the catalog", Permission: "AppCatalog.Read.All",
			LostWithout: "its id in the catalog and its version there are not known",
			Alternative: "write the app's id in the catalog into the configuration",
		},
		{
			Feature: "install the app for people who are to be told something", Permission: "TeamsAppInstallation.ReadWriteSelfForUser.All",
			LostWithout: "whoever has no 1:1 chat with the app, and no team or chat in common, is told by mail",
			Alternative: "TeamsAppInstallation.ReadWriteAndConsentSelfForUser.All where Graph wants consent for an app package that asks for permissions of chats; or a setup policy of Teams installs the app for everybody",
		},
		{
			Feature: "find a chat again after a lost answer", Permission: "Chat.ReadBasic.All",
			LostWithout: "a lost answer may leave one empty chat behind",
			Alternative: "delete the extra chat by hand",
		},
		{
			Feature: "see who is in a chat", Permission: "ChatMember.Read.Chat", InChat: true,
			LostWithout: "members are added again although they are there, which Graph refuses one by one",
			Alternative: "Chat.Manage.Chat includes it",
		},
		{
			Feature: "add members to a chat", Permission: "Chat.Manage.Chat", InChat: true,
			LostWithout: "people who are called later are not added",
			Alternative: "members add them in Teams; or ChatMember.ReadWrite.All for all chats",
		},
		{
			Feature: "rename a chat", Permission: "ChatSettings.ReadWrite.Chat", InChat: true,
			LostWithout: "the chat keeps its first name",
			Alternative: "members rename it in Teams",
		},
		{
			Feature: "read a message that is marked with a pin", Permission: "ChatMessage.Read.Chat", InChat: true,
			LostWithout: "a 📌 on a message does not put it onto the timeline",
			Alternative: "\"Add to timeline\" in the message's menu, or the command note",
		},
		{
			Feature: "make online meetings", Permission: "OnlineMeetings.ReadWrite.All",
			LostWithout: "no meeting is made for a chat",
			Alternative: "start a call from the chat in Teams; besides, an application access policy must name the app",
		},
		{
			Feature: "send mail", Permission: "Mail.Send",
			LostWithout: "no mail by way of Graph",
			Alternative: "SMTP; limit the permission to the one mailbox with an application access policy of Exchange",
		},
	}
}
