package network

import (
	"context"
	"fmt"
	"os"
)

// childVariable makes the test binary a watch that prints what it is told. It is
// run in the network namespaces of a lab.
const childVariable = "GODWIT_NETWORK_CHILD"

func child() bool {
	if os.Getenv(childVariable) == "" {
		return false
	}
	for c := range Watch(context.Background(), Options{}) {
		fmt.Printf("change %v %q\n", c.State.Usable(0), c.State.ID())
	}
	return true
}
