package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// A plan says where everything is.
type plan struct {
	top  string // of the module
	ui   string // web/ui
	dist string // web/bundle/dist
	fast bool   // compress little
}

func main() {
	optional := flag.Bool("optional", false, "succeed where node or npm are missing, and leave the page out")
	check := flag.Bool("check", false, "run the face's own tests too")
	fast := flag.Bool("fast", false, "compress little: for working on the client, not for shipping")
	top := flag.String("C", ".", "directory of the module")
	flag.Parse()
	p := plan{top: *top, ui: filepath.Join(*top, "web", "ui"), dist: filepath.Join(*top, "web", "bundle", "dist"), fast: *fast}
	err := p.make(*check)
	var missing *missingError
	if errors.As(err, &missing) && *optional {
		fmt.Fprintf(os.Stderr, "the web client is not built: %v\n"+
			"    Install Node.js 20 or later with npm (Debian: apt-get install nodejs npm) and run make again.\n"+
			"    The binary is built without the page; everything else works.\n", err)
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "web/build:", err)
		os.Exit(1)
	}
}

// make does everything in its order.
func (p plan) make(check bool) error {
	if err := p.dependencies(); err != nil {
		return err
	}
	if err := p.types(); err != nil {
		return err
	}
	if check {
		if err := p.tests(); err != nil {
			return err
		}
	}
	core, err := p.core()
	if err != nil {
		return err
	}
	b := &bundle{plan: p, files: map[string][]byte{}}
	if err := b.assemble(core); err != nil {
		return err
	}
	if err := b.write(); err != nil {
		return err
	}
	return b.budgets()
}
