package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is the path of the module the house is.
const module = "godwit"

// A pkg is what the rules see of a package: all its files, whatever they are built for.
type pkg struct {
	path    string   // below the module, such as "link/tcp"
	imports []string // of files that are not tests, as written
	tests   []string // of test files, as written
	doc     string   // the package comment
	files   []file
}

// A file is one Go file.
type file struct {
	name      string // from the top of the module
	lines     int
	test      bool
	generated bool
	functions []function
}

// A function has its length from the line of func to its last.
type function struct {
	name  string
	lines int
}

// load reads all packages of the module at top.
func load(top string) ([]pkg, error) {
	dirs, err := goList(top, nil, "-f", "{{.Dir}}", "./...")
	if err != nil {
		return nil, err
	}
	var pkgs []pkg
	for _, dir := range dirs {
		path, err := filepath.Rel(top, dir)
		if err != nil {
			return nil, err
		}
		p, err := read(dir, filepath.ToSlash(path))
		if err != nil {
			return nil, err
		}
		pkgs = append(pkgs, p)
	}
	return pkgs, nil
}

// read parses the files of one directory.
func read(dir, path string) (pkg, error) {
	p := pkg{path: path}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return p, err
	}
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			return p, err
		}
		if err := p.add(path+"/"+filepath.Base(name), source); err != nil {
			return p, err
		}
	}
	return p, nil
}

// add takes one file into the package.
func (p *pkg) add(name string, source []byte) error {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, name, source, parser.ParseComments)
	if err != nil {
		return err
	}
	f := file{name: name, lines: bytes.Count(source, []byte("\n")), test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(parsed)}
	for _, spec := range parsed.Imports {
		path := strings.Trim(spec.Path.Value, "\"`")
		if f.test {
			p.tests = append(p.tests, path)
		} else {
			p.imports = append(p.imports, path)
		}
	}
	for _, decl := range parsed.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			f.functions = append(f.functions, function{fn.Name.Name, fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1})
		}
	}
	if !f.test && parsed.Doc != nil {
		p.doc += parsed.Doc.Text()
	}
	p.files = append(p.files, f)
	return nil
}

// goList runs go list in top and returns its lines.
func goList(top string, env []string, args ...string) ([]string, error) {
	out, err := goCommand(top, env, args...)
	return strings.Fields(string(out)), err
}

func goCommand(top string, env []string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir, cmd.Env = top, append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}

// A dependency is a module that is linked into the program, or only into tests.
type dependency struct {
	path   string
	dir    string
	linked bool
}

// dependencies lists the modules the program and the tests are made of.
func dependencies(top string) ([]dependency, error) {
	linked := map[string]bool{}
	var found []dependency
	collect := func(isLinked bool, args ...string) error {
		out, err := goCommand(top, nil, append([]string{"-deps", "-json=Module"}, args...)...)
		if err != nil {
			return err
		}
		for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				Module *struct {
					Path, Dir string
					Main      bool
				}
			}
			if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if p.Module == nil || p.Module.Main {
				continue
			}
			if _, ok := linked[p.Module.Path]; !ok {
				linked[p.Module.Path] = isLinked
				found = append(found, dependency{p.Module.Path, p.Module.Dir, isLinked})
			}
		}
	}
	if err := collect(true, "./cmd/..."); err != nil {
		return nil, err
	}
	return found, collect(false, "-test", "./...")
}
