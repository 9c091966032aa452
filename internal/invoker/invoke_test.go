package invoker

import (
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

func TestInvoke(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{}
		v := open(t, c)
		overrides := runwith.Overrides{Args: []string{"a", "b"}, Env: map[string]string{"B": "2", "A": ""}, TaskCount: 3, Timeout: 90 * time.Second}
		i := invoke(t, v, overrides)
		accepted := runwith.Invocation{
			ID: i.ID, Job: "report", Request: &runwith.Request{Overrides: overrides}, State: runwith.StateAccepted, Created: time.Now().UTC(),
			History: []runwith.Step{{State: runwith.StateAccepted, At: time.Now().UTC()}},
		}
		if diff := cmp.Diff(accepted, i); diff != "" {
			t.Errorf("Invoke() (-want +got):\n%s", diff)
		}
		until(t, v, i.ID, runwith.StateRunning)
		want := &runpb.RunJobRequest_Overrides{
			TaskCount: 3, Timeout: durationpb.New(90 * time.Second),
			ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{{
				Args: []string{"a", "b"}, Env: append([]*runpb.EnvVar{variable("A", ""), variable("B", "2")}, markers(record(t, v, i.ID))...),
			}},
		}
		if diff := cmp.Diff(want, c.seen().runs[0], protocmp.Transform()); diff != "" {
			t.Errorf("overrides of the run (-want +got):\n%s", diff)
		}
	})
}

