package local

import (
	"testing"

	"godwit/bus"
	"godwit/bus/bustest"
)

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t *testing.T, h bus.Handler) bus.Bus {
		b := New(h)
		t.Cleanup(func() { b.Close() })
		return b
	})
}
