// Package archtest holds the plan of the house against the code: which package may import which, who owns which
// dependency, how long a file may get, what is documented and which specifications are indexed. table.go is the plan;
// a violation prints the reason that stands there.
//
// To add a package, give it a row in rooms. To add a dependency, give it an owner in fences. To break a limit, write
// the reason beside it. What may not enter: tests of behaviour, and anything shipped code would import.
package archtest
