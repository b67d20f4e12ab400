// Package proc runs a real program as a child of a test: its standard output
// arrives line by line on a channel, its standard input is written line by
// line, its standard error is kept and printed when the test fails, and it is
// gone when the test ends, however the test ends.
//
//	server := proc.Start(t, godwit, "serve", "--data", t.TempDir(), "--listen-c2s", "127.0.0.1:0")
//	server.Expect(10*time.Second, "the ready line", proc.Is("ready"))
//	…
//	server.Kill9()
//
// It needs no special rights. Package netlab uses it to start programs inside
// network namespaces.
//
// What may not enter: knowledge of any program it runs (JSON events, listener
// lines), anything about networks, and anything that shipped code would import.
package proc
