package api_test

import (
	"errors"
	"path/filepath"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/iterator"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// seen has the fields that answers had, as MESSAGE.FIELD.
type seen map[string]bool

func (s seen) add(messages ...proto.Message) {
	for _, m := range messages {
		s.look(m.ProtoReflect())
	}
}

func (s seen) look(m protoreflect.Message) {
	for field, value := range m.Range {
		s[docName(m.Descriptor())+"."+string(field.Name())] = true
		switch {
		case field.Message() == nil || field.IsMap():
		case field.IsList():
			for i := range value.List().Len() {
				s.look(value.List().Get(i).Message())
			}
		default:
			s.look(value.Message())
		}
	}
}

// Jobs that end in every way have, at some time, every field that docs/compatibility.md
// calls an output, and none that it calls never set.
func TestOutputFieldsMatchTheCompatibilityTables(t *testing.T) {
	t.Parallel()
	doc := readCompatibility(t)
	everyClient(t, func(t *testing.T, s *server, c *client) {
		seen := seen{}
		c.runFull(t, doc, seen)
		x := c.runFates(t, seen)
		for _, entry := range s.entries(t, x) {
			seen.add(entry)
		}
		c.runDeleted(t, seen)
		for name, message := range servedMessages() {
			for i := range message.Fields().Len() {
				field := message.Fields().Get(i)
				full := name + "." + string(field.Name())
				switch says := doc.of(field); {
				case says == output && !seen[full]:
					t.Errorf("docs/compatibility.md: %s is %q, and no answer had it", full, says)
				case says == neverSet && seen[full]:
					t.Errorf("docs/compatibility.md: %s is %q, and an answer had it", full, says)
				}
			}
		}
	})
}

// runFull runs a job with every field that can run.
func (c *client) runFull(t *testing.T, doc compatibility, seen seen) {
	t.Helper()
	job := &runpb.Job{}
	(&filler{set: map[string]bool{}, skip: func(field protoreflect.FieldDescriptor) bool {
		return createsExecution(field) || doc.of(field) == refused || doc.of(field) == refusedOnRun
	}}).fill(job.ProtoReflect())
	seen.add(c.create(t, job))
	x := c.run(t, nil)
	seen.add(x, c.task(t, taskName(x, 1)), c.job(t, hello))
	c.deleteHello(t, seen)
}

// runFates runs a job that prints and whose tasks end in every way.
func (c *client) runFates(t *testing.T, seen seen) *runpb.Execution {
	t.Helper()
	job := fates()
	command := job.Template.Template.Containers[0].Command
	command[2] = `echo text; echo '{"severity":"ERROR","message":"text","httpRequest":{"status":1},
		"logging.googleapis.com/operation":{"id":"o"},"logging.googleapis.com/sourceLocation":{"file":"f"},
		"logging.googleapis.com/trace":"t","logging.googleapis.com/spanId":"s","logging.googleapis.com/trace_sampled":true}' | tr -d '\n'; echo; ` + command[2]
	c.create(t, job)
	x, op := c.start(t)
	_, _ = op.Wait(t.Context()) // it ends with an error
	x = c.execution(t, x.Name)
	seen.add(x, c.operation(t, op.Name()))
	all := c.tasks.ListTasks(t.Context(), &runpb.ListTasksRequest{Parent: x.Name})
	for {
		task, err := all.Next()
		if errors.Is(err, iterator.Done) {
			return x
		}
		if err != nil {
			t.Fatal(err)
		}
		seen.add(task)
	}
}

// runDeleted cancels a running execution, and deletes another with its job.
func (c *client) runDeleted(t *testing.T, seen seen) {
	t.Helper()
	c.deleteHello(t, seen)
	dir := t.TempDir()
	job := held(dir)
	// Tasks that SIGTERM does not end: while it ends, a deleted execution has tasks.
	command := job.Template.Template.Containers[0].Command
	command[2] = "trap '' TERM; " + command[2]
	job.CreateExecution = &runpb.Job_RunExecutionToken{RunExecutionToken: "once"}
	if _, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: helloID, Job: job}); err != nil {
		t.Fatal(err)
	}
	name := hello + "/executions/hello-once"
	pidIn(t, filepath.Join(dir, "0"))
	seen.add(c.execution(t, name), c.job(t, hello), c.task(t, taskName(&runpb.Execution{Name: name}, 0)))
	op, err := c.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen.add(c.operation(t, op.Name()), c.execution(t, name), c.task(t, taskName(&runpb.Execution{Name: name}, 0)))
	c.start(t)
	c.deleteHello(t, seen)
	tasks := c.tasks.ListTasks(t.Context(), &runpb.ListTasksRequest{Parent: parent + "/jobs/-/executions/-", ShowDeleted: true})
	task, err := tasks.Next()
	if err != nil {
		t.Fatal(err)
	}
	seen.add(task)
	deleted, err := c.executions.ListExecutions(t.Context(), &runpb.ListExecutionsRequest{Parent: parent + "/jobs/-", ShowDeleted: true}).Next()
	if err != nil {
		t.Fatal(err)
	}
	seen.add(deleted)
}

// deleteHello deletes the job hello and returns the answer.
func (c *client) deleteHello(t *testing.T, seen seen) {
	t.Helper()
	op, err := c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello})
	if err != nil {
		t.Fatal(err)
	}
	if meta, err := op.Metadata(); err == nil {
		seen.add(meta)
	}
	answer, err := c.jobs.GetOperation(t.Context(), &longrunningpb.GetOperationRequest{Name: op.Name()})
	if err != nil {
		t.Fatal(err)
	}
	seen.add(answer)
}
