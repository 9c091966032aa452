package kubernetes

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// leaseServer is an API server with one Lease, which another server holds.
type leaseServer struct {
	version int  // of the Lease
	renewed bool // the other server renews the Lease before each read but the first
	reads   int
	slow    time.Duration // of each read but the first
	holder  string
}

func (s *leaseServer) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.Method == http.MethodPut {
		var sent kube.Lease
		if err := json.NewDecoder(q.Body).Decode(&sent); err != nil {
			return nil, err
		}
		if sent.Metadata.ResourceVersion != strconv.Itoa(s.version) {
			return leaseAnswer(http.StatusConflict, kube.Lease{}), nil
		}
		s.version++
		s.holder = holds(&sent)
	} else if s.reads++; s.reads > 1 {
		time.Sleep(s.slow)
		if s.renewed {
			s.version++
		}
	}
	return leaseAnswer(http.StatusOK, kube.Lease{
		Metadata: kube.Meta{Name: "runwith-engine", ResourceVersion: strconv.Itoa(s.version)}, Spec: kube.LeaseSpec{HolderIdentity: new(s.holder)},
	}), nil
}

func leaseAnswer(code int, lease kube.Lease) *http.Response {
	body, err := json.Marshal(lease)
	if err != nil {
		panic(err)
	}
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}
}

// TestAcquire checks that a server takes another server's Lease only if that one no longer renews
// it, however long the API server takes to answer.
func TestAcquire(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		renewed bool
		slow    time.Duration
		want    string // of the holder
	}{
		"the other is gone":                         {false, 0, "me"},
		"the other is gone, and answers are slow":   {false, 2 * leaseTime, "me"},
		"the other renews it":                       {true, 0, "other"},
		"the other renews it, and answers are slow": {true, 2 * leaseTime, "other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := &leaseServer{renewed: test.renewed, slow: test.slow, holder: "other"}
				l := &lease{
					client: &kube.Client{Server: "http://cluster", Namespace: "default", HTTP: &http.Client{Transport: server}},
					name:   "runwith-engine", holder: "me", file: filepath.Join(t.TempDir(), holderFile), log: slog.New(slog.DiscardHandler),
				}
				err := l.acquire(t.Context())
				if server.holder != test.want {
					t.Errorf("holder after acquire() = %q, want %q", server.holder, test.want)
				}
				if refused := err != nil && strings.Contains(err.Error(), "the server other uses a copy"); refused != test.renewed {
					t.Errorf("acquire() = %v, want an error that names the other server: %t", err, test.renewed)
				}
			})
		})
	}
}
