package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker"
)

type batchInput struct {
	JobPath
	NoKeyHeader
	Body batchRequest
}

type batchOutput struct {
	Body batchAnswers
}

type batchAnswers struct {
	Items []batchAnswer `json:"items" nullable:"false" doc:"The answers, in the order of the request's items."`
}

// batchAnswer is what a single request would have been answered.
type batchAnswer struct {
	Status     int                 `json:"status" doc:"Status that a single request would have: 202 accepted, 200 a repeat, or that of the problem."`
	Replayed   bool                `json:"replayed,omitempty" doc:"Whether the item repeats an earlier request. The invocation is the existing one."`
	Invocation *runwith.Invocation `json:"invocation,omitempty" doc:"The invocation, if there is one."`
	Problem    *apierror.Problem   `json:"problem,omitempty" doc:"Why nothing was accepted for this item."`
	RetryAfter int                 `json:"retryAfter,omitempty" doc:"Seconds after which to send the item again, with the statuses 429 and 503."`
}

func (s *server) routeBatch(d huma.API) {
	register(s, d, huma.Operation{
		OperationID: "startEach",
		Method:      http.MethodPost,
		Path:        prefix + "/jobs/{job}/invocations:batch",
		Summary:     "Start a job many times",
		Description: description(`Starts a job once for each item: at most 1,000 items, and 1 MiB. An item is the body of a request that
			starts the job, with the item's Idempotency-Key in the field key. All items that can be accepted are on disk before the
			answer, in one commit. Each item has its own answer, so an item that is refused does not hurt the others. Send a label in
			all items to find their invocations again. If the batch itself is refused, none of its items was accepted. A server with
			--store=ephemeral takes no batches.`),
		MaxBodyBytes:     -1, // readBatch has a limit
		BodyReadTimeout:  -1, // see startJob
		SkipValidateBody: true,
		Middlewares:      huma.Middlewares{s.readBatch},
	}, s.batch)
}

func (s *server) batch(ctx context.Context, in *batchInput) (*batchOutput, error) {
	items, err := in.Body.split()
	if err != nil {
		return nil, err
	}
	limit := s.largestItem(ctx, in.Job)
	answers := make([]batchAnswer, len(items))
	var (
		valid []invoker.Request
		of    []int // the place of each
	)
	for i, item := range items {
		q, err := s.batchItem(item, limit)
		if err != nil {
			answers[i] = s.batchProblem(ctx, err)
			continue
		}
		valid, of = append(valid, q), append(of, i)
	}
	started, err := s.invoker.InvokeEach(ctx, in.Job, valid)
	if err != nil {
		return nil, faulty("body", err)
	}
	for n, one := range started {
		answers[of[n]] = s.batchAnswer(ctx, one)
	}
	return &batchOutput{batchAnswers{answers}}, nil
}

func (s *server) batchAnswer(ctx context.Context, one invoker.Started) batchAnswer {
	switch {
	case one.Err != nil:
		return s.batchProblem(ctx, faulty("body", one.Err))
	case one.Replayed:
		return batchAnswer{Status: http.StatusOK, Replayed: true, Invocation: &one.Invocation}
	}
	return batchAnswer{Status: http.StatusAccepted, Invocation: &one.Invocation}
}

func (s *server) batchProblem(ctx context.Context, err error) batchAnswer {
	p := s.problem(ctx, err)
	after, _ := strconv.Atoi(p.GetHeaders().Get("Retry-After")) // 0 without one
	return batchAnswer{Status: p.Status, Problem: p, RetryAfter: after}
}
