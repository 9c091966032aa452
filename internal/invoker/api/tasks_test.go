package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
)

func TestTasksAndChanges(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{})
	for path, want := range map[string]string{
		"tasks":   `{"tasks":[{"index":0,"state":"failed","attempts":2,"exitCode":7,"message":"m"}]}`,
		"changes": `{"changes":[{"field":"args","run":["a"]}]}`,
	} {
		a := ask(t, server, "GET /api/v1/invocations/inv-1/"+path, "")
		if a.status != http.StatusOK || strings.TrimSpace(a.body) != want {
			t.Errorf("GET %s = %d %s, want %s", path, a.status, a.body, want)
		}
	}
}

func TestTasks(t *testing.T) {
	t.Parallel()
	server := serve(t, &fake{tasks: func(id string) ([]runwith.Task, error) {
		switch id {
		case "none":
			return nil, nil
		case "gone":
			return nil, runwith.Errorf(runwith.FailedPrecondition, "deleted")
		}
		began := time.Unix(100, 0).UTC()
		return []runwith.Task{
			{Index: 0, State: runwith.TaskSucceeded, Attempts: 2, Started: began, Finished: began.Add(time.Second), ExitCode: new(0)},
			{Index: 1, State: runwith.TaskFailed, Attempts: 1, Signal: 9, Message: "m"},
			{Index: 2, State: runwith.TaskPending},
		}, nil
	}})
	const (
		first  = `{"index":0,"state":"succeeded","attempts":2,"started":"1970-01-01T00:01:40Z","finished":"1970-01-01T00:01:41Z","exitCode":0}`
		second = `{"index":1,"state":"failed","attempts":1,"signal":9,"message":"m"}`
		third  = `{"index":2,"state":"pending","attempts":0}`
	)
	for _, test := range []struct {
		path, want string
		status     int
	}{
		{"inv-1/tasks", `{"tasks":[` + first + "," + second + "," + third + "]}\n", 200},
		{"inv-1/tasks?state=failed&state=pending", `{"tasks":[` + second + "," + third + "]}\n", 200},
		{"inv-1/tasks?state=cancelled", `{"tasks":[]}` + "\n", 200},
		{"none/tasks", `{"tasks":[]}` + "\n", 200},
		{"gone/tasks", "", 400},
		{"inv-1/tasks?state=lost", "", 400},
	} {
		got := ask(t, server, "GET /api/v1/invocations/"+test.path, "")
		if got.status != test.status || test.want != "" && got.body != test.want {
			t.Errorf("GET %s = %d %s, want %d %s", test.path, got.status, got.body, test.status, test.want)
		}
	}
}
