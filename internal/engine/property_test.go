package engine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/jobspec"
)

var (
	propertySeed  = flag.Uint64("property.seed", 0, "seed of the property test; 0 takes a few")
	propertySteps = flag.Int("property.steps", 150, "steps of the property test")
)

// TestEveryInterleavingKeepsThePromises takes random steps (runs, some of them with a
// fault, exits, timeouts, cancels, deletions of executions and jobs, a full disk, restarts and kill -9) and
// checks after each step:
//
//   - a refused request has stored nothing;
//   - an ended execution never changes;
//   - an execution's counts always match its tasks;
//   - memory and store give the same answers at the same moment;
//   - no two attempts of a task run at the same time, an execution runs no more tasks than its
//     parallelism, and no task is placed without room;
//   - a waiter for the end of a run receives the stored state;
//   - a cancelled or deleted execution stops, and its operation is done only when no task of it
//     runs;
//   - in the end everything has ended, and no process is left over.
//
// A failure prints the seed that repeats it: go test ./internal/engine -run Interleaving -property.seed N
func TestEveryInterleavingKeepsThePromises(t *testing.T) {
	t.Parallel()
	seeds := []uint64{*propertySeed}
	if *propertySeed == 0 {
		seeds = []uint64{1, 2, 3, 4, rand.Uint64()}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSimulation(t, seed)
				for range *propertySteps {
					s.step()
				}
				s.finish()
			})
		})
	}
}

// executionView is the part of an execution that must not change after its end.
type executionView struct {
	state  state
	counts counts
	done   time.Time
}

// await waits in the background for the end of a run, and compares the answer with the store.
// A closing engine gives no answer.
func (s *simulation) await(operation string) {
	e, waiting := s.engine, s.waiting
	waiting.Add(1)
	go func() {
		defer waiting.Add(-1)
		op, err := e.WaitOperation(context.Background(), &longrunningpb.WaitOperationRequest{Name: operation})
		if runwith.CodeOf(err) == runwith.Unavailable {
			return
		}
		told := &runpb.Execution{}
		if err == nil {
			err = op.Metadata.UnmarshalTo(told)
		}
		stored, readErr := e.Execution(context.Background(), &runpb.GetExecutionRequest{Name: told.Name})
		if code := runwith.CodeOf(readErr); code == runwith.NotFound || code == runwith.Unavailable {
			return // deleted, or closed, in between
		}
		if err = errors.Join(err, readErr); err != nil || !op.Done || !proto.Equal(told, stored) {
			s.world.mu.Lock()
			defer s.world.mu.Unlock()
			s.world.breach("a wait was told %v, %v; stored is %v", op, err, stored)
		}
	}()
}

// awaitStopped waits in the background for the operation of a cancel or a deletion. When it is
// done, no task may run of executions whose names begin with the prefix.
func (s *simulation) awaitStopped(operation, prefix string) {
	s.stopped = append(s.stopped, prefix)
	e, waiting := s.engine, s.waiting
	waiting.Add(1)
	go func() {
		defer waiting.Add(-1)
		op, err := e.WaitOperation(context.Background(), &longrunningpb.WaitOperationRequest{Name: operation})
		if code := runwith.CodeOf(err); code == runwith.Unavailable {
			return
		}
		s.world.mu.Lock()
		defer s.world.mu.Unlock()
		if err != nil || !op.Done {
			s.world.breach("a wait for %s to stop was told %v, %v", prefix, op, err)
		}
		s.noneOf(prefix)
	}()
}

// noneOf checks that no task runs of executions whose names begin with the prefix. The caller
// must hold the world's lock.
func (s *simulation) noneOf(prefix string) {
	for id := range s.world.live {
		if strings.HasPrefix(id.Execution, prefix) {
			s.world.breach("%v runs, and was stopped", id)
		}
	}
}

// wantNone checks that a job has no execution.
func (s *simulation) wantNone(job string) {
	s.Helper()
	res, err := s.engine.Executions(context.Background(), &runpb.ListExecutionsRequest{Parent: job})
	if err != nil || len(res.Executions) > 0 {
		s.fail("a run of %s was refused, and there is %v, %v", job, res.GetExecutions(), err)
	}
}

