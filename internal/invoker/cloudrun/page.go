package cloudrun

import (
	"errors"

	"github.com/runwith/runwith"
)

const (
	// fullPage is the number of items that a page is asked for, and operationPage that of
	// operations. Cloud Run may send fewer.
	fullPage, operationPage = 1000, 100
	// MostPages is the maximum number of pages of a list. Without the check, a broken server
	// would keep its reader busy for ever.
	MostPages = 100_000
)

// Pages checks that a list ends. The zero value is the beginning of one.
type Pages struct {
	read int
	mark string // the token of a page before, to find a circle
}

// Next takes in the token of the next page. It fails if the list goes round in a circle, or has
// more pages than [MostPages].
//
// It remembers one token, and replaces it after 1, 2, 4, 8, ... pages. A circle of any length
// meets it: https://en.wikipedia.org/wiki/Cycle_detection#Brent's_algorithm.
func (p *Pages) Next(token string) error {
	p.read++
	switch {
	case token == "":
		return nil
	case token == p.mark:
		return runwith.Errorf(runwith.Internal, "the server's list goes round in a circle: %s", LookAtServer)
	case p.read >= MostPages:
		return runwith.Errorf(runwith.Internal, "the server's list has more than %d pages: %s", MostPages, LookAtServer)
	case p.read&(p.read-1) == 0:
		p.mark = token
	}
	return nil
}

// LookAtServer is the next step after an answer that no true server sends.
const LookAtServer = "look at the server that --endpoint names, or at the proxy in front of Google's"

// readPage reads a page of a list: up to most items, and fewer if the answer is too large.
// Items may be of any size that Cloud Run allows, so only smaller pages can be read then.
//
// fetch is the InternalFetch of the library's iterator, which sends one request. The iterator's
// other methods read on until they have an item, so a server without items could hold them.
func readPage[T any](c *Client, f *flight, most int, token string, fetch func(size int, token string) ([]T, string, error)) (page []T, next string, err error) {
	for size := most; size > 0; size /= 10 {
		if page, next, err = fetch(size, token); !errors.Is(err, errTooLarge) {
			break
		}
	}
	if err != nil {
		return nil, "", c.failure(err, f)
	}
	return page, next, nil
}

// pages yields the items of a list, page by page.
func pages[T any](read func(token string) ([]T, string, error), yield func(T, error) bool) {
	var list Pages
	for token := ""; ; {
		page, next, err := read(token)
		if err == nil {
			err = list.Next(next)
		}
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, item := range page {
			if !yield(item, nil) {
				return
			}
		}
		if token = next; token == "" {
			return
		}
	}
}
