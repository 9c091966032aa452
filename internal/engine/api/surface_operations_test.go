package api_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
)

// operationNames pages through a location's operations, two a page.
func (c *client) operationNames(t *testing.T, in string) (names []string) {
	t.Helper()
	all := c.jobs.ListOperations(t.Context(), &longrunningpb.ListOperationsRequest{Name: in, PageSize: 2})
	for {
		op, err := all.Next()
		if errors.Is(err, iterator.Done) {
			return names
		}
		if err != nil {
			t.Fatalf("ListOperations(%s) = %v", in, err)
		}
		names = append(names, op.Name)
	}
}

func TestListAndDeleteOperations(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		dir := t.TempDir()
		creation, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: helloID, Job: held(dir)})
		if err != nil {
			t.Fatal(err)
		}
		x, runOp := c.start(t)
		cancel, err := c.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: x.Name})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{cancel.Name(), runOp.Name(), creation.Name()}
		if got := c.operationNames(t, parent); !slices.Equal(got, want) {
			t.Errorf("ListOperations() = %v, want %v", got, want)
		}
		if got := c.operationNames(t, "projects/demo/locations/europe-west1"); got != nil {
			t.Errorf("ListOperations() of another region = %v, want none", got)
		}

		remove := &longrunningpb.DeleteOperationRequest{Name: cancel.Name()}
		if err := c.jobs.DeleteOperation(t.Context(), remove); err != nil {
			t.Errorf("DeleteOperation() = %v", err)
		}
		wantCode(t, "a second DeleteOperation()", c.jobs.DeleteOperation(t.Context(), remove), codes.NotFound, cancel.Name())
		_, err = c.jobs.GetOperation(t.Context(), &longrunningpb.GetOperationRequest{Name: cancel.Name()})
		wantCode(t, "GetOperation() of a deleted one", err, codes.NotFound, cancel.Name())
		_, err = c.jobs.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: cancel.Name()})
		wantCode(t, "WaitOperation() of a deleted one", err, codes.NotFound, cancel.Name())
		if got := c.operationNames(t, parent); !slices.Equal(got, want[1:]) {
			t.Errorf("ListOperations() after a deletion = %v, want %v", got, want[1:])
		}
		ended, err := runOp.Wait(t.Context())
		if err != nil {
			t.Fatalf("RunJob().Wait() = %v: the deletion of an operation must leave the others", err)
		}
		wantCancelled(t, ended, 1)
	})
}

func TestOperationHasItsExecution(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		dir := t.TempDir()
		c.create(t, held(dir))
		x, runOp := c.start(t)
		pidIn(t, filepath.Join(dir, "0"))

		began := time.Now()
		op, err := c.jobs.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: runOp.Name(), Timeout: durationpb.New(20 * time.Millisecond)})
		if err != nil || op.Done || time.Since(began) < 20*time.Millisecond {
			t.Errorf("WaitOperation(20 ms) of a run that goes on = done %v, %v after %v; want it open after the timeout", op.GetDone(), err, time.Since(began))
		}
		if got, want := executionIn(t, op), c.execution(t, x.Name); !cmp.Equal(want, got, protocmp.Transform()) {
			t.Errorf("metadata of an open operation = %v, want the execution %v", got, want)
		}

		answered := make(chan *longrunningpb.Operation, 1)
		go func() {
			op, err := c.jobs.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: runOp.Name()})
			if err != nil {
				t.Errorf("WaitOperation() = %v", err)
			}
			answered <- op
		}()
		open(t, dir)
		waited := <-answered
		op, err = c.jobs.GetOperation(t.Context(), &longrunningpb.GetOperationRequest{Name: runOp.Name()})
		if err != nil || !op.Done || !cmp.Equal(op, waited, protocmp.Transform()) {
			t.Errorf("GetOperation() = %v, %v; want it done, as WaitOperation() answered: %v", op, err, waited)
		}
		if got, want := executionIn(t, op), c.execution(t, x.Name); !cmp.Equal(want, got, protocmp.Transform()) || op.GetResponse() == nil {
			t.Errorf("metadata = %v, response %v; want the execution %v in both", got, op.GetResponse(), want)
		}
	})
}

func executionIn(t *testing.T, op *longrunningpb.Operation) *runpb.Execution {
	t.Helper()
	x := &runpb.Execution{}
	if err := op.GetMetadata().UnmarshalTo(x); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestFailedOperationHasItsExecution(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("exit 1"))
		x, runOp := c.start(t)
		op, err := c.jobs.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: runOp.Name()})
		if err != nil {
			t.Fatal(err)
		}
		if !op.Done {
			t.Fatalf("operation = %v, want it done", op)
		}
		if code := codes.Code(op.GetError().GetCode()); code != codes.Aborted {
			t.Fatalf("error of the operation = %v, want Aborted", op.GetError())
		}
		if op.GetResponse() != nil {
			t.Fatalf("response of the operation = %v, want none", op.GetResponse())
		}
		failed := executionIn(t, op)
		if failed.Name != x.Name || failed.FailedCount != 1 || completed(failed).GetMessage() != op.GetError().GetMessage() {
			t.Errorf("metadata = %v, want the failed execution, with the operation's message %q", failed, op.GetError().GetMessage())
		}
	})
}

func TestOperationsRefuseUnsupportedRequests(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		_, err := c.jobs.ListOperations(t.Context(), &longrunningpb.ListOperationsRequest{Name: parent, Filter: "done=true"}).Next()
		wantCode(t, "ListOperations(filter)", err, codes.InvalidArgument, "filter")
		_, err = c.jobs.ListOperations(t.Context(), &longrunningpb.ListOperationsRequest{Name: parent, ReturnPartialSuccess: true}).Next()
		wantCode(t, "ListOperations(return_partial_success)", err, codes.Unimplemented, "return_partial_success")
		_, err = c.jobs.ListOperations(t.Context(), &longrunningpb.ListOperationsRequest{Name: parent, PageSize: -1}).Next()
		wantCode(t, "ListOperations(page_size -1)", err, codes.InvalidArgument, "page_size")
		_, err = c.jobs.GetOperation(t.Context(), &longrunningpb.GetOperationRequest{Name: parent + "/operations/no.operation"})
		wantCode(t, "GetOperation() of a bad name", err, codes.InvalidArgument, "no.operation")
	})
}
