package runwith

// maxKey is the length limit of an idempotency key, in characters.
const maxKey = 255

// checkKey refuses an idempotency key that the invoker does not take. net/http does not send a
// header with control characters, and its error looks like a broken connection.
func checkKey(key string) error {
	switch {
	case key == "":
		return Errorf(InvalidArgument, "key: must not be empty")
	case len(key) > maxKey:
		return Errorf(InvalidArgument, "key: must be at most %d characters long, it has %d", maxKey, len(key))
	}
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' {
			return Errorf(InvalidArgument, "key: must be printable ASCII")
		}
	}
	return nil
}
