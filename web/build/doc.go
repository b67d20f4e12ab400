// Command build makes the web client: it has npm install what package-lock.json says
// and the compiler check the types, builds the core (web/core) for the browser, bundles
// the face (web/ui) with esbuild, and writes all of it, compressed, into web/bundle/dist,
// from where package bundle takes it into the binary.
//
//	go run ./web/build              all of it; fails when something is missing
//	go run ./web/build -optional    where node or npm are missing says so and succeeds
//	go run ./web/build -check       types, bundle and budgets, and the face's own tests
//
// What it writes depends on its input only. Names hold hashes of what is inside, so
// browsers keep files for good, and the service worker (sw.js) holds a list of them, so it
// changes exactly when one of them does.
//
// Nothing of the client's behaviour may enter; it is never part of the shipped program.
package main
