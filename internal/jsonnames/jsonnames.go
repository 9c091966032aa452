// Package jsonnames finds names that occur twice in an object of a JSON request. encoding/json
// uses the last of them, and drops the others silently.
package jsonnames

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// chosen are the fields that have names which callers choose.
var chosen = []string{"env", "labels", "parameters"}

// Repeated returns the first name that occurs twice in one object, and the offset of its second
// end, or "" and 0. data is valid JSON. Names of fields are compared without case, as
// encoding/json does; names that callers choose with case.
func Repeated(data []byte) (name string, end int) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return repeated(d, "")
}

// repeated looks into the next value of d, which is that of the field parent.
func repeated(d *json.Decoder, parent string) (name string, end int) {
	token, _ := d.Token()
	open, ok := token.(json.Delim)
	if !ok {
		return "", 0
	}
	seen := map[string]bool{}
	child := parent
	for d.More() {
		if open == '{' {
			token, _ = d.Token()
			child, _ = token.(string)
			key := child
			if !slices.Contains(chosen, parent) {
				key = strings.ToLower(key)
			}
			if seen[key] {
				return child, int(d.InputOffset())
			}
			seen[key] = true
		}
		if name, end = repeated(d, child); end > 0 {
			return name, end
		}
	}
	_, _ = d.Token() // the closing delimiter
	return "", 0
}
