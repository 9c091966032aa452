package engine

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// answer is what a read of the engine returns.
type answer struct {
	message proto.Message
	err     error
}

func (a answer) String() string { return fmt.Sprint(a.message, a.err) }

func (a answer) equal(b answer) bool {
	if a.err != nil || b.err != nil {
		return runwith.CodeOf(a.err) == runwith.CodeOf(b.err)
	}
	x, ok := a.message.(*longrunningpb.Operation)
	y, _ := b.message.(*longrunningpb.Operation)
	if !ok {
		return proto.Equal(a.message, b.message)
	}
	// A packed message has its maps in any order, so compare the unpacked ones.
	one, errX := x.Metadata.UnmarshalNew()
	other, errY := y.Metadata.UnmarshalNew()
	return errX == nil && errY == nil && proto.Equal(one, other) &&
		x.Name == y.Name && x.Done == y.Done && proto.Equal(x.GetError(), y.GetError()) && (x.GetResponse() == nil) == (y.GetResponse() == nil)
}

// waits returns the attempts that do not run yet.
func (s *simulation) waits() map[int64]map[int]startingAttempt {
	waiting := &s.engine.starting
	waiting.mu.Lock()
	defer waiting.mu.Unlock()
	all := map[int64]map[int]startingAttempt{}
	for id, attempts := range waiting.all {
		all[id] = maps.Clone(attempts)
	}
	return all
}

// fromStore makes a read by the database alone: memory knows nothing but which attempts wait.
func (s *simulation) fromStore(read func(*Engine) answer) (a answer) {
	store := &Engine{db: s.engine.db, live: newLive(), ctx: s.engine.ctx, runner: s.engine.runner}
	store.starting.all = s.waits()
	return read(store)
}

// compareSome compares the answers of memory and of the store about the newest execution and
// about a random one.
func (s *simulation) compareSome() {
	s.Helper()
	if len(s.names) == 0 {
		return
	}
	for _, name := range []string{s.names[len(s.names)-1], s.names[s.random.IntN(len(s.names))]} {
		parsed, err := jobspec.ParseExecution(name)
		if err != nil {
			s.fail("%v", err)
		}
		s.compare(parsed)
	}
}

// compare compares the answers of memory and of the store about an execution. It skips
// answers between which something was written, or an attempt began or ended to wait.
func (s *simulation) compare(name jobspec.ExecutionName) {
	s.Helper()
	ctx := context.Background()
	reads := map[string]func(*Engine) answer{
		"GetExecution": func(e *Engine) answer {
			x, err := e.Execution(ctx, &runpb.GetExecutionRequest{Name: name.String()})
			return answer{x, err}
		},
		"ListExecutions": func(e *Engine) answer {
			l, err := e.Executions(ctx, &runpb.ListExecutionsRequest{Parent: name.Job.String()})
			return answer{l, err}
		},
		"ListExecutions of all jobs": func(e *Engine) answer {
			l, err := e.Executions(ctx, &runpb.ListExecutionsRequest{Parent: name.Job.Location.String() + "/jobs/-", PageSize: 5, ShowDeleted: true})
			return answer{l, err}
		},
		"ListExecutions with the deleted ones": func(e *Engine) answer {
			l, err := e.Executions(ctx, &runpb.ListExecutionsRequest{Parent: name.Job.String(), ShowDeleted: true})
			return answer{l, err}
		},
		"ListTasks": func(e *Engine) answer {
			l, err := e.Tasks(ctx, &runpb.ListTasksRequest{Parent: name.String(), PageSize: 2})
			return answer{l, err}
		},
		"GetJob": func(e *Engine) answer {
			j, err := e.Job(ctx, &runpb.GetJobRequest{Name: name.Job.String()})
			return answer{j, err}
		},
	}
	for task := range 4 {
		reads[fmt.Sprint("GetTask ", task)] = func(e *Engine) answer {
			t, err := e.Task(ctx, &runpb.GetTaskRequest{Name: name.Task(task).String()})
			return answer{t, err}
		}
	}
	for _, op := range s.ops[name.String()] {
		reads["GetOperation "+op] = func(e *Engine) answer {
			o, err := e.Operation(ctx, &longrunningpb.GetOperationRequest{Name: op})
			return answer{o, err}
		}
	}
	for what, read := range reads {
		waited := s.waits()
		before, still := s.engine.db.Version()
		memory, again, stored := read(s.engine), read(s.engine), s.fromStore(read)
		after, _ := s.engine.db.Version()
		if !still || before != after || !reflect.DeepEqual(waited, s.waits()) {
			continue
		}
		s.compared++
		if !memory.equal(stored) || !again.equal(stored) {
			s.fail("%s of %s: memory answers %v, then %v, the store %v", what, name, memory, again, stored)
		}
	}
}

