package headless

// CommandTypes gives, for each command of the contract by name, the zero value of the
// struct of its fields: for generated types and for the documentation. It also has those
// that this build does not know; Commands lists those it does.
func CommandTypes() map[string]any {
	return map[string]any{
		"send": Send{}, "retract": Retract{}, "retry": Retry{}, "typing": SetTyping{}, "read": MarkRead{},
		"chats": AskChats{}, "history": AskHistory{}, "search": Search{},
		"subscribe": Subscribe{}, "accept": Accept{}, "unsubscribe": Unsubscribe{}, "decline": Decline{}, "rename": Rename{}, "roster": AskRoster{},
		"block": Block{}, "unblock": Unblock{}, "blocked": AskBlocked{},
		"set": Set{}, "settings": AskSettings{},
		"devices": AskDevices{}, "signout": SignOut{}, "signoutself": SignOutSelf{}, "password": SetPassword{}, "invite": MakeInvite{}, "useinvite": UseInvite{},
		"sendfile": SendFile{}, "acceptfile": AcceptFile{}, "cancelfile": CancelFile{}, "retryfile": RetryFile{},
		"presence": SetPresence{}, "links": AskLinks{}, "network": Network{}, "quit": Quit{},
	}
}

// EventTypes gives, for each event of the contract by name, the zero value of its struct.
func EventTypes() map[string]any {
	return map[string]any{
		"online": Online{}, "offline": Offline{}, "roster": Roster{}, "contact": Contact{}, "presence": Presence{}, "subscription": Subscription{},
		"sent": Progress{}, "delivered": Progress{}, "read": Read{}, "message": Message{}, "changed": Message{}, "removed": Removed{},
		"chats": Chats{}, "chat": ChatChanged{}, "found": Found{}, "typing": Typing{}, "setting": Setting{}, "settings": Settings{},
		"devices": Devices{}, "blocked": Blocked{}, "invite": Invite{}, "file": File{},
		"link": Link{}, "error": Error{}, "done": Done{},
	}
}
