package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// The committed file is what the structs say.
func TestUpToDate(t *testing.T) {
	want, err := types()
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(target)))
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s is not what package headless says; run: go run ./web/contract", target)
	}
}

func TestStructure(t *testing.T) {
	type Inner struct {
		N int64 `json:"n"`
	}
	type Outer struct {
		Event string `json:"event"`
		Inner
		Name string   `json:"name,omitempty"`
		More []Inner  `json:"more"`
		One  *Inner   `json:"one,omitempty"`
		Yes  bool     `json:"yes"`
		List []string `json:"list,omitempty"`
	}
	w := &writer{done: map[string]string{}, used: map[string]bool{}}
	if err := w.structure(reflect.TypeFor[Outer]()); err != nil {
		t.Fatal(err)
	}
	want := "export interface Outer extends Inner {\n  name?: string;\n  more: Inner[];\n  one?: Inner;\n  yes: boolean;\n  list?: string[];\n}\n"
	if w.done["Outer"] != want {
		t.Errorf("got %s", w.done["Outer"])
	}
	if got := strings.Join(w.names, " "); got != "Inner Outer" {
		t.Errorf("order %s", got)
	}
	if err := w.structure(reflect.TypeFor[struct {
		F func() `json:"f"`
	}]()); err == nil {
		t.Error("a function has no type in JSON")
	}
}
