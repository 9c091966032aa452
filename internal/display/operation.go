package display

import (
	"path"
	"strings"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// Operations shows operations as a table, in the order of the API: an operation has no
// time of its own.
func Operations(s *terminal.Screen, now time.Time, operations []*longrunningpb.Operation) error {
	t := &terminal.Table{Head: []string{"OPERATION", "STATE", "ABOUT", "CHANGED", "MESSAGE"}}
	for _, op := range operations {
		about, changed := subject(op)
		row := terminal.Cells(path.Base(op.GetName()), operationState(op), about, ago(now, changed), op.GetError().GetMessage())
		row[1].Style = stateStyle(row[1].Text)
		t.Add(row...)
	}
	return t.Write(s)
}

// operationState returns the state of an operation in one word.
func operationState(op *longrunningpb.Operation) string {
	switch {
	case !op.GetDone():
		return string(runwith.StateRunning)
	case op.GetError() != nil:
		return string(runwith.StateFailed)
	}
	return "done"
}

// subject returns what an operation is about, and when that last changed.
func subject(op *longrunningpb.Operation) (about string, changed *timestamppb.Timestamp) {
	message, err := op.GetMetadata().UnmarshalNew()
	if err != nil {
		return never, nil
	}
	switch m := message.(type) {
	case *runpb.Job:
		return "job " + path.Base(m.GetName()), m.GetUpdateTime()
	case *runpb.Execution:
		return "execution " + path.Base(m.GetName()), m.GetUpdateTime()
	}
	return strings.ToLower(string(message.ProtoReflect().Descriptor().Name())), nil
}
