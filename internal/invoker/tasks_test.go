package invoker

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// crowded is a Cloud Run whose executions have three tasks, one on each page, with the marker
// of an invocation. It counts the reads.
type crowded struct {
	cloud
	state runpb.Condition_State
	owner string
	reads int
	err   error
}

func newCrowded() *crowded {
	c := &crowded{state: runpb.Condition_CONDITION_SUCCEEDED}
	c.life = 10 * time.Second
	c.cloud.tasks = func(_, token string) ([]*runpb.Task, string, error) {
		c.reads++
		n, _ := strconv.Atoi(token)
		next := strconv.Itoa(n + 1)
		if n == 2 {
			next = ""
		}
		return []*runpb.Task{{
			Index: int32(2 - n), Conditions: []*runpb.Condition{{Type: "Completed", State: c.state}},
			Containers: []*runpb.Container{{}, {Env: []*runpb.EnvVar{variable(Marker, c.owner)}}},
		}}, next, c.err
	}
	return c
}

// tasksOf returns the indexes of an invocation's tasks, or the error.
func tasksOf(t *testing.T, v *Invoker, id string) string {
	t.Helper()
	tasks, err := v.Tasks(t.Context(), id)
	if err != nil {
		return runwith.CodeOf(err).String() + " " + err.Error()
	}
	indexes := make([]string, len(tasks))
	for i, task := range tasks {
		indexes[i] = strconv.Itoa(task.Index)
	}
	return strings.Join(indexes, " ")
}

func TestTasksOfAnExecution(t *testing.T) {
	in(t, func(t *testing.T) {
		c := newCrowded()
		v := open(t, &c.cloud)
		<-v.Rebuilt()
		i := invoke(t, v, runwith.Overrides{})
		c.owner = i.ID
		synctest.Wait()
		for _, step := range []struct {
			what  string
			after time.Duration
			reads int
		}{{"first", 0, 3}, {"soon", time.Second / 2, 3}, {"a second later", time.Second, 6}} {
			time.Sleep(step.after)
			if got := tasksOf(t, v, i.ID); got != "0 1 2" || c.reads != step.reads {
				t.Errorf("%s: tasks = %q with %d reads, want 0 1 2 with %d", step.what, got, c.reads, step.reads)
			}
		}
	})
}

// TestTasksAreTheInvocationsOwn checks that the tasks of another execution with the same name
// are not shown, and that the answer tells a deleted execution from an unknown invocation.
func TestTasksAreTheInvocationsOwn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*crowded)
		want   string
	}{
		"another execution": {func(c *crowded) { c.owner = "0197a0de-0000-7000-8000-000000000000" }, "FAILED_PRECONDITION"},
		"deleted":           {func(c *crowded) { c.err = runwith.Errorf(runwith.NotFound, "why") }, "FAILED_PRECONDITION"},
		"unreachable":       {func(c *crowded) { c.err = runwith.Errorf(runwith.Unavailable, "why") }, "UNAVAILABLE"},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := newCrowded()
				v := open(t, &c.cloud)
				<-v.Rebuilt()
				i := invoke(t, v, runwith.Overrides{})
				synctest.Wait()
				test.change(c)
				if got := tasksOf(t, v, i.ID); !strings.HasPrefix(got, test.want) {
					t.Errorf("tasks = %q, want %s", got, test.want)
				}
				c.err, c.owner = nil, i.ID
				if got := tasksOf(t, v, i.ID); got != "0 1 2" {
					t.Errorf("tasks after the failure = %q, want 0 1 2", got)
				}
			})
		})
	}
}

// TestTasksEnd has lists of tasks that no true server sends.
func TestTasksEnd(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tasks int // of each page
		token func(reads int) string
		want  string
	}{
		"more than an execution has": {1000, strconv.Itoa, "INTERNAL the server lists more than 10000 tasks of an execution: "},
		"in a circle":                {1, func(int) string { return "again" }, "INTERNAL the server's list goes round in a circle: "},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := newCrowded()
				v := open(t, &c.cloud)
				<-v.Rebuilt()
				i := invoke(t, v, runwith.Overrides{})
				synctest.Wait()
				one := &runpb.Task{Containers: []*runpb.Container{{Env: []*runpb.EnvVar{variable(Marker, i.ID)}}}}
				c.change(func() {
					c.tasks = func(string, string) ([]*runpb.Task, string, error) {
						if c.reads++; c.reads == 20 {
							return nil, "", nil
						}
						return slices.Repeat([]*runpb.Task{one}, test.tasks), test.token(c.reads), nil
					}
				})
				if got := tasksOf(t, v, i.ID); !strings.HasPrefix(got, test.want) {
					t.Errorf("tasks = %q, want %q", got, test.want)
				}
			})
		})
	}
}

func TestTasksWithoutAnExecution(t *testing.T) {
	in(t, func(t *testing.T) {
		c := newCrowded()
		v := open(t, &c.cloud)
		<-v.Rebuilt()
		i, _, err := v.Invoke(t.Context(), startAt(v, "", time.Now().Add(time.Hour)))
		if err != nil {
			t.Fatal(err)
		}
		if got := tasksOf(t, v, i.ID); got != "" || c.reads != 0 {
			t.Errorf("tasks of a deferred invocation = %q with %d reads, want none", got, c.reads)
		}
		if got := tasksOf(t, v, "unknown"); !strings.HasPrefix(got, "NOT_FOUND") {
			t.Errorf("tasks of an unknown invocation = %q, want NOT_FOUND", got)
		}
	})
}

// TestTaskCacheIsBounded checks that only the tasks of ended executions are kept, and that the
// oldest make room.
func TestTaskCacheIsBounded(t *testing.T) {
	in(t, func(t *testing.T) {
		const each = maxCachedTasks / 4
		reads := []string{}
		c := &taskCache{}
		c.read = func(_ context.Context, r ledger.Record) ([]runwith.Task, error) {
			reads = append(reads, r.ID)
			return slices.Repeat([]runwith.Task{{State: runwith.TaskSucceeded}}, each), nil
		}
		for _, id := range []string{"a", "b", "c", "a", "d", "a", "b"} {
			r := ledger.Record{}
			r.ID, r.State, r.Counts.Tasks = id, runwith.StateSucceeded, each
			if tasks, err := c.of(t.Context(), r); len(tasks) != each || err != nil {
				t.Fatalf("tasks of %s: %d, %v", id, len(tasks), err)
			}
			time.Sleep(time.Minute)
		}
		if want := []string{"a", "b", "c", "d", "b"}; !slices.Equal(reads, want) {
			t.Errorf("executions that were read = %v, want %v", reads, want)
		}
	})
}
