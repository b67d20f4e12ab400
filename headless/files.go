package headless

import (
	"context"
	"errors"
)

// fileCommands send and receive files.
var fileCommands = []entry{
	on("sendfile", func(context.Context, *Call, SendFile) error { return errFiles }),
	on("acceptfile", func(context.Context, *Call, AcceptFile) error { return errFiles }),
}

// errFiles answers the commands of file transfer.
var errFiles = errors.New("files are not part of this build yet")

// SendFile sends a file: directly to a device of the contact, or by the server.
type SendFile struct {
	Head
	To   string `json:"to"`
	Path string `json:"path,omitempty"` // of a file of this machine, where there is one
	// File is the handle of a file that the page gave.
	File    string `json:"file,omitempty"`
	Name    string `json:"name,omitempty"` // as it is told; else the file's own
	Type    string `json:"type,omitempty"` // media type
	Caption string `json:"caption,omitempty"`
	ID      string `json:"id,omitempty"` // of the message, as in "send"
}

// AcceptFile takes a file that was offered.
type AcceptFile struct {
	Head
	SID  string `json:"sid"`
	Path string `json:"path,omitempty"` // where to put it, where there are files
}

// CancelFile ends a transfer.
type CancelFile struct {
	Head
	SID string `json:"sid"`
}

// RetryFile goes on with a transfer that failed.
type RetryFile struct {
	Head
	SID string `json:"sid"`
}
