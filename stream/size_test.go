package stream

import (
	"testing"
	"unsafe"

	"godwit/link/bytestream"
)

// A session that is idle holds one of each; see BenchmarkIdleStream for all of it.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(Stream{}); n > 768 {
		t.Errorf("a Stream is %d bytes", n)
	}
	if n := unsafe.Sizeof(Management{}); n > 128 {
		t.Errorf("a Management is %d bytes", n)
	}
	t.Logf("Stream %d, Management %d, bytestream.Link %d bytes", unsafe.Sizeof(Stream{}), unsafe.Sizeof(Management{}), unsafe.Sizeof(bytestream.Link{}))
}
