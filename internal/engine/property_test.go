package engine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/runner"
	"github.com/runwith/runwith/internal/tasklog"
)

var (
	propertySeed  = flag.Uint64("property.seed", 0, "seed of the property test; 0 takes a few")
	propertySteps = flag.Int("property.steps", 150, "steps of the property test")
)

// TestEveryInterleavingKeepsThePromises takes random steps (runs, exits, timeouts,
// cancels, deletions, restarts and kill -9) and holds the engine to these after each
// of them:
//
//   - what has ended never changes again;
//   - an execution's counts are those of its tasks, at every moment;
//   - no two attempts of a task run at the same time;
//   - in the end everything has ended, and no process is left over.
//
// A failure names the seed that repeats it: go test ./internal/engine -run Interleaving -property.seed N
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

// simulation is a random walk, and what was seen on it.
type simulation struct {
	*testing.T
	random *rand.Rand
	world  *world
	dir    string

	engine *Engine
	logs   *tasklog.Store
	life   *life

	jobs  int
	names []string                 // of executions, in order of creation
	ended map[string]executionView // as they were when they had ended
	trace []string
}

// executionView is what must not change once an execution has ended.
type executionView struct {
	state  state
	counts counts
	done   time.Time
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	t.Helper()
	s := &simulation{
		T: t, random: rand.New(rand.NewPCG(seed, seed)), world: newWorld(0.3), dir: t.TempDir(),
		ended: map[string]executionView{},
	}
	s.open()
	return s
}

func (s *simulation) open() {
	s.Helper()
	s.life = &life{world: s.world, random: rand.New(rand.NewPCG(s.random.Uint64(), 1)), mine: map[runner.ID]*proc{}, died: make(chan struct{})}
	logs, err := tasklog.Open(s.dir+"/logs", tasklog.Options{})
	if err != nil {
		s.Fatal(err)
	}
	s.logs = logs
	s.engine, err = Open(context.Background(), Config{Dir: s.dir, Runner: s.life, Logs: logs, MaxTasks: 5})
	if err != nil {
		s.fail("Open() = %v", err)
	}
}

// step takes one random step, lets everything come to rest, and looks.
func (s *simulation) step() {
	s.Helper()
	switch n := s.random.IntN(100); {
	case n < 20:
		s.run()
	case n < 65:
		s.exit()
	case n < 75:
		s.cancel()
	case n < 80:
		s.remove()
	case n < 88:
		s.pass(time.Duration(s.random.IntN(40)) * time.Second) // timeouts, graces
	case n < 94:
		s.kill()
	default:
		s.restart()
	}
	if s.random.IntN(2) == 0 { // or go on while the engine is still at work
		synctest.Wait()
	}
	s.look()
}

func (s *simulation) note(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf(format, args...))
}

func (s *simulation) fail(format string, args ...any) {
	s.Helper()
	for i, line := range s.trace {
		s.Logf("%3d %s", i, line)
	}
	s.Fatalf(format, args...)
}

// run creates a job with random settings and runs it.
func (s *simulation) run() {
	s.Helper()
	s.jobs++
	tasks := int32(1 + s.random.IntN(4))
	job := &runpb.Job{Template: &runpb.ExecutionTemplate{
		TaskCount: tasks, Parallelism: int32(s.random.IntN(int(tasks) + 1)),
		Template: &runpb.TaskTemplate{
			Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: int32(s.random.IntN(3))},
			Timeout:    durationpb.New(time.Duration(1+s.random.IntN(60)) * time.Second),
			Containers: []*runpb.Container{{Image: "simulated"}},
		},
	}}
	id := fmt.Sprint("job-", s.jobs)
	if _, err := s.engine.CreateJob(context.Background(), &runpb.CreateJobRequest{Parent: "projects/demo/locations/here1", JobId: id, Job: job}); err != nil {
		s.fail("CreateJob() = %v", err)
	}
	op, err := s.engine.RunJob(context.Background(), &runpb.RunJobRequest{Name: "projects/demo/locations/here1/jobs/" + id})
	if err != nil {
		s.fail("RunJob() = %v", err)
	}
	x := &runpb.Execution{}
	if err := op.Metadata.UnmarshalTo(x); err != nil {
		s.fail("metadata of a run: %v", err)
	}
	s.names = append(s.names, x.Name)
	s.note("run %s: %d tasks, parallelism %d, %d retries, timeout %v", x.Name, tasks, x.Parallelism, x.Template.GetMaxRetries(), x.Template.Timeout.AsDuration())
}

