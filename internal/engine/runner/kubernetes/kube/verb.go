package kube

import (
	"maps"
	"net/http"
	"sync"
)

// verb is what a request does, as permissions name it. Reading a log is a verb of its own
// here.
type verb string

const (
	verbCreate verb = "create"
	verbDelete verb = "delete"
	verbGet    verb = "get"
	verbList   verb = "list"
	verbLog    verb = "log"
	verbPatch  verb = "patch"
	verbUpdate verb = "update"
	verbWatch  verb = "watch"
)

// method returns the HTTP method of a verb.
func (v verb) method() string {
	switch v {
	case verbCreate:
		return http.MethodPost
	case verbDelete:
		return http.MethodDelete
	case verbPatch:
		return http.MethodPatch
	case verbUpdate:
		return http.MethodPut
	default:
		return http.MethodGet
	}
}

// counter counts requests by their verbs. The zero value is empty.
type counter struct {
	mu     sync.Mutex
	counts map[string]int64
}

func (c *counter) add(v verb) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int64{}
	}
	c.counts[string(v)]++
}

// Requests returns how many requests have been sent, by verb: create, delete, get, list,
// log, patch, update or watch. A request that is sent again because its credential had
// expired counts once.
func (c *Client) Requests() map[string]int64 {
	c.sent.mu.Lock()
	defer c.sent.mu.Unlock()
	return maps.Clone(c.sent.counts)
}
