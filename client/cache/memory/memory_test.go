package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"godwit/client/cache"
	"godwit/client/cache/cachetest"
	"godwit/client/cache/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuite(t *testing.T) {
	cachetest.Run(t, func(*testing.T) cache.Cache { return memory.New() })
}

func BenchmarkConversations(b *testing.B) {
	cachetest.Bench(b, func(*testing.B) cache.Cache { return memory.New() })
}
