package kubernetes

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// removed is a node that removes the container when it has ended, as a kubelet does with those
// of a deleted Pod. The first reading brings the log. After it the container has ended, and
// each answer is a success with a reason instead of a log.
type removed struct {
	log   string
	ended chan struct{}
}

func (n *removed) OpenLog(context.Context, string, kube.LogOptions) (io.ReadCloser, error) {
	if runner.IsClosed(n.ended) {
		return io.NopCloser(strings.NewReader("unable to retrieve container logs for containerd://0123")), nil
	}
	close(n.ended)
	return io.NopCloser(strings.NewReader(n.log)), nil
}

// away is a node that shows the log of a container, and then never answers again.
type away struct{ removed }

func (n *away) OpenLog(ctx context.Context, pod string, o kube.LogOptions) (io.ReadCloser, error) {
	if runner.IsClosed(n.ended) {
		return nil, &kube.StatusError{Code: http.StatusInternalServerError, Message: "dial tcp: no route to host"}
	}
	return n.removed.OpenLog(ctx, pod, o)
}

// TestLogOfANodeThatIsAway checks that a log is asked for while the node may come back, and not
// for ever.
func TestLogOfANodeThatIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &away{removed{"2026-11-29T15:01:31Z a\n", make(chan struct{})}}
		var out bytes.Buffer
		began := time.Now()
		l := &logReader{client: n, ended: n.ended, out: runner.Output{Stdout: &out}}
		const want = "a\nrunwith: output after 2026-11-29T15:01:31Z may be missing: "
		if err := l.run(t.Context()); err != nil || !strings.HasPrefix(out.String(), want) {
			t.Errorf("run() = %v, output %q, want nil and %q", err, out.String(), want)
		}
		if took := time.Since(began); took < logPatience || took > logPatience+time.Minute {
			t.Errorf("run() took %v, want %v", took, logPatience)
		}
	})
}

// TestLogOfARemovedContainer checks that the reader stops when the container is removed. It writes
// what it has read, and then a line that says what may be missing.
func TestLogOfARemovedContainer(t *testing.T) {
	t.Parallel()
	const lost = " may be missing: the node cannot read the log any more\n"
	for _, test := range []struct{ name, log, want string }{
		{"whole lines", "2026-11-29T15:01:31Z a\n2026-11-29T15:01:32Z b\n", "a\nb\nrunwith: output after 2026-11-29T15:01:32Z" + lost},
		{"an unfinished line", "2026-11-29T15:01:31Z a\n2026-11-29T15:01:32Z b", "a\nb\nrunwith: output after 2026-11-29T15:01:31Z" + lost},
		{"only an unfinished line", "2026-11-29T15:01:31Z a", "a\nrunwith: output from 2026-11-29T15:01:31Z" + lost},
		{"no output", "", "runwith: output" + lost},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := &removed{test.log, make(chan struct{})}
				var out bytes.Buffer
				began := time.Now()
				l := &logReader{client: n, ended: n.ended, out: runner.Output{Stdout: &out}}
				if err := l.run(t.Context()); err != nil || out.String() != test.want {
					t.Errorf("run() = %v, output %q, want nil and %q", err, out.String(), test.want)
				}
				if took := time.Since(began); took > time.Minute {
					t.Errorf("run() took %v, want at most a minute", took)
				}
			})
		})
	}
}
