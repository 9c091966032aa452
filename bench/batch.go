package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/runwith/runwith"
)

// batchTarget bounds an item of a batch, as a multiple of a request by itself: ten times the
// rate.
const batchTarget = 0.1

// measureBatch measures the items of a batch beside single requests, to the same server.
func measureBatch(ctx context.Context, b *bench) (_ []row, err error) {
	f, err := openCallers(ctx, b, "batch", "", "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	rates, err := interleave(ctx, plan{min(rounds, b.n), 1},
		f.accept(b, 1, "", `{"args":["one"]}`), f.accept(b, b.clientsOr(32), "", `{"args":["one"]}`), f.batches())
	if err != nil {
		return nil, err
	}
	batch := newRow(fmt.Sprintf("items of a batch of %d accepted, 1 client", runwith.MaxBatch), perSecond, rates[2])
	many := batch
	many.What = fmt.Sprintf("the same, beside %d clients", b.clientsOr(32))
	return []row{
		batch.beside("single requests, 1 client", rates[0]).times(batchTarget),
		many.beside(fmt.Sprintf("single requests, %d clients", b.clientsOr(32)), rates[1]),
	}, nil
}

// batches measures the rate at which the items of one batch are accepted.
func (f *callersFront) batches() probe {
	client := &runwith.Client{Server: "http://" + f.server.addr, HTTPClient: &http.Client{Transport: f.client.Transport}}
	return f.accepted(func(ctx context.Context) (float64, error) {
		items := make([]runwith.StartItem, runwith.MaxBatch)
		for i := range items {
			items[i].Request.Overrides.Args = []string{"one"}
		}
		each, err := rate(1, 1, func(ctx context.Context, _ int) error {
			results, err := client.StartEach(ctx, jobID, items)
			for _, r := range results {
				err = errors.Join(err, r.Err)
			}
			return err
		})(ctx)
		return each * float64(len(items)), err
	})
}
