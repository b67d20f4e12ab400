// Package path chooses, chat by chat, what carries each message: the server, a direct link, or both.
package path
