package headless

import (
	"context"
	"io"

	"godwit/client"
)

// MaxLine bounds one line of input, in bytes. A longer one is an error, and
// skipped.
const MaxLine = 1 << 20

// Run drives c by the lines of in and tells its events as lines on out, until
// "quit", the end of in, or the client's own end. It calls c.Run itself. The
// error says why the client ended; nil after quit and after the end of in.
func Run(ctx context.Context, in io.Reader, out io.Writer, c *client.Client) error {
	panic("unwritten")
}
