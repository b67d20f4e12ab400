package script

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// vars are the names a script can use in braces.
type vars map[string]string

var placeholder = regexp.MustCompile(`\{([A-Za-z0-9_./:-]+)\}`)

// fill replaces every known name in braces. Names of the form any… are left for matching; an unknown one is a mistake in the script.
func (v vars) fill(text string) (string, error) {
	var bad error
	out := placeholder.ReplaceAllStringFunc(text, func(m string) string {
		name := m[1 : len(m)-1]
		if anyName(name) {
			return m
		}
		value, ok := v[name]
		if !ok && bad == nil {
			bad = fmt.Errorf("nothing is known as {%s}", name)
		}
		return value
	})
	return out, bad
}

// anyName reports whether a name in braces says something about matching.
func anyName(name string) bool {
	return name == "any" || name == "absent" || strings.HasPrefix(name, "any:")
}

// value matches one attribute value or text. {any} takes everything but nothing; {any:x} also remembers it as {x}, and once x is known, takes
// only that.
func (v vars) value(want, got string) bool {
	loc := placeholder.FindStringSubmatchIndex(want)
	if loc == nil || !anyName(want[loc[2]:loc[3]]) {
		return want == got
	}
	if want == "{absent}" {
		return false
	}
	before, name, after := want[:loc[0]], want[loc[2]:loc[3]], want[loc[1]:]
	if len(got) <= len(before)+len(after) || got[:len(before)] != before || got[len(got)-len(after):] != after {
		return false
	}
	if name == "any" {
		return true
	}
	middle := got[len(before) : len(got)-len(after)]
	if known, ok := v[name[4:]]; ok {
		return known == middle
	}
	v[name[4:]] = middle
	return true
}

// match compares an element with what the script wants: the name, the attributes and the children given must be there; more may be. The
// attribute expect on a wanted child says how often it must occur: absent, or a number; on any element, expect='only' forbids further
// children. What is remembered on the way stays only if all matches.
func (v vars) match(want, got *Tree) error {
	trial := maps.Clone(v)
	if err := trial.matchTree(want, got); err != nil {
		return err
	}
	maps.Copy(v, trial)
	return nil
}

func (v vars) matchTree(want, got *Tree) error {
	if want.Name != got.Name {
		return fmt.Errorf("the element is <%s xmlns='%s'>, wanted <%s xmlns='%s'>", got.Name.Local, got.Name.Space, want.Name.Local, want.Name.Space)
	}
	if err := v.matchHead(want, got); err != nil {
		return err
	}
	used := make([]bool, len(got.Children))
	for i := range want.Children {
		w := &want.Children[i]
		if err := v.matchChild(w, got, used); err != nil {
			return fmt.Errorf("in <%s>: %w", got.Name.Local, err)
		}
	}
	if want.attr("expect") == "only" {
		for i, ok := range used {
			if !ok {
				return fmt.Errorf("in <%s>: <%s> is too much", got.Name.Local, got.Children[i].Name.Local)
			}
		}
	}
	return nil
}

func (v vars) matchHead(want, got *Tree) error {
	for _, a := range want.Attrs {
		if a.Name.Space == "" && a.Name.Local == "expect" {
			continue
		}
		found := false
		for _, b := range got.Attrs {
			if b.Name == a.Name {
				if found = v.value(a.Value, b.Value); !found {
					return fmt.Errorf("<%s> has %s='%s', wanted '%s'", got.Name.Local, a.Name.Local, b.Value, a.Value)
				}
			}
		}
		if !found && a.Value != "{absent}" {
			return fmt.Errorf("<%s> has no %s, wanted '%s'", got.Name.Local, a.Name.Local, a.Value)
		}
	}
	if want.Text != "" && !v.value(want.Text, got.Text) {
		return fmt.Errorf("<%s> contains %q, wanted %q", got.Name.Local, got.Text, want.Text)
	}
	return nil
}

// matchChild looks for one wanted child among those not used yet.
func (v vars) matchChild(w, got *Tree, used []bool) error {
	times, count := w.attr("expect"), 0
	if times == "only" {
		times = ""
	}
	var last error
	for i := range got.Children {
		if used[i] {
			continue
		}
		err := v.match(w, &got.Children[i])
		if err != nil {
			if got.Children[i].Name == w.Name {
				last = err
			}
			continue
		}
		count++
		used[i] = true
		if times == "" {
			return nil
		}
	}
	switch n, err := strconv.Atoi(times); {
	case times == "absent" && count == 0, err == nil && n == count:
		return nil
	case times != "":
		return fmt.Errorf("<%s> is there %d times, wanted %s", w.Name.Local, count, times)
	case last != nil:
		return last
	}
	return fmt.Errorf("<%s xmlns='%s'> is missing", w.Name.Local, w.Name.Space)
}