// exit lets a random process end by itself.
func (s *simulation) exit() {
	if live := s.world.ids(); len(live) > 0 {
		id, code := live[s.random.IntN(len(live))], s.random.IntN(2)
		s.note("exit %d of %v", code, id)
		s.world.end(id, runner.Result{ExitCode: code})
	}
}

func (s *simulation) pick() string {
	if len(s.names) == 0 {
		return "projects/demo/locations/here1/jobs/none/executions/none"
	}
	return s.names[s.random.IntN(len(s.names))]
}

func (s *simulation) cancel() {
	s.Helper()
	name := s.pick()
	_, err := s.engine.CancelExecution(context.Background(), &runpb.CancelExecutionRequest{Name: name})
	s.note("cancel %s: %v", name, err)
	if code := runwith.CodeOf(err); code != runwith.OK && code != runwith.NotFound && code != runwith.FailedPrecondition {
		s.fail("CancelExecution() = %v", err)
	}
}

func (s *simulation) remove() {
	s.Helper()
	name := s.pick()
	_, err := s.engine.DeleteExecution(context.Background(), &runpb.DeleteExecutionRequest{Name: name})
	s.note("delete %s: %v", name, err)
	if code := runwith.CodeOf(err); code != runwith.OK && code != runwith.NotFound {
		s.fail("DeleteExecution() = %v", err)
	}
}

func (s *simulation) pass(d time.Duration) {
	s.note("%v pass", d)
	time.Sleep(d)
}

// restart closes the engine as SIGTERM does, and opens it again.
func (s *simulation) restart() {
	s.Helper()
	s.note("restart")
	if err := errors.Join(s.engine.Close(), s.logs.Close()); err != nil {
		s.fail("Close() = %v", err)
	}
	if live := s.world.ids(); len(live) > 0 {
		s.fail("processes after Close(): %v", live)
	}
	s.open()
}

// kill cuts the engine off from the world and the disk at once, as kill -9 does: no
// process ends, and nothing more is written.
func (s *simulation) kill() {
	s.Helper()
	s.note("kill -9 with %d processes", len(s.world.ids()))
	s.life.kill()
	s.engine.scheduler.close()
	if err := s.engine.db.Close(); err != nil {
		s.fail("close database: %v", err)
	}
	s.engine.stop(errClosing)
	s.engine.attempts.Wait()
	_ = s.logs.Close()
	s.open()
}

// look holds what is on disk to the promises.
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
}

// inspect compares an execution with its tasks, in one snapshot, and with what it
// was when it had ended.
func (s *simulation) inspect(tx *storeTx, name string, parsed jobspec.ExecutionName) error {
	row, err := tx.execution(parsed)
	if err != nil {
		return err
	}
	tasks, err := tx.tasks(parsed, false, firstTask, 100)
	if err != nil {
		return err
	}
	seen := counts{tasks: row.counts.tasks}
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
		return fmt.Errorf("counts are %+v, of its %d tasks %+v", row.counts, len(tasks), seen)
	}
	now := executionView{row.state, row.counts, row.completed}
	if then, ok := s.ended[name]; ok && then != now {
		return fmt.Errorf("has ended as %+v, and is now %+v", then, now)
	}
	if row.state.terminal() {
		if row.state != row.counts.verdict() || row.counts.running > 0 {
			return fmt.Errorf("is %s with %+v", row.state, row.counts)
		}
		s.ended[name] = now
	}
	return nil
}

// finish lets every process end, and the engine with them.
func (s *simulation) finish() {
	s.Helper()
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
		time.Sleep(time.Second) // what could not be placed is tried again
	}
	s.look()
	if len(s.world.ids()) > 0 {
		s.fail("executions have ended, and processes have not: %v", s.world.ids())
	}
	if n := s.engine.scheduler.free; n != 5 {
		s.fail("%d places are free in the end, want all 5", n)
	}
	if err := errors.Join(s.engine.Close(), s.logs.Close()); err != nil {
		s.fail("Close() = %v", err)
	}
	if live := s.world.ids(); len(live) > 0 {
		s.fail("processes in the end: %v", live)
	}
	s.Logf("%d executions, %d processes", len(s.names), s.world.everStart)
}
