package udpmux

// gsoExpected: Linux offers UDP segmentation offload since 4.18.
func gsoExpected() bool { return true }
