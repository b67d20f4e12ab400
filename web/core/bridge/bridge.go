//go:build js

package bridge

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall/js"
)

// Error is an exception of JavaScript.
type Error struct {
	Name    string // such as "QuotaExceededError"
	Message string
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Name
	}
	return e.Name + ": " + e.Message
}

// ErrorOf makes an error of what JavaScript threw.
func ErrorOf(v js.Value) error {
	if v.Type() != js.TypeObject {
		return &Error{Name: "Error", Message: Text(v)}
	}
	return &Error{Name: Text(v.Get("name")), Message: Text(v.Get("message"))}
}

// Text is a string, or what JavaScript makes of the value; "" for nothing.
func Text(v js.Value) string {
	switch v.Type() {
	case js.TypeUndefined, js.TypeNull:
		return ""
	case js.TypeString:
		return v.String()
	}
	return js.Global().Get("String").Invoke(v).String()
}

// Try calls f and returns what JavaScript throws in it as an error.
func Try(f func() js.Value) (v js.Value, err error) {
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case js.Error:
			err = ErrorOf(thrown.Value)
		default:
			panic(thrown)
		}
	}()
	return f(), nil
}

// defect is told about panics in callbacks.
var defect atomic.Pointer[func(text string)]

// OnDefect says who hears of panics in the callbacks of Func and in Go. Before it is
// called they end the program.
func OnDefect(f func(text string)) { defect.Store(&f) }

// Report is to be deferred by goroutines whose panics shall be heard of.
func Report() {
	p := recover()
	if p == nil {
		return
	}
	f := defect.Load()
	if f == nil {
		panic(p)
	}
	(*f)(fmt.Sprintf("%v\n%s", p, debug.Stack()))
}

// Func is a callback. It must not wait: nothing else of the program runs before it
// has returned.
func Func(f func(args []js.Value)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		defer Report()
		f(args)
		return nil
	})
}

// Listen calls f for each event of a kind until stop is called.
func Listen(target js.Value, kind string, f func(event js.Value)) (stop func()) {
	callback := Func(func(args []js.Value) { f(args[0]) })
	target.Call("addEventListener", kind, callback)
	return func() {
		target.Call("removeEventListener", kind, callback)
		callback.Release()
	}
}

// Await waits for a promise, or until the context ends.
func Await(ctx context.Context, promise js.Value) (js.Value, error) {
	type outcome struct {
		v   js.Value
		err error
	}
	settled := make(chan outcome, 1)
	var yes, no js.Func
	release := func() {
		yes.Release()
		no.Release()
	}
	yes = Func(func(args []js.Value) {
		release()
		settled <- outcome{v: argument(args)}
	})
	no = Func(func(args []js.Value) {
		release()
		settled <- outcome{err: ErrorOf(argument(args))}
	})
	promise.Call("then", yes, no)
	select {
	case o := <-settled:
		return o.v, o.err
	case <-ctx.Done():
		return js.Undefined(), context.Cause(ctx)
	}
}

func argument(args []js.Value) js.Value {
	if len(args) == 0 {
		return js.Undefined()
	}
	return args[0]
}

// Bytes copies an ArrayBuffer or a Uint8Array.
func Bytes(v js.Value) []byte {
	array := js.Global().Get("Uint8Array")
	if !v.InstanceOf(array) {
		v = array.New(v)
	}
	b := make([]byte, v.Get("byteLength").Int())
	js.CopyBytesToGo(b, v)
	return b
}

// Array makes a Uint8Array.
func Array(b []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}

// IsOne reports whether an error is the exception of a name.
func IsOne(err error, name string) bool {
	e, ok := err.(*Error)
	return ok && strings.EqualFold(e.Name, name)
}
