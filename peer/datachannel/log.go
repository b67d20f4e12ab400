package datachannel

import (
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// loggers passes the library's log on, at debug level: what it calls a warning
// is the everyday life of hole punching.
type loggers struct{ to *slog.Logger }

func (l loggers) NewLogger(scope string) logging.LeveledLogger { return logger{l.to, scope} }

type logger struct {
	to    *slog.Logger
	scope string
}

func (l logger) Trace(string)          {}
func (l logger) Tracef(string, ...any) {}
func (l logger) Debug(string)          {}
func (l logger) Debugf(string, ...any) {}
func (l logger) Info(string)           {}
func (l logger) Infof(string, ...any)  {}
func (l logger) Warn(m string)         { l.to.Debug("webrtc", "part", l.scope, "says", m) }
func (l logger) Error(m string)        { l.to.Debug("webrtc", "part", l.scope, "says", m) }
func (l logger) Warnf(format string, args ...any) {
	l.to.Debug("webrtc", "part", l.scope, "says", fmt.Sprintf(format, args...))
}
func (l logger) Errorf(format string, args ...any) {
	l.to.Debug("webrtc", "part", l.scope, "says", fmt.Sprintf(format, args...))
}
