package auth

import (
	"time"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// Holder returns the caller that has an API key in a file, and when the key expires; the zero
// time is never. It reports whether the file has the key.
func Holder(f *configfile.File, key string) (caller string, expires time.Time, ok bool) {
	id, ok := KeyID(key)
	if !ok {
		return "", time.Time{}, false
	}
	for name, c := range f.Callers {
		for _, one := range c.APIKeys {
			if one.ID == id && one.SHA256 == HashKey(key) {
				return name, one.Expires.Time, true
			}
		}
	}
	return "", time.Time{}, false
}
