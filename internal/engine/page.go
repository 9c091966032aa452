package engine

import (
	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/pagetoken"
)

// Sizes of a list's page.
//
// Deviation: the sizes are ours; Cloud Run documents none.
const (
	defaultPageSize = 100
	maxPageSize     = 1000
)

// page is one page of a list.
type page struct {
	size int
	list string // names the list, so that a token of another one is refused
}

// openPage reads a request's page size and token. If there is a token, openPage stores its
// key, which next was given, in key.
//
// Deviation: a token of another list is refused; Cloud Run does not document this case.
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

// next returns the token of the page that begins after the key.
func (p page) next(key ...any) string { return pagetoken.New(p.list, key...) }
