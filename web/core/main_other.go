//go:build !js

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "web/core is for browsers: GOOS=js GOARCH=wasm go build ./web/core, or make")
	os.Exit(2)
}