// look checks the state on disk.
func (s *simulation) look() {
	s.Helper()
	s.world.mu.Lock()
	breaches := s.world.breaches
	s.world.mu.Unlock()
	if len(breaches) > 0 {
		s.fail("%v", breaches)
	}
	for _, name := range s.names {
		parsed, err := jobspec.ParseExecution(name)
		if err != nil {
			s.fail("%v", err)
		}
		err = s.engine.read(context.Background(), func(tx *storeTx) error { return s.inspect(tx, name, parsed) })
		if err != nil && runwith.CodeOf(err) != runwith.NotFound {
			s.fail("%s: %v", name, err)
		}
	}
	s.compareSome()
}

// inspect compares an execution with its tasks, in one snapshot, and with its earlier state if
// it has ended.
func (s *simulation) inspect(tx *storeTx, name string, parsed jobspec.ExecutionName) error {
	row, err := tx.execution(parsed)
	if err != nil {
		return err
	}
	tasks, err := tx.tasks(parsed, false, firstTask, 100)
	if err != nil {
		return err
	}
	interruptions, err := tx.interruptions(row.id, tasklog.Query{})
	if err != nil {
		return err
	}
	seen := counts{tasks: row.counts.tasks, interrupted: len(interruptions)}
	for _, task := range tasks {
		switch task.state {
		case running:
			seen.running++
		case succeeded:
			seen.succeeded++
		case failed:
			seen.failed++
		case cancelled:
			seen.cancelled++
		}
		seen.retried += min(1, task.attempt)
	}
	if seen != row.counts || len(tasks) != row.counts.tasks {
		return fmt.Errorf("counts = %+v, want %+v as its %d tasks have", row.counts, seen, len(tasks))
	}
	if width := widthOf(row.message); row.counts.running > width {
		return fmt.Errorf("%d tasks run at once, want at most %d", row.counts.running, width)
	}
	now := executionView{row.state, row.counts, row.completed}
	if then, ok := s.ended[name]; ok && then != now {
		return fmt.Errorf("ended as %+v, and is now %+v, want no change", then, now)
	}
	if row.state.terminal() {
		hopeless := row.state == failed && row.counts.tasks == 0
		if row.state != row.counts.verdict() && !hopeless || row.counts.running > 0 {
			return fmt.Errorf("state = %s with counts %+v, want them to match", row.state, row.counts)
		}
		s.ended[name] = now
	}
	return nil
}

// finish checks that all stopped executions have ended, then lets every process and the engine
// end.
func (s *simulation) finish() {
	s.Helper()
	s.room(true)
	time.Sleep(time.Minute) // longer than any grace
	synctest.Wait()
	s.world.mu.Lock()
	for _, prefix := range s.stopped {
		s.noneOf(prefix)
	}
	s.world.mu.Unlock()
	for range 10_000 {
		synctest.Wait()
		unfinished, err := s.engine.unfinished(context.Background())
		if err != nil {
			s.fail("%v", err)
		}
		if len(unfinished) == 0 {
			break
		}
		for _, id := range s.world.ids() {
			s.world.end(id, runner.Result{})
		}
		time.Sleep(time.Second) // until attempts without room are placed again
	}
	s.look()
	if len(s.world.ids()) > 0 {
		s.fail("executions have ended, and processes have not: %v", s.world.ids())
	}
	if n := s.engine.scheduler.free; n != s.life.places {
		s.fail("%d places are free in the end, want all %d", n, s.life.places)
	}
	if n, turns := len(s.engine.live.unfinishedUIDs()), s.engine.scheduler.turns; n+len(turns) > 0 {
		s.fail("%d executions have not ended in the end, in turns: %v, want none", n, turns)
	}
	if n := s.waiting.Load(); n > 0 {
		s.fail("everything has ended, and %d still wait for an end", n)
	}
	if err := errors.Join(s.engine.Close(), s.logs.Close()); err != nil {
		s.fail("Close() = %v", err)
	}
	if live := s.world.ids(); len(live) > 0 {
		s.fail("processes in the end: %v", live)
	}
	if s.compared < len(s.names) {
		s.fail("compared %d answers of memory with those of the store, want more: %d executions were", s.compared, len(s.names))
	}
	s.Logf("%d executions, %d processes, %d answers compared", len(s.names), s.world.everStart, s.compared)
}
