package story

import (
	"flag"
	"os"
	"testing"
)

// sideBySide is how many tests may wait for their networks at once. They mostly wait; what loads the machine bounds itself further.
const sideBySide = "10"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", sideBySide)
	}
	code := m.Run()
	RemoveBinary()
	os.Exit(code)
}
