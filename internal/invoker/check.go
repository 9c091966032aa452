package invoker

import (
	"errors"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// checkLease is how long one check may take.
const checkLease = time.Minute

// checker validates invocations against their jobs that could not be read when the
// request came.
type checker struct {
	*base
	jobs *jobCache
}

func (c *checker) run() { c.next.check.run(c.base, "look for unchecked invocations", c.round) }

func (c *checker) round(now time.Time) result {
	due, next, err := c.store.Unchecked(c.closing, now, checkLease, maxCalls)
	errs := []error{err}
	for _, r := range due {
		errs = append(errs, c.checkOne(r))
	}
	return result{more: len(due) > 0, next: next, err: errors.Join(errs...)}
}

// checkOne sends a record to the queue, or ends it.
func (c *checker) checkOne(r ledger.Record) error {
	to, err := c.checked(r)
	now := c.now()
	switch {
	case err == nil:
	case c.closing.Err() != nil:
		return c.closing.Err()
	case cloudrun.OutcomeOf(err) == cloudrun.Refused:
		to = r.Refused(err, ledger.Stored(now))
	default:
		c.logger.Warn("job cannot be read", "invocation", r.ID, "job", r.Job, "code", runwith.CodeOf(err), "error", err)
		to = r.Delayed(ledger.Stored(now.Add(backoff.Jitter(ledger.Backoff(r.Postponed)))))
	}
	return c.move(r, to)
}

// checked validates a record against its job. The error is one that starting the job
// would have met.
func (c *checker) checked(r ledger.Record) (ledger.Record, error) {
	job, err := c.jobs.job(c.closing, r.Target)
	if err != nil {
		return r, err
	}
	overrides, err := storedOverrides(r)
	if err != nil {
		return r, err
	}
	return c.fitTo(job, r, overrides)
}

// storedOverrides reads the overrides of a record.
func storedOverrides(r ledger.Record) (*runpb.RunJobRequest_Overrides, error) {
	overrides := &runpb.RunJobRequest_Overrides{}
	if err := proto.Unmarshal(r.Overrides, overrides); err != nil {
		return nil, &runwith.Error{Code: runwith.FailedPrecondition, Err: err,
			Message: "the stored overrides cannot be read: start the job with a new invocation"}
	}
	return overrides, nil
}
