package api

import "github.com/runwith/runwith"

// Filter mirrors invoker.Filter.
type Filter struct {
	Job       string
	State     runwith.State
	PageSize  int
	PageToken string
}
