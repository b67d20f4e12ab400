package script

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// Step is one line of a script with the indented block below it.
type Step struct {
	Line  int    // in the file, from 1
	Actor string // "server", "account", "client" or the name of a client
	Verb  string // the rest of the line, without the colon that announces a block
	Block string // the indented lines below
}

// Script is one parsed file.
type Script struct {
	Name  string
	Steps []Step
}

// Parse reads a script. It knows the shape of lines only; what verbs there are is the runner's business.
func Parse(name, text string) (*Script, error) {
	s := &Script{Name: name}
	wants := false // the last step announced a block
	at := func(line int, err error) error { return fmt.Errorf("%s:%d: %w", name, line, err) }
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if !wants {
				return nil, at(i+1, errors.New("an indented line below a line without a colon"))
			}
			last := &s.Steps[len(s.Steps)-1]
			last.Block += trimmed + "\n"
			continue
		}
		if err := s.complete(wants); err != nil {
			return nil, err
		}
		actor, verb, ok := strings.Cut(trimmed, " ")
		if !ok {
			return nil, at(i+1, errors.New("a line needs an actor and what it does"))
		}
		verb, wants = strings.CutSuffix(strings.TrimSpace(verb), ":")
		s.Steps = append(s.Steps, Step{Line: i + 1, Actor: actor, Verb: verb})
	}
	return s, s.complete(wants)
}

// complete checks that the last step has the block it announced.
func (s *Script) complete(wants bool) error {
	if !wants {
		return nil
	}
	if last := s.Steps[len(s.Steps)-1]; last.Block == "" {
		return fmt.Errorf("%s:%d: nothing follows the colon", s.Name, last.Line)
	}
	return nil
}

// firstElement splits a block behind its first element.
func firstElement(block string) (first, rest string, err error) {
	const before = "<s xmlns:stream='" + nsStreams + "'>"
	d := xml.NewDecoder(strings.NewReader(before + block))
	if _, err = d.Token(); err != nil {
		return "", "", err
	}
	for {
		tok, err := d.Token()
		if err != nil {
			return "", "", err
		}
		if _, ok := tok.(xml.StartElement); ok {
			if err := d.Skip(); err != nil {
				return "", "", err
			}
			n := int(d.InputOffset()) - len(before)
			return block[:n], block[n:], nil
		}
	}
}
