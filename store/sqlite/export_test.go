package sqlite

import "godwit/store/sqlitedb"

// OptionsForTest are the options a store is opened with, for tests that look at the file underneath.
func OptionsForTest() sqlitedb.Options {
	o, err := options(Options{})
	if err != nil {
		panic(err)
	}
	return o
}
