package docs

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// page is one Markdown file. Code is what stands in fences, by their language.
type page struct {
	name  string // from this directory
	text  string // outside fences
	whole string
	code  map[string][]string
}

// pages reads all of them.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".md" {
			return err
		}
		b, err := os.ReadFile(name)
		all = append(all, parse(name, string(b)))
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d pages, %v", len(all), err)
	}
	return all
}

func parse(name, whole string) page {
	p := page{name: name, whole: whole, code: map[string][]string{}}
	var text, block strings.Builder
	language, inside := "", false
	for line := range strings.Lines(whole) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
			if inside {
				p.code[language] = append(p.code[language], block.String())
				block.Reset()
			}
			inside, language = !inside, strings.TrimSpace(rest)
			continue
		}
		if inside {
			block.WriteString(line)
		} else {
			text.WriteString(line)
		}
	}
	p.text = text.String()
	return p
}

func read(t *testing.T, name string) page {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return parse(name, string(b))
}

var (
	linked  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the names that headings get.
func anchors(p page) []string {
	var names []string
	for _, h := range heading.FindAllStringSubmatch(p.text, -1) {
		name := dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(h[1])), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// brokenLinks lists the relative links of a page that lead nowhere.
func brokenLinks(t *testing.T, p page) []string {
	var broken []string
	for _, m := range linked.FindAllStringSubmatch(p.text, -1) {
		target, anchor, _ := strings.Cut(m[1], "#")
		if strings.Contains(target, "://") {
			continue
		}
		to := p
		if target != "" {
			file := filepath.Join(filepath.Dir(p.name), target)
			if _, err := os.Stat(file); err != nil {
				broken = append(broken, m[1])
				continue
			}
			if filepath.Ext(file) == ".md" {
				to = read(t, file)
			}
		}
		if anchor != "" && !slices.Contains(anchors(to), anchor) {
			broken = append(broken, m[1])
		}
	}
	return broken
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, p := range pages(t) {
		for _, link := range brokenLinks(t, p) {
			t.Errorf("%s: %s leads nowhere", p.name, link)
		}
	}
	// That it can fail.
	bad := parse("x.md", "# A b\n[a](#a-b) [b](#c) [c](nowhere.md) [d](security.md#nothing) [e](https://example.org/x)\n")
	if got := brokenLinks(t, bad); !slices.Equal(got, []string{"#c", "nowhere.md", "security.md#nothing"}) {
		t.Errorf("of a page with three broken links: %q", got)
	}
}

func TestEveryPageIsInTheIndex(t *testing.T) {
	index, notes := read(t, "README.md"), read(t, "design/README.md")
	for _, p := range pages(t) {
		in := index.text
		if dir, file := filepath.Split(p.name); dir != "" {
			p.name, in = file, notes.text
		}
		if p.name != "README.md" && !strings.Contains(in, "("+p.name) {
			t.Errorf("%s is not in its index", p.name)
		}
	}
}

var (
	ticked   = regexp.MustCompile("`([^`\n]+)`")
	pathLike = regexp.MustCompile(`^[a-z0-9]+(/[A-Za-z0-9_.-]+)+$|^[a-z_]+\.(go|md|svg)$`)
	testLike = regexp.MustCompile(`\b(Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*\b`)
	script   = regexp.MustCompile(`[a-z0-9-]+\.script\b`)
)

// tops are the directories of the module; what begins otherwise is no path of ours.
func tops(t *testing.T) []string {
	t.Helper()
	list, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range list {
		if d.IsDir() {
			names = append(names, d.Name())
		}
	}
	return names
}

// planned are rooms that pages name as not being there.
var planned = []string{"bus/nats", "link/quic"}

func TestPackagesAndFilesExist(t *testing.T) {
	dirs := tops(t)
	for _, p := range pages(t) {
		// Files named without a directory belong to a package named on the same line.
		for line := range strings.Lines(p.text) {
			var near []string
			for _, m := range ticked.FindAllStringSubmatch(line, -1) {
				name := strings.TrimSuffix(m[1], "/…")
				if !pathLike.MatchString(name) || slices.Contains(planned, name) {
					continue
				}
				if top, _, deep := strings.Cut(name, "/"); deep {
					if !slices.Contains(dirs, top) {
						continue
					}
					if _, err := os.Stat(filepath.Join("..", name)); err != nil {
						t.Errorf("%s: there is no %s", p.name, name)
					}
					near = append(near, filepath.Dir(name), name)
					continue
				}
				if !slices.ContainsFunc(append(near, "docs", "."), func(dir string) bool {
					_, err := os.Stat(filepath.Join("..", dir, name))
					return err == nil
				}) && len(near) > 0 {
					t.Errorf("%s: there is no %s near %v", p.name, name, near)
				}
			}
		}
	}
}

func TestTestsNamedExist(t *testing.T) {
	known := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w*)\(`)
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		b, err := os.ReadFile(name)
		for _, m := range function.FindAllSubmatch(b, -1) {
			known[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages(t) {
		for _, name := range testLike.FindAllString(p.whole, -1) {
			if !known[name] {
				t.Errorf("%s: there is no %s", p.name, name)
			}
		}
		for _, name := range script.FindAllString(p.whole, -1) {
			if _, err := os.Stat(filepath.Join("../script/testdata", name)); err != nil {
				t.Errorf("%s: there is no %s", p.name, name)
			}
		}
	}
}

// program builds the binary once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "godwit-docs-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "godwit")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/godwit")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", &buildError{out, err}
	}
	return binary, nil
})

type buildError struct {
	out []byte
	err error
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + string(e.out) }

func TestMain(m *testing.M) {
	code := m.Run()
	if binary, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

func output(t *testing.T, args ...string) string {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("godwit %s: %v\n%s", strings.Join(args, " "), err, &out)
	}
	return out.String()
}

var flag = regexp.MustCompile(`--[a-z][a-z0-9-]*`)

// TestFlags holds flags, configuration keys and defaults against the program, both ways.
func TestFlags(t *testing.T) {
	help := output(t, "serve", "--help")
	for _, sub := range [][]string{{"user", "add"}, {"user", "passwd"}, {"user", "remove"}, {"user", "list"}, {"invite"}, {"sessions"}, {"headless"}, {"demo"}} {
		help += output(t, append(sub, "--help")...)
	}
	has := flag.FindAllString(help, -1)
	for _, name := range []string{"operating.md", "headless.md", "security.md"} {
		for _, f := range flag.FindAllString(read(t, name).whole, -1) {
			if !slices.Contains(has, f) {
				t.Errorf("%s names %s, which the program does not know", name, f)
			}
		}
	}
	operating := read(t, "operating.md").whole
	for _, f := range flag.FindAllString(output(t, "serve", "--help"), -1) {
		if f != "--help" && !strings.Contains(operating, "`"+f+"`") {
			t.Errorf("operating.md does not explain %s", f)
		}
	}
	headless := read(t, "headless.md").whole
	for _, f := range flag.FindAllString(output(t, "headless", "--help"), -1) {
		if f != "--help" && !strings.Contains(headless, "`"+f) {
			t.Errorf("headless.md does not explain %s", f)
		}
	}
}

