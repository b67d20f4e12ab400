package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A spec is one row of docs/specifications.md.
type spec struct {
	name   string // "RFC 6120", "XEP-0198"
	status string
	where  []string
	note   string
}

var (
	specRow  = regexp.MustCompile(`(?m)^\| ((?:RFC |XEP-)\d+) \|[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|$`)
	specName = regexp.MustCompile(`\b(?:RFC [0-9]+|XEP-[0-9]{4})\b`)
	quoted   = regexp.MustCompile("`([^`]+)`")
)

// readSpecs reads the index.
func readSpecs(text string) (specs []spec) {
	for _, m := range specRow.FindAllStringSubmatch(text, -1) {
		s := spec{name: m[1], status: strings.TrimSpace(m[2]), note: strings.TrimSpace(m[4])}
		for _, q := range quoted.FindAllStringSubmatch(m[3], -1) {
			s.where = append(s.where, q[1])
		}
		specs = append(specs, s)
	}
	return specs
}

// A citation is a specification named in a file.
type citation struct{ spec, file string }

// citations finds every specification that Go files and pages name. This package's made-up ones do not count.
func citations(top string) (found []citation, err error) {
	err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != top && (strings.HasPrefix(name, ".") || name == "archtest" || name == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || !slices.Contains([]string{".go", ".md", ".sql", ".py"}, filepath.Ext(name)) || name == "specifications.md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := filepath.Rel(top, path)
		for _, s := range specName.FindAllString(string(text), -1) {
			found = append(found, citation{s, filepath.ToSlash(file)})
		}
		return err
	})
	return found, err
}

// checkSpecs holds the index against the code.
func checkSpecs(specs []spec, cited []citation, packages []string) (vs []violation) {
	const why = "docs/specifications.md is where others learn what they can rely on"
	byPackage := map[citation]bool{} // spec and package
	for _, c := range cited {
		byPackage[citation{c.spec, filepath.ToSlash(filepath.Dir(c.file))}] = true
		if !slices.ContainsFunc(specs, func(s spec) bool { return s.name == c.spec }) {
			vs = append(vs, violation{c.file + " cites " + c.spec + ", which has no row", why})
		}
	}
	last := ""
	for _, s := range specs {
		if s.name[:3] == last[:min(3, len(last))] && s.name <= last && len(s.name) == len(last) {
			vs = append(vs, violation{s.name + " stands after " + last, why})
		}
		last = s.name
		vs = append(vs, checkSpec(s, byPackage, packages, why)...)
	}
	return vs
}

func checkSpec(s spec, cites map[citation]bool, packages []string, why string) (vs []violation) {
	for _, p := range s.where {
		if !slices.Contains(packages, p) {
			vs = append(vs, violation{s.name + " is said to be in " + p + ", which is no package", why})
		}
	}
	switch s.status {
	case "done", "partial":
		if len(s.where) > 0 && !slices.ContainsFunc(s.where, func(p string) bool { return cites[citation{s.name, p}] }) {
			vs = append(vs, violation{s.name + " is " + s.status + " but cited in none of " + strings.Join(s.where, ", "), why})
		}
		if len(s.where) == 0 && s.note == "" || s.status == "partial" && s.note == "" {
			vs = append(vs, violation{s.name + " is " + s.status + ": say where, or what is missing", why})
		}
	case "planned", "refused", "read":
		if s.note == "" {
			vs = append(vs, violation{s.name + " is " + s.status + " without a note", why})
		}
	default:
		vs = append(vs, violation{s.name + " has the status " + s.status + ", which is none", why})
	}
	return vs
}
