package app

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"
)

// configFile feeds the flags of `godwit serve` from a TOML file. A flag's key in the file is its tag `toml:"section.key"`. What the command
// line or the environment says wins over the file.
type configFile struct {
	values map[string]any
	err    error // why the file could not be used
}

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
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(known, key) {
			return fmt.Errorf("%s: there is no key %q; did you mean %q?", path, key, nearest(key, known))
		}
		switch values[key].(type) {
		case string, bool, int64:
		default:
			return fmt.Errorf("%s: %s must be a string, a number without fraction, true or false", path, key)
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
			if c.err = c.load(path, ctx.Selected().Flags); c.err != nil {
				return nil, c.err
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

// flatten turns sections into dots. An empty section is of no use, but of no harm either.
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

// printConfig writes a configuration file with every key, its meaning and its value, ready to be edited.
func printConfig(w io.Writer, k *kong.Context) error {
	var b strings.Builder
	b.WriteString("# Configuration of `godwit serve`. Every key can be left out and is the default then.\n" +
		"# Each can also be given as a flag (--listen-c2s) or in the environment (GODWIT_LISTEN_C2S), which win over this file.\n")
	section := ""
	for _, f := range k.Selected().Flags {
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
		value, standard := tomlValue(f, fmt.Sprint(k.FlagValue(f))), tomlValue(f, f.Default)
		text := strings.TrimSpace(f.Help)
		if value != standard {
			text += " Default: " + standard
		}
		b.WriteString("\n" + wrapWordsBy(strings.Fields(text), 100, "# ", " ") + name + " = " + value + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// tomlValue writes the value of a flag as TOML has it.
func tomlValue(f *kong.Flag, value string) string {
	switch {
	case f.IsBool():
		return cmp.Or(value, "false")
	case f.Tag.Get("number") != "":
		return value
	}
	if d, err := time.ParseDuration(value); err == nil {
		value = shortDuration(d)
	}
	return tomlString(value)
}

// shortDuration writes 5m0s as 5m.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// tomlString quotes as TOML's basic strings do.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
