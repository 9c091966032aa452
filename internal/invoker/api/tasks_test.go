package api_test

import (
	"net/http"
	"strings"
	"testing"
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
