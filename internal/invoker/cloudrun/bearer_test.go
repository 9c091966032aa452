package cloudrun

import (
	"context"
	"io"
	"net/http"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
)

// A token goes with every call, an empty one with none.
func TestBearer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		source oauth2.TokenSource
		want   []string
	}{
		"a token":  {oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "secret"}), []string{"Bearer secret"}},
		"an empty": {oauth2.StaticTokenSource(&oauth2.Token{}), nil},
		"none":     {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{run: func(context.Context, *runpb.RunJobRequest) (*runpb.Execution, error) {
				return &runpb.Execution{Name: "e"}, nil
			}}
			if _, err := dial(t, Config{Endpoint: s.start(t).endpoint, Token: test.source}).Run(t.Context(), "report", nil); err != nil {
				t.Fatalf("Run() = %v", err)
			}
			if diff := cmp.Diff(test.want, s.metadata().Get("authorization")); diff != "" {
				t.Errorf("authorization over gRPC (-want +got):\n%s", diff)
			}
			var header []string
			logs := startLogs(t, Config{Token: test.source}, func(w http.ResponseWriter, r *http.Request) {
				header = r.Header.Values("Authorization")
				_, _ = io.WriteString(w, `{}`)
			})
			if _, _, err := logs.LogEntries(t.Context(), executionName, Cursor{}); err != nil {
				t.Fatalf("LogEntries() = %v", err)
			}
			if diff := cmp.Diff(test.want, header); diff != "" {
				t.Errorf("authorization over REST (-want +got):\n%s", diff)
			}
		})
	}
}

// Without the token that was asked for, nothing is sent.
func TestBearerWithoutToken(t *testing.T) {
	t.Parallel()
	logs := startLogs(t, Config{Token: noToken{}}, func(http.ResponseWriter, *http.Request) { t.Error("the request was sent") })
	if _, _, err := logs.LogEntries(t.Context(), executionName, Cursor{}); err == nil {
		t.Error("LogEntries() = nil, want an error")
	}
}
