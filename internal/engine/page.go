package engine

import (
	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/pagetoken"
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
	list string // names the list, so that a token of another one is refused
}

// openPage reads a request's page size and token. The token's key, where there is
// a token, is stored in key; it is what an earlier next was given.
//
// Deviation: a token of another list is refused; Cloud Run does not say what its
// tokens hold for.
func openPage(size int32, token, list string, key ...any) (page, error) {
	if size < 0 {
		return page{}, jobspec.FieldErrorf(runwith.InvalidArgument, "page_size", "is %d, must not be negative", size)
	}
	p := page{size: min(int(size), maxPageSize), list: list}
	if p.size == 0 {
		p.size = defaultPageSize
	}
	return p, pagetoken.Read(token, list, key...)
}

// next is the token of the page that begins after the key.
func (p page) next(key ...any) string { return pagetoken.New(p.list, key...) }
