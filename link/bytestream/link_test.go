package bytestream_test

import (
	"testing"

	"go.uber.org/goleak"

	"godwit/link"
	"godwit/link/linktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	linktest.Run(t, func(t testing.TB, o linktest.Options) (link.Link, link.Link) { return linktest.Pipe(o) })
}
