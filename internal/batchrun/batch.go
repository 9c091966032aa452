package batchrun

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/requestfile"
)

// maxBatchSize is how large the JSON of a batch may become, in bytes. The invoker takes 1 MiB.
const maxBatchSize = 1000 << 10

// maxPatience is the longest time after which a refused line is sent again. A refusal that
// lasts longer is one for good.
const maxPatience = 5 * time.Minute

// send sends all lines of the file.
func (r *Run) send(ctx context.Context) error {
	for {
		batch, err := r.next()
		if err != nil || len(batch) == 0 {
			return err
		}
		pause, err := r.start(ctx, batch)
		if err == nil && pause > 0 {
			r.note("the invoker takes no more for now: trying %s again in %v", countLines(len(r.again)), pause)
			err = backoff.Sleep(ctx, pause)
		}
		if err != nil {
			return err
		}
	}
}

// next returns the next batch; it is empty at the end.
func (r *Run) next() (batch []requestfile.Item, err error) {
	size := 0
	for len(batch) < runwith.MaxBatch {
		item, err := r.item()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if size += item.Size; size > maxBatchSize && len(batch) > 0 {
			r.again = slices.Insert(r.again, 0, item)
			break
		}
		batch = append(batch, item)
	}
	return batch, nil
}

// item returns the next line to send, or [io.EOF]. Lines to send again come before the rest of
// the file.
func (r *Run) item() (requestfile.Item, error) {
	if len(r.again) == 0 {
		return r.config.Requests.Next()
	}
	item := r.again[0]
	r.again = r.again[1:]
	return item, nil
}

// start sends a batch. It keeps the lines that the invoker cannot take yet, and returns when
// to send them again.
func (r *Run) start(ctx context.Context, batch []requestfile.Item) (pause time.Duration, err error) {
	items := make([]runwith.StartItem, len(batch))
	for i, item := range batch {
		items[i] = item.StartItem
	}
	results, err := r.config.Client.StartEach(ctx, r.config.Job, items)
	if err != nil {
		return 0, err
	}
	var refused []requestfile.Item
	for i, result := range results {
		if result.Err != nil && result.RetryAfter > 0 && result.RetryAfter <= maxPatience {
			pause, refused = max(pause, result.RetryAfter), append(refused, batch[i])
			continue
		}
		if result.Err != nil {
			r.tally.refused++
			r.note("%s: %v", r.config.Requests.Place(batch[i].Line), result.Err)
		} else if err := r.accepted(batch[i].Line, result); err != nil {
			return 0, err
		}
	}
	r.again = append(refused, r.again...)
	r.progress()
	return pause, nil
}

// accepted notes the invocation of a line.
func (r *Run) accepted(line int, result runwith.StartResult) error {
	if result.Replayed {
		r.tally.replayed++
	} else {
		r.tally.fresh++
	}
	switch i := result.Invocation; {
	case r.config.Detach:
		return r.config.Print(i)
	case i.State.Settled():
		return r.settled(line, i)
	default:
		r.open[i.ID] = append(r.open[i.ID], line)
		return nil
	}
}