func TestMark(t *testing.T) {
	t.Parallel()
	type override = runpb.RunJobRequest_Overrides_ContainerOverride
	one := []*runpb.Container{{Name: "main"}}
	two := []*runpb.Container{{Name: "main"}, {Name: "side"}}
	marker := []*runpb.EnvVar{variable(Marker, "id")}
	for name, test := range map[string]struct {
		containers []*runpb.Container
		overrides  []*override
		want       []*override
	}{
		"one, nothing":         {one, nil, []*override{{Env: marker}}},
		"one, unnamed":         {one, []*override{{ClearArgs: true}}, []*override{{ClearArgs: true, Env: marker}}},
		"one, named":           {one, []*override{{Name: "main"}}, []*override{{Name: "main", Env: marker}}},
		"several, nothing":     {two, nil, []*override{{Name: "main", Env: marker}}},
		"several, the other":   {two, []*override{{Name: "side"}}, []*override{{Name: "side"}, {Name: "main", Env: marker}}},
		"several, with others": {two, []*override{{Name: "side"}, {Name: "main"}}, []*override{{Name: "side"}, {Name: "main", Env: marker}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := mark(test.containers, &runpb.RunJobRequest_Overrides{ContainerOverrides: test.overrides}, marker)
			if diff := cmp.Diff(test.want, got.GetContainerOverrides(), protocmp.Transform()); diff != "" {
				t.Errorf("mark() (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInvokeRefuses checks that a wrong request is refused at once: nothing is stored or
// called.
func TestInvokeRefuses(t *testing.T) {
	t.Parallel()
	with := func(o runwith.ContainerOverride) runwith.Overrides {
		return runwith.Overrides{Containers: []runwith.ContainerOverride{o}}
	}
	for name, test := range map[string]struct {
		job       string
		overrides runwith.Overrides
		code      runwith.Code
		message   string
	}{
		"bad name":                {"Bad_Name", runwith.Overrides{}, runwith.InvalidArgument, "Bad_Name"},
		"no such job":             {"missing", runwith.Overrides{}, runwith.NotFound, "no job missing"},
		"not allowed":             {"secret", runwith.Overrides{}, runwith.PermissionDenied, "run.jobs.get"},
		"job has the marker":      {"marked", runwith.Overrides{}, runwith.FailedPrecondition, "job marked sets a variable that begins with RUNWITH_"},
		"negative count":          {"report", runwith.Overrides{TaskCount: -1}, runwith.InvalidArgument, "taskCount: "},
		"too many tasks":          {"report", runwith.Overrides{TaskCount: 10_001}, runwith.InvalidArgument, "taskCount: "},
		"more than an int32":      {"report", runwith.Overrides{TaskCount: 1 << 32}, runwith.InvalidArgument, "taskCount: "},
		"negative timeout":        {"report", runwith.Overrides{Timeout: -time.Second}, runwith.InvalidArgument, "timeout: "},
		"half a second":           {"report", runwith.Overrides{Timeout: time.Second / 2}, runwith.InvalidArgument, "timeout: must be a whole number"},
		"too long":                {"report", runwith.Overrides{Timeout: 200 * time.Hour}, runwith.InvalidArgument, "timeout"},
		"reserved by Cloud Run":   {"report", runwith.Overrides{Env: map[string]string{"K_SERVICE": "x"}}, runwith.InvalidArgument, "K_SERVICE"},
		"reserved by us":          {"report", runwith.Overrides{Env: map[string]string{"RUNWITH_X": "x"}}, runwith.InvalidArgument, "env.RUNWITH_X: cannot be set"},
		"reserved in a container": {"report", with(runwith.ContainerOverride{Name: "c", Env: map[string]string{Marker: "x"}}), runwith.InvalidArgument, "containers[0].env.RUNWITH_INVOCATION: "},
		"value too long":          {"report", runwith.Overrides{Env: map[string]string{"A": strings.Repeat("x", 32769)}}, runwith.InvalidArgument, "length cannot exceed 32768"},
		"no such container":       {"report", with(runwith.ContainerOverride{Name: "c"}), runwith.InvalidArgument, `no container named "c"`},
		"container without name":  {"report", with(runwith.ContainerOverride{}), runwith.InvalidArgument, "containers[0].name: is required"},
		"both ways":               {"report", runwith.Overrides{Args: []string{}, Containers: []runwith.ContainerOverride{{Name: "c"}}}, runwith.InvalidArgument, "containers: cannot stand beside"},
		"not text":                {"report", runwith.Overrides{Args: []string{"\xff"}}, runwith.InvalidArgument, "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &cloud{job: readJobs}
			v := open(t, c)
			<-v.Rebuilt()
			_, _, err := v.Invoke(t.Context(), asks(test.job, "k", test.overrides))
			if runwith.CodeOf(err) != test.code || err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("Invoke() = %v (%v), want %q (%v)", err, runwith.CodeOf(err), test.message, test.code)
			}
			if page, _, err := v.Invocations(t.Context(), Filter{}); len(page) > 0 || err != nil || c.calls() > 0 {
				t.Errorf("%d invocations, %v, and %d calls, want none", len(page), err, c.calls())
			}
		})
	}
}

// record returns the row of an invocation.
func record(t *testing.T, v *Invoker, id string) ledger.Record {
	t.Helper()
	r, err := v.store.Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readJobs(id string) (*runpb.Job, error) {
	switch id {
	case "missing":
		return nil, runwith.Errorf(runwith.NotFound, "no job missing")
	case "secret":
		return nil, runwith.Errorf(runwith.PermissionDenied, "run.jobs.get is needed")
	case "marked":
		return jobOf(id, &runpb.Container{Image: "a", Env: []*runpb.EnvVar{variable(Marker, "x")}}), nil
	}
	return jobOf(id, &runpb.Container{Image: "a"}), nil
}

// TestInvokeRefusesUnread checks that a request that is wrong for every job is refused
// even if its job cannot be read.
func TestInvokeRefusesUnread(t *testing.T) {
	t.Parallel()
	v := open(t, &cloud{job: func(string) (*runpb.Job, error) { return nil, errDial }})
	for name, o := range map[string]runwith.Overrides{
		"reserved": {Env: map[string]string{"PORT": "1"}},
		"too long": {Containers: []runwith.ContainerOverride{{Name: "b", Env: map[string]string{"A": strings.Repeat("x", 32769)}}, {Name: "c"}}},
	} {
		if _, _, err := v.Invoke(t.Context(), asks("report", "", o)); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("%s: Invoke() = %v, want INVALID_ARGUMENT", name, err)
		}
	}
	for name, o := range map[string]runwith.Overrides{
		"nothing": {},
		"one":     {Args: []string{}, TaskCount: 2, Timeout: time.Minute},
		"several": {Containers: []runwith.ContainerOverride{{Name: "b"}, {Name: "c"}, {Name: "b"}}},
	} {
		if _, _, err := v.Invoke(t.Context(), asks("report", "", o)); err != nil {
			t.Errorf("%s: Invoke() = %v, want it accepted", name, err)
		}
	}
}

func TestClearArgs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args  []string
		clear bool
	}{{nil, false}, {[]string{}, true}, {[]string{"x"}, false}} {
		o, err := overridesOf(runwith.Overrides{Args: test.args, Env: map[string]string{"A": "x"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := o.GetContainerOverrides()[0].GetClearArgs(); got != test.clear {
			t.Errorf("overridesOf(%#v).clear_args = %v, want %v", test.args, got, test.clear)
		}
	}
}
