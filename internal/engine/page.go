package engine

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/runwith/runwith"
)

// Sizes of a list's page.
//
// Deviation: they are ours, Cloud Run documents none.
const (
	defaultPageSize = 100
	maxPageSize     = 1000
)

// page is one page of a list.
type page struct {
	size int
	list [6]byte // names the list, so that a token of another one is refused
}

// openPage reads a request's page size and token. The token's key, where there is
// a token, is stored in key; it is what an earlier next was given.
//
// Deviation: a token of another list is refused; Cloud Run does not say what its
// tokens hold for.
func openPage(size int32, token, list string, key ...any) (page, error) {
	if size < 0 {
		return page{}, runwith.Errorf(runwith.InvalidArgument, "page_size: is %d, must not be negative", size)
	}
	sum := sha256.Sum256([]byte(list))
	p := page{size: min(int(size), maxPageSize), list: [6]byte(sum[:6])}
	if p.size == 0 {
		p.size = defaultPageSize
	}
	if token == "" {
		return p, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < len(p.list) || [6]byte(raw[:6]) != p.list || json.Unmarshal(raw[6:], &key) != nil {
		return page{}, runwith.Errorf(runwith.InvalidArgument,
			"page_token: %.40q is not of this list: use the next_page_token of an answer to the same request", token)
	}
	return p, nil
}

// next is the token of the page that begins after the key.
func (p page) next(key ...any) string {
	encoded, err := json.Marshal(key)
	if err != nil {
		return "" // strings and numbers always encode
	}
	return base64.RawURLEncoding.EncodeToString(append(p.list[:], encoded...))
}
