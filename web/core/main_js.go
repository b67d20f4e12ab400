//go:build js

package main

import (
	"syscall/js"

	"godwit/web/core/bridge"
)

func main() {
	outside := js.Global().Get("godwit")
	p := &program{page: page{outside}}
	bridge.OnDefect(func(text string) {
		p.page.post(map[string]any{"defect": text})
		js.Global().Get("godwit").Call("exit") // nothing is to be trusted any more; the page starts another
	})
	outside.Set("receive", js.FuncOf(func(_ js.Value, args []js.Value) any {
		defer bridge.Report()
		p.receive(args[0])
		return nil
	}))
	outside.Call("ready")
	select {}
}

// page is the other end of the Worker's messages.
type page struct{ outside js.Value }

// post sends one message.
func (p page) post(message map[string]any, transfer ...any) {
	p.outside.Call("post", message, transfer)
}

// event sends one event, as JSON.
func (p page) event(text string) { p.outside.Call("event", text) }
