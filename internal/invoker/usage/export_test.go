package usage

// Share is share.
func Share(a, b, of int64) int64 { return share(a, b, of) }
