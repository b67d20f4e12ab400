// Command godwit is the server, the clients and the tools of Godwit in one program. Everything it does stands in package app.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"godwit/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	code := app.Main(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
