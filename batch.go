package runwith

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"
)

// MaxBatch is the largest number of items of [Client.StartEach]. Their JSON has at most 1 MiB.
const MaxBatch = 1000

// StartItem is one request of [Client.StartEach].
type StartItem struct {
	// Key is the idempotency key, as that of [Client.Start]. If it is empty, StartEach chooses
	// one at random for the duration of the call.
	Key string
	// Request is the request to start the job.
	Request Request
}

// StartResult is the answer to one [StartItem].
type StartResult struct {
	// Invocation is nil if Err is not.
	Invocation *Invocation
	// Replayed means that an earlier request had the same key, and that Invocation is that one's.
	Replayed bool
	// Err is an [*Error] as [Client.Start] returns it. Nothing was started for the item.
	Err error
	// RetryAfter is when to send the item again if the invoker has accepted too many; 0 if that
	// is not the reason.
	RetryAfter time.Duration
}

// StartEach starts a job once for each item, at most [MaxBatch], and returns the answers in the
// order of the items. All items that can be accepted are on the invoker's disk then, in one
// commit. A refused item does not hurt the others. If StartEach itself returns an error, it
// is that of the whole batch; repeat the call with the same keys then.
//
// Items with the same label are easy to follow: see [Client.Invocations].
func (c *Client) StartEach(ctx context.Context, job string, items []StartItem) ([]StartResult, error) {
	path, err := escape("jobs", "job", job)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, nil
	}
	if len(items) > MaxBatch {
		return nil, Errorf(InvalidArgument, "items: a batch has at most %d, this one has %d: call StartEach several times", MaxBatch, len(items))
	}
	body, err := encode("batch", batchOf(items))
	if err != nil {
		return nil, err
	}
	start := request{method: http.MethodPost, path: path + batchSuffix, body: body}
	answer, err := again(ctx, c, func() (*batchAnswer, error) { return decode[batchAnswer](c.send(ctx, start)) })
	if err != nil {
		return nil, err
	}
	if len(answer.Items) != len(items) {
		return nil, Errorf(DataLoss, "the answer has %d items, and the batch has %d", len(answer.Items), len(items))
	}
	results := make([]StartResult, len(items))
	for i, a := range answer.Items {
		results[i] = a.result()
	}
	return results, nil
}

// batchSuffix ends the path of a batch.
const batchSuffix = "/invocations:batch"

// batch is the body of a batch.
type batch struct {
	Items []batchItem `json:"items"`
}

// batchItem is the body of a request, and its key.
type batchItem struct {
	Key string `json:"key"`
	requestJSON
}

func batchOf(items []StartItem) batch {
	b := batch{make([]batchItem, len(items))}
	for i, item := range items {
		if item.Key == "" {
			item.Key = rand.Text()
		}
		b.Items[i] = batchItem{item.Key, item.Request.body()}
	}
	return b
}

type batchAnswer struct {
	Items []itemAnswer `json:"items"`
}

type itemAnswer struct {
	Status     int         `json:"status"`
	Replayed   bool        `json:"replayed"`
	Invocation *Invocation `json:"invocation"`
	Problem    *problem    `json:"problem"`
	RetryAfter int         `json:"retryAfter"`
}

func (a itemAnswer) result() StartResult {
	switch {
	case a.Problem != nil:
		return StartResult{Err: a.Problem.err(a.Status), RetryAfter: time.Duration(max(0, min(a.RetryAfter, maxSeconds))) * time.Second}
	case a.Invocation == nil:
		return StartResult{Err: Errorf(DataLoss, "the answer has no invocation for this item")}
	}
	return StartResult{Invocation: a.Invocation, Replayed: a.Replayed}
}
