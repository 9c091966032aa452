package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

// simulation is a random walk with its observations.
type simulation struct {
	*testing.T
	random *rand.Rand
	world  *world
	dir    string

	engine  *Engine
	logs    *tasklog.Store
	life    *life
	waiting *atomic.Int32 // number of pending waits for the end of a run in this engine

	jobs  int
	names []string                 // names of executions, in order of creation
	ops   map[string][]string      // operations of executions, by the execution's name
	ended map[string]executionView // executions at their end

	compared int // number of compared answers

	stopped []string // prefixes of the names of cancelled or deleted executions
	trace   []string
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	t.Helper()
	s := &simulation{
		T: t, random: rand.New(rand.NewPCG(seed, seed)), world: newWorld(0.3), dir: t.TempDir(),
		ended: map[string]executionView{}, ops: map[string][]string{},
	}
	s.open()
	return s
}

func (s *simulation) open() {
	s.Helper()
	s.life = &life{
		world: s.world, random: rand.New(rand.NewPCG(s.random.Uint64(), 1)), places: 1 + s.random.IntN(5), adopts: s.random.IntN(2) == 0,
		mine: map[runner.ID]*proc{}, died: make(chan struct{}),
	}
	s.note("open with %d places; adopts: %v", s.life.places, s.life.adopts)
	s.waiting = &atomic.Int32{}
	s.logs = openLogs(s.T, s.dir)
	var err error
	s.engine, err = Open(context.Background(), Config{Dir: s.dir, Runner: s.life, Logs: s.logs, MaxTasks: s.life.places, Fault: s.fault})
	if err != nil {
		s.fail("Open() = %v", err)
	}
}

// fault injects faults into a few executions.
func (s *simulation) fault(string) (f Fault) {
	if s.random.IntN(8) == 0 {
		f.StartAfter = time.Duration(1+s.random.IntN(30)) * time.Second
	}
	f.NoTasks = s.random.IntN(8) == 0
	if f != (Fault{}) {
		s.note("the next goes wrong: %+v", f)
	}
	return f
}

// step takes one random step, waits until everything is idle, and checks.
func (s *simulation) step() {
	s.Helper()
	switch n := s.random.IntN(100); {
	case n < 20:
		s.run()
	case n < 65:
		s.exit()
	case n < 75:
		s.cancel()
	case n < 79:
		s.remove()
	case n < 82:
		s.removeJob()
	case n < 89:
		s.pass(time.Duration(s.random.IntN(40)) * time.Second) // timeouts, graces
	case n < 93:
		s.kill()
	case n < 95:
		s.room(s.random.IntN(2) == 0)
	case n < 98:
		s.hold()
	default:
		s.restart()
	}
	if s.random.IntN(2) == 0 { // otherwise continue while the engine works
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
	_, err := s.engine.CreateJob(context.Background(), &runpb.CreateJobRequest{Parent: "projects/demo/locations/here1", JobId: id, Job: job})
	if !s.accepted("CreateJob()", err) {
		return
	}
	name := "projects/demo/locations/here1/jobs/" + id
	op, err := s.engine.RunJob(context.Background(), &runpb.RunJobRequest{Name: name})
	if !s.accepted("RunJob()", err) {
		s.wantNone(name)
		return
	}
	x := &runpb.Execution{}
	if err := op.Metadata.UnmarshalTo(x); err != nil {
		s.fail("metadata of a run: %v", err)
	}
	s.names = append(s.names, x.Name)
	s.note("run %s: %d tasks, parallelism %d, %d retries, timeout %v", x.Name, tasks, x.Parallelism, x.Template.GetMaxRetries(), x.Template.Timeout.AsDuration())
	s.ops[x.Name] = append(s.ops[x.Name], op.Name)
	s.await(op.Name)
}

// accepted reports whether a valid request was accepted. Only a full disk may refuse it.
func (s *simulation) accepted(what string, err error) bool {
	s.Helper()
	if err != nil && runwith.CodeOf(err) != runwith.ResourceExhausted {
		s.fail("%s = %v", what, err)
	}
	return err == nil
}

// exit ends a random process.
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
	op, err := s.engine.CancelExecution(context.Background(), &runpb.CancelExecutionRequest{Name: name})
	s.note("cancel %s: %v", name, err)
	code := runwith.CodeOf(err)
	if code != runwith.NotFound && code != runwith.FailedPrecondition && s.accepted("CancelExecution()", err) {
		s.ops[name] = append(s.ops[name], op.Name)
		s.awaitStopped(op.Name, name)
	}
}

func (s *simulation) remove() {
	s.Helper()
	name := s.pick()
	op, err := s.engine.DeleteExecution(context.Background(), &runpb.DeleteExecutionRequest{Name: name})
	s.note("delete %s: %v", name, err)
	if runwith.CodeOf(err) != runwith.NotFound && s.accepted("DeleteExecution()", err) {
		s.ops[name] = append(s.ops[name], op.Name)
		s.awaitStopped(op.Name, name)
	}
}

// removeJob deletes the job of a random execution, including running executions.
func (s *simulation) removeJob() {
	s.Helper()
	job, _, _ := strings.Cut(s.pick(), "/executions/")
	op, err := s.engine.DeleteJob(context.Background(), &runpb.DeleteJobRequest{Name: job})
	s.note("delete %s: %v", job, err)
	if runwith.CodeOf(err) == runwith.NotFound || !s.accepted("DeleteJob()", err) {
		return
	}
	s.awaitStopped(op.Name, job+"/executions/")
}

func (s *simulation) pass(d time.Duration) {
	s.note("%v pass", d)
	time.Sleep(d)
}

// room sets whether the disk has room for a larger database. For a new engine it has.
func (s *simulation) room(there bool) {
	s.Helper()
	pages := 1
	if there {
		pages = 1 << 30
	}
	s.note("room on the disk: %v", there)
	if err := s.engine.write(context.Background(), func(tx *storeTx) error {
		_, err := tx.Exec(fmt.Sprint("PRAGMA max_page_count = ", pages))
		return err
	}); err != nil {
		s.fail("set the room on the disk: %v", err)
	}
}

// hold keeps the disk busy for a second, so that the following writes share a commit.
func (s *simulation) hold() {
	s.note("the disk is busy")
	e := s.engine
	go func() {
		_ = e.write(context.Background(), func(*storeTx) error { // fails if the engine is closed
			time.Sleep(time.Second)
			return nil
		})
	}()
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

// kill cuts the engine off from the world and the disk at once, like kill -9: no process ends,
// and the engine writes nothing more.
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
