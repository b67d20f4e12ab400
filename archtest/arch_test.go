package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// top is the directory of the module.
func top(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var loadOnce = sync.OnceValues(func() ([]pkg, error) {
	dir, err := filepath.Abs("..")
	if err != nil {
		return nil, err
	}
	return load(dir)
})

func house(t *testing.T) []pkg {
	t.Helper()
	pkgs, err := loadOnce()
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) < 20 {
		t.Fatalf("only %d packages were found, which can not be all", len(pkgs))
	}
	return pkgs
}

func report(t *testing.T, vs []violation) {
	t.Helper()
	for _, v := range vs {
		t.Errorf("%v", v)
	}
}

func TestFloors(t *testing.T)   { report(t, checkFloors(house(t))) }
func TestFences(t *testing.T)   { report(t, checkFences(house(t))) }
func TestPurity(t *testing.T)   { report(t, checkPure(house(t))) }
func TestComments(t *testing.T) { report(t, checkDocs(house(t))) }
func TestSizes(t *testing.T)    { report(t, checkSizes(house(t), exemptions)) }

func TestBrowserClosure(t *testing.T) {
	for _, root := range browser.roots {
		closure, err := goList(top(t), []string{"GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0"}, "-deps", module+"/"+root)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(closure) < 20 {
			t.Errorf("only %d packages below %s were found, which can not be all", len(closure), root)
		}
		report(t, checkBrowser(root, closure))
	}
}

func TestLicences(t *testing.T) {
	deps, err := dependencies(top(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(deps) < 10 {
		t.Fatalf("only %d modules were found, which can not be all", len(deps))
	}
	for _, d := range deps {
		report(t, checkLicence(d, licenceIn(d.dir)))
	}
}

func TestSpecifications(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top(t), "docs", "specifications.md"))
	if err != nil {
		t.Fatal(err)
	}
	specs := readSpecs(string(text))
	if rows := strings.Count(string(text), "\n| RFC ") + strings.Count(string(text), "\n| XEP-"); len(specs) != rows || rows < 50 {
		t.Fatalf("%d of %d rows were understood", len(specs), rows)
	}
	cited, err := citations(top(t))
	if err != nil {
		t.Fatal(err)
	}
	var packages []string
	for _, p := range house(t) {
		packages = append(packages, p.path)
	}
	report(t, checkSpecs(specs, cited, packages))
}
