package story

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// BinaryEnv names the environment variable that holds a program to test instead of one built from this tree.
const BinaryEnv = "GODWIT_BINARY"

var build struct {
	sync.Once
	path string
	err  error
}

// Binary is the program under test, built once per test binary (or found by BinaryEnv).
func Binary(t testing.TB) string {
	t.Helper()
	build.Do(func() {
		if path := os.Getenv(BinaryEnv); path != "" {
			build.path, build.err = filepath.Abs(path)
			return
		}
		// The build cache makes this cheap; the file lives as long as the system keeps temporary files.
		dir, err := os.MkdirTemp("", "godwit-story-")
		if err != nil {
			build.err = err
			return
		}
		build.path = filepath.Join(dir, "godwit")
		if out, err := exec.Command("go", "build", "-o", build.path, "godwit/cmd/godwit").CombinedOutput(); err != nil {
			build.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if build.err != nil {
		t.Fatalf("the program could not be built: %v", build.err)
	}
	return build.path
}

// RemoveBinary deletes what Binary built. Call it at the end of TestMain.
func RemoveBinary() {
	if build.path != "" && os.Getenv(BinaryEnv) == "" {
		os.RemoveAll(filepath.Dir(build.path))
	}
}
