package datachannel

import (
	"testing"

	"godwit/link"
	"godwit/link/linktest"
)

func TestLinkContract(t *testing.T) {
	one, two := newTransport(t, onLoopback), newTransport(t, onLoopback)
	linktest.Run(t, func(t testing.TB, o linktest.Options) (link.Link, link.Link) {
		one.config.Link, two.config.Link = o.Config(), o.Config() // no session runs now
		return connect(t, one, two)
	})
}
