//go:build js

package indexed

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"

	"godwit/client/cache"
	"godwit/web/core/bridge"
	"godwit/web/core/journal"
)

// version of the schema. A later one refuses to open here, as ErrCorrupt.
const version = 1

// table is the one store there is.
const table = "log"

// page is how many records are read at a time.
const page = 500

// Log implements journal.Log.
type Log struct{ db js.Value }

var _ journal.Log = (*Log)(nil)

// Open opens the database of a name, making it if there is none.
func Open(ctx context.Context, name string) (*Log, error) {
	factory := js.Global().Get("indexedDB")
	if factory.IsUndefined() || factory.IsNull() {
		return nil, fmt.Errorf("%w: this browser has no IndexedDB", cache.ErrIO)
	}
	request, err := bridge.Try(func() js.Value { return factory.Call("open", name, version) })
	if err != nil {
		return nil, translate("opening", err)
	}
	upgrade := bridge.Func(func([]js.Value) {
		options := map[string]any{"autoIncrement": true}
		request.Get("result").Call("createObjectStore", table, options)
	})
	defer upgrade.Release()
	request.Set("onupgradeneeded", upgrade)
	db, err := answer(ctx, request)
	if err != nil {
		return nil, translate("opening", err)
	}
	return &Log{db}, nil
}

// answer waits for a request of the database.
func answer(ctx context.Context, request js.Value) (js.Value, error) {
	return wait(ctx, request, "success", "error", "blocked")
}

// wait waits for one of the events of a request or a transaction: the first is success.
func wait(ctx context.Context, target js.Value, good string, bad ...string) (js.Value, error) {
	outcome := make(chan error, 1+len(bad))
	stops := []func(){bridge.Listen(target, good, func(js.Value) { outcome <- nil })}
	for _, kind := range bad {
		stops = append(stops, bridge.Listen(target, kind, func(js.Value) {
			if e := target.Get("error"); e.Truthy() {
				outcome <- bridge.ErrorOf(e)
				return
			}
			outcome <- &bridge.Error{Name: kind, Message: "the database did not do it"}
		}))
	}
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	select {
	case err := <-outcome:
		if err != nil || good != "success" {
			return js.Undefined(), err
		}
		return target.Get("result"), nil
	case <-ctx.Done():
		return js.Undefined(), context.Cause(ctx)
	}
}

// write runs one transaction that is on disk when it returns.
func (l *Log) write(what string, do func(store js.Value)) error {
	var transaction js.Value
	_, err := bridge.Try(func() js.Value {
		transaction = l.db.Call("transaction", table, "readwrite", map[string]any{"durability": "strict"})
		do(transaction.Call("objectStore", table))
		return js.Undefined()
	})
	if err == nil {
		// It can not be taken back once it is under way, so it is waited for.
		_, err = wait(context.Background(), transaction, "complete", "abort")
	}
	return translate(what, err)
}

// Append implements journal.Log.
func (l *Log) Append(_ context.Context, records [][]byte) error {
	return l.write("writing", func(store js.Value) {
		for _, r := range records {
			store.Call("add", bridge.Array(r))
		}
	})
}

// Drop implements journal.Log.
func (l *Log) Drop(_ context.Context, numbers []uint64) error {
	return l.write("removing", func(store js.Value) {
		for _, n := range numbers {
			store.Call("delete", float64(n))
		}
	})
}

// Read implements journal.Log.
func (l *Log) Read(ctx context.Context, each func(number uint64, record []byte) error) error {
	ranges := js.Global().Get("IDBKeyRange")
	for last := float64(0); ; {
		var keys, values js.Value
		_, err := bridge.Try(func() js.Value {
			store := l.db.Call("transaction", table).Call("objectStore", table)
			after := ranges.Call("lowerBound", last, true)
			keys, values = store.Call("getAllKeys", after, page), store.Call("getAll", after, page)
			return js.Undefined()
		})
		if err != nil {
			return translate("reading", err)
		}
		// Values are asked for last, so keys are there when they are.
		records, err := answer(ctx, values)
		if err != nil {
			return translate("reading", err)
		}
		numbers := keys.Get("result")
		n := records.Length()
		for i := range n {
			last = numbers.Index(i).Float()
			if err := each(uint64(last), bridge.Bytes(records.Index(i))); err != nil {
				return err
			}
		}
		if n < page {
			return nil
		}
	}
}

// Close implements journal.Log.
func (l *Log) Close() { l.db.Call("close") }

// translate gives an exception the meaning it has for a cache.
func translate(what string, err error) error {
	var e *bridge.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	as := cache.ErrIO
	switch e.Name {
	case "QuotaExceededError":
		as = cache.ErrFull
	case "VersionError", "DataError":
		as = cache.ErrCorrupt
	}
	return fmt.Errorf("%w: %s the browser's database: %w", as, what, err)
}
