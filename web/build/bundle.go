package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// bundle is what is put together, by name.
type bundle struct {
	plan  plan
	files map[string][]byte
	core  string // name of the core
}

// assemble makes all files. Each names those made before it, so the order is from the
// core upwards.
func (b *bundle) assemble(core []byte) error {
	support, err := b.plan.support()
	if err != nil {
		return err
	}
	b.core = b.put("core.wasm", core)
	worker, err := b.script("src/core/worker.ts", support, map[string]string{"__CORE__": b.core})
	if err != nil {
		return err
	}
	main, err := b.script("src/main.tsx", support, map[string]string{"__WORKER__": b.put("worker.js", worker)})
	if err != nil {
		return err
	}
	style, err := b.script("src/style/main.css", support, nil)
	if err != nil {
		return err
	}
	if err := b.public(); err != nil {
		return err
	}
	if err := b.page(map[string]string{"main.js": b.put("main.js", main), "main.css": b.put("main.css", style)}); err != nil {
		return err
	}
	if err := b.references(); err != nil {
		return err
	}
	shell, err := json.Marshal(b.shell())
	if err != nil {
		return err
	}
	worker, err = b.script("src/core/sw.ts", support, map[string]string{"__VERSION__": b.version(), "__SHELL__": string(shell)})
	if err != nil {
		return err
	}
	b.files["sw.js"] = worker
	return nil
}

// put adds a file under a name that holds a hash of it, and returns that.
func (b *bundle) put(name string, data []byte) string {
	sum := sha256.Sum256(data)
	ext := path.Ext(name)
	hashed := strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:8]) + ext
	b.files[hashed] = data
	return hashed
}

// script bundles one entry point, with strings for the names it leaves open.
func (b *bundle) script(entry, support string, names map[string]string) ([]byte, error) {
	define := map[string]string{}
	for name, value := range names {
		quoted, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		define[name] = string(quoted)
	}
	dir, err := filepath.Abs(b.plan.ui)
	if err != nil {
		return nil, err
	}
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{entry}, AbsWorkingDir: dir, Bundle: true, Write: false, Outdir: "out",
		Format: api.FormatESModule, Platform: api.PlatformBrowser, Target: api.ES2022, Charset: api.CharsetUTF8,
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true, LegalComments: api.LegalCommentsNone,
		Define: define, Alias: map[string]string{"wasm_exec": support}, LogLevel: api.LogLevelSilent,
		JSX: api.JSXAutomatic, JSXImportSource: "preact",
		// Pictures and fonts of style sheets are small enough to be inside.
		Loader: map[string]api.Loader{".svg": api.LoaderDataURL, ".woff2": api.LoaderDataURL, ".png": api.LoaderDataURL},
	})
	if len(result.Errors) > 0 {
		text := api.FormatMessages(result.Errors, api.FormatMessagesOptions{})
		return nil, errors.New(strings.Join(text, ""))
	}
	if len(result.OutputFiles) != 1 {
		return nil, fmt.Errorf("%s made %d files; styles have an entry of their own", entry, len(result.OutputFiles))
	}
	return result.OutputFiles[0].Contents, nil
}

// public adds the files that are shipped as they are.
func (b *bundle) public() error {
	dir := filepath.Join(b.plan.ui, "public")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if b.files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// page adds index.html with the names of what it loads. It also has the browser fetch
// the core and the worker early: by the time the script asks for them they are there.
func (b *bundle) page(names map[string]string) error {
	text, err := os.ReadFile(filepath.Join(b.plan.ui, "index.html"))
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		quoted := []byte(`"` + name + `"`)
		if bytes.Count(text, quoted) != 1 {
			return fmt.Errorf("index.html must name %s once", quoted)
		}
		text = bytes.Replace(text, quoted, []byte(`"`+names[name]+`"`), 1)
	}
	b.files["index.html"] = text
	return nil
}

var reference = regexp.MustCompile(`(?:href|src|"src")(?:=|: )"([^"]+)"`)

// references makes sure that what the page and the manifest name is there.
func (b *bundle) references() error {
	for _, name := range []string{"index.html", "manifest.webmanifest"} {
		for _, m := range reference.FindAllSubmatch(b.files[name], -1) {
			if target := string(m[1]); b.files[target] == nil {
				return fmt.Errorf("%s names %s, which is not there", name, target)
			}
		}
	}
	return nil
}

// shell lists what the service worker keeps.
func (b *bundle) shell() []string { return slices.Sorted(maps.Keys(b.files)) }

// version is a hash of everything.
func (b *bundle) version() string {
	sum := sha256.New()
	for _, name := range b.shell() {
		one := sha256.Sum256(b.files[name])
		sum.Write([]byte(name))
		sum.Write(one[:])
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