// TestExecutionsShowEveryStoredField checks that the message for clients has all fields of the
// stored message, also those of a newer version of the API.
func TestExecutionsShowEveryStoredField(t *testing.T) {
	t.Parallel()
	stored := &runpb.Execution{}
	fill(stored.ProtoReflect(), 2)
	shown := (&executionRow{message: stored}).proto()
	changing := map[protoreflect.Name]bool{ // these change with the tasks, so the message does not store them
		"update_time": true, "start_time": true, "completion_time": true, "delete_time": true, "expire_time": true,
		"log_uri": true, "reconciling": true, "conditions": true, "etag": true, "running_count": true,
		"succeeded_count": true, "failed_count": true, "cancelled_count": true, "retried_count": true,
	}
	fields := stored.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if got, want := shown.ProtoReflect().Get(f), stored.ProtoReflect().Get(f); !changing[f.Name()] && !got.Equal(want) {
			t.Errorf("%s = %v, want the stored %v", f.Name(), got, want)
		}
	}
}

// fill gives each field of a message a value, to a depth.
func fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.IsMap() && f.MapValue().Kind() == protoreflect.StringKind:
			m.Mutable(f).Map().Set(protoreflect.ValueOfString("key").MapKey(), protoreflect.ValueOfString("value"))
		case f.IsList() || f.IsMap():
		case f.Message() != nil:
			if sub := m.Mutable(f).Message(); depth > 0 {
				fill(sub, depth-1)
			}
		case f.Kind() == protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString(string(f.Name())))
		case f.Kind() == protoreflect.EnumKind:
			m.Set(f, protoreflect.ValueOfEnum(1))
		case f.Kind() == protoreflect.BoolKind:
			m.Set(f, protoreflect.ValueOfBool(true))
		case f.Kind() == protoreflect.Int64Kind:
			m.Set(f, protoreflect.ValueOfInt64(7))
		case f.Kind() == protoreflect.Int32Kind:
			m.Set(f, protoreflect.ValueOfInt32(7))
		}
	}
}

// TestReadsOfARunningExecution checks that a client that polls a run causes no read of the
// database. The engine itself reads when it tidies up, so several engines are tried.
func TestReadsOfARunningExecution(t *testing.T) {
	t.Parallel()
	var found []string
	for range 5 {
		if found = readsWhilePolling(t); len(found) == 0 {
			return
		}
	}
	t.Errorf("reads of the database with each of five engines; the last: %q, want none", found)
}

// readsWhilePolling polls a run on a new engine, and returns the calls during which the database
// was read.
func readsWhilePolling(t *testing.T) (found []string) {
	t.Helper()
	k := keeping(t, 10)
	k.create("held", "sleep 1000")
	k.create("quick", "true")
	old, _ := k.run("quick")
	x, operation := k.run("held")
	other, _ := k.run("quick")
	name, err := jobspec.ParseExecution(x.Name)
	if err != nil {
		t.Fatal(err)
	}
	for what, read := range map[string]func() error{
		"GetExecution": func() error {
			_, err := k.Execution(t.Context(), &runpb.GetExecutionRequest{Name: x.Name})
			return err
		},
		"GetExecution just after its end": func() error {
			_, err := k.Execution(t.Context(), &runpb.GetExecutionRequest{Name: other.Name})
			return err
		},
		"GetTask": func() error {
			_, err := k.Task(t.Context(), &runpb.GetTaskRequest{Name: name.Task(1).String()})
			return err
		},
		"ListTasks": func() error {
			_, err := k.Tasks(t.Context(), &runpb.ListTasksRequest{Parent: x.Name})
			return err
		},
		"GetOperation": func() error {
			_, err := k.Operation(t.Context(), &longrunningpb.GetOperationRequest{Name: operation})
			return err
		},
		"WaitOperation": func() error {
			_, err := k.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: operation, Timeout: durationpb.New(time.Millisecond)})
			return err
		},
		"ListExecutions, read once before": func() error {
			_, err := k.Executions(t.Context(), &runpb.ListExecutionsRequest{Parent: name.Job.String()})
			return err
		},
		"ListExecutions with one that has ended, read once before": func() error {
			_, err := k.Executions(t.Context(), &runpb.ListExecutionsRequest{Parent: jobOf(old.Name)})
			return err
		},
	} {
		if strings.HasSuffix(what, "read once before") {
			if err := read(); err != nil {
				t.Errorf("%s = %v", what, err)
			}
		}
		before := k.db.Reads()
		if err := read(); err != nil {
			t.Errorf("%s = %v", what, err)
		}
		if n := k.db.Reads() - before; n != 0 {
			found = append(found, fmt.Sprintf("%s: %d", what, n))
		}
	}
	return found
}
