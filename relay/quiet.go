package relay

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// quiet is the library's log. What the library says of single messages is
// nothing an operator wants a line for; its warnings are counted, and told where
// somebody listens at the level of debugging.
type quiet struct {
	server *Server
}

// NewLogger implements logging.LoggerFactory.
func (q quiet) NewLogger(string) logging.LeveledLogger { return q }

func (q quiet) tell(format string, args ...any) {
	q.server.count.warnings.Add(1)
	if q.server.log.Enabled(context.Background(), slog.LevelDebug) {
		q.server.log.Debug("turn: " + fmt.Sprintf(format, args...))
	}
}

func (q quiet) Trace(string)          {}
func (q quiet) Tracef(string, ...any) {}
func (q quiet) Debug(string)          {}
func (q quiet) Debugf(string, ...any) {}
func (q quiet) Info(string)           {}
func (q quiet) Infof(string, ...any)  {}

// Warn, Warnf, Error and Errorf implement logging.LeveledLogger.
func (q quiet) Warn(text string)                  { q.tell("%s", text) }
func (q quiet) Warnf(format string, args ...any)  { q.tell(format, args...) }
func (q quiet) Error(text string)                 { q.tell("%s", text) }
func (q quiet) Errorf(format string, args ...any) { q.tell(format, args...) }