func TestDefaults(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `--[^|]*\\| `([a-z0-9.-]+)` \\| `?([^|`]*)`? \\|")
	rows := row.FindAllStringSubmatch(read(t, "operating.md").whole, -1)
	if len(rows) < 15 {
		t.Fatalf("only %d rows of the table were understood", len(rows))
	}
	is := map[string]string{}
	section := ""
	for line := range strings.Lines(output(t, "serve", "--print-config")) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(name, "]") + "."
			continue
		}
		if key, value, ok := strings.Cut(line, " = "); ok && !strings.HasPrefix(line, "#") {
			is[section+key] = strings.Trim(value, `"`)
		}
	}
	for _, r := range rows {
		want := r[2]
		if got, ok := is[r[1]]; !ok || got != want && !(got == "false" && want == "off") {
			t.Errorf("operating.md says that %s is %q, the program %q", r[1], want, got)
		}
	}
}

// TestMetrics holds the names of metrics against where they are made, both ways.
func TestMetrics(t *testing.T) {
	source, err := os.ReadFile("../admin/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "operating.md").whole
	made := regexp.MustCompile(`(?:counter|gauge|newByWord)\("([a-z_]+)"`).FindAllSubmatch(source, -1)
	if len(made) < 10 {
		t.Fatalf("only %d metrics were found", len(made))
	}
	var names []string
	for _, m := range made {
		name := "godwit_" + string(m[1])
		names = append(names, name)
		if !strings.Contains(text, "`"+name) {
			t.Errorf("operating.md does not explain %s", name)
		}
	}
	for _, name := range regexp.MustCompile(`\bgodwit_[a-z_]+`).FindAllString(text, -1) {
		if !slices.Contains(names, name) {
			t.Errorf("operating.md explains %s, which is not there", name)
		}
	}
}

// TestEveryPackageHasItsPlace: architecture.md names every package.
func TestEveryPackageHasItsPlace(t *testing.T) {
	cmd := exec.Command("go", "list", "./...")
	cmd.Dir = ".."
	list, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "architecture.md").text
	for _, name := range strings.Fields(string(list)) {
		name = strings.TrimPrefix(name, "godwit/")
		short := strings.TrimPrefix(name, "xep/")
		if !strings.Contains(text, "`"+name+"`") && (short == name || !strings.Contains(text, "`"+short+"`")) {
			t.Errorf("architecture.md has no place for %s", name)
		}
	}
}
