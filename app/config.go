package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"
)

// configFile feeds the flags of `godwit serve` from a TOML file. A flag's key in the file is its tag `toml:"section.key"`. What the command
// line or the environment says wins over the file.
type configFile struct{ values map[string]any }

// Validate implements [kong.Resolver].
func (c *configFile) Validate(*kong.Application) error { return nil }

// load reads the file and refuses keys that no flag has.
func (c *configFile) load(path string, flags []*kong.Flag) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the configuration can not be read: %w", err)
	}
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			row, column := at.Position()
			return fmt.Errorf("%s:%d:%d: %w", path, row, column, err)
		}
		return fmt.Errorf("%s: %w", path, err)
	}
	values := map[string]any{}
	flatten("", tree, values)
	known := keysOf(flags)
	for key := range values {
		if !slices.Contains(known, key) {
			return fmt.Errorf("%s: there is no key %q; did you mean %q?", path, key, nearest(key, known))
		}
	}
	c.values = values
	return nil
}

// Resolve implements [kong.Resolver].
func (c *configFile) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	key := flag.Tag.Get("toml")
	if key == "" {
		return nil, nil
	}
	if c.values == nil {
		c.values = map[string]any{}
		if path := configPath(ctx); path != "" {
			if err := c.load(path, ctx.Selected().Flags); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	v, ok := c.values[key]
	if !ok {
		return nil, nil
	}
	return fmt.Sprint(v), nil
}

// configPath is the value of --config, from the command line or the environment.
func configPath(ctx *kong.Context) string {
	for _, f := range ctx.Flags() {
		if f.Name == "config" {
			if s, ok := ctx.FlagValue(f).(string); ok {
				return s
			}
		}
	}
	return ""
}

func flatten(prefix string, tree, into map[string]any) {
	for key, v := range tree {
		if sub, ok := v.(map[string]any); ok {
			flatten(prefix+key+".", sub, into)
			continue
		}
		into[prefix+key] = v
	}
}

func keysOf(flags []*kong.Flag) []string {
	var keys []string
	for _, f := range flags {
		if key := f.Tag.Get("toml"); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// nearest is the known key with the fewest edits.
func nearest(key string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return edits(key, a) - edits(key, b) })
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// printConfig writes a configuration file with every key, its meaning and its default, ready to be edited.
func printConfig(w io.Writer, flags []*kong.Flag) error {
	var b strings.Builder
	b.WriteString("# Configuration of `godwit serve`. Every key can be left out; what stands here is the default.\n" +
		"# Each can also be given as a flag (--listen-c2s) or in the environment (GODWIT_LISTEN_C2S), which win over this file.\n")
	section := ""
	for _, f := range flags {
		key := f.Tag.Get("toml")
		if key == "" {
			continue
		}
		name := key
		if group, rest, ok := strings.Cut(key, "."); ok {
			name = rest
			if group != section {
				section = group
				fmt.Fprintf(&b, "\n[%s]\n", section)
			}
		}
		fmt.Fprintf(&b, "\n# %s\n%s = %s\n", strings.TrimSpace(f.Help), name, tomlValue(f))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func tomlValue(f *kong.Flag) string {
	if f.IsBool() {
		if f.Default == "" {
			return "false"
		}
		return f.Default
	}
	if f.Tag.Get("number") != "" {
		return f.Default
	}
	return fmt.Sprintf("%q", f.Default)
}
