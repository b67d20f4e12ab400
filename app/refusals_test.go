package app

import (
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A flood of connections is no flood of lines.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		r := &refusals{log: slog.New(slog.NewTextHandler(&log, nil))}
		from := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
		for range 1000 {
			r.tell(from)
		}
		time.Sleep(refusalPause) // of the bubble's clock
		r.tell(from)
		if n := strings.Count(log.String(), "connection refused"); n != 2 || !strings.Contains(log.String(), "untold_before=0") || !strings.Contains(log.String(), "untold_before=999") {
			t.Errorf("%d lines: %s", n, log.String())
		}
	})
}
