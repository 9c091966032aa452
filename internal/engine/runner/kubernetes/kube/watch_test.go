package kube_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// pod returns a Pod in JSON. Its UID is its name with -uid.
func pod(name, version string) string { return podOf(name, name+"-uid", version) }

func podOf(name, uid, version string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"uid":%q,"resourceVersion":%q}}`, name, uid, version)
}

func listOf(version, items string) string {
	return fmt.Sprintf(`{"kind":"PodList","metadata":{"resourceVersion":%q},"items":[%s]}`, version, items)
}

func lineOf(kind, object string) string {
	return fmt.Sprintf(`{"type":%q,"object":%s}`, kind, object) + "\n"
}

// script answers lists and watches, each by the next function of it. After the last, it calls
// ending and is silent.
type script struct {
	mu     sync.Mutex
	steps  []http.HandlerFunc
	asked  []string
	ending func()
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	asked := "list"
	if r.FormValue("watch") != "" {
		asked = "watch " + r.FormValue("resourceVersion")
	}
	s.asked = append(s.asked, asked)
	var step http.HandlerFunc
	if len(s.steps) > 0 {
		step, s.steps = s.steps[0], s.steps[1:]
	}
	s.mu.Unlock()
	if step == nil {
		s.ending()
		<-r.Context().Done()
		return
	}
	step(w, r)
}

// say answers with text, and then ends the stream in order.
func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

// sayAndBreak answers with text, and then breaks the stream.
func sayAndBreak(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(text))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// sayAndHang answers with text, and then is silent until the client leaves.
func sayAndHang(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(text))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

func refuse(code int, reason string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"kind":"Status","code":%d,"reason":%q,"message":"no"}`, code, reason)
	}
}

const expired = `{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}`

// show writes an event as KIND NAME@VERSION.
func show(e kube.PodEvent) string {
	if e.Pod == nil {
		return string(e.Kind)
	}
	return string(e.Kind) + " " + e.Pod.Metadata.Name + "@" + e.Pod.Metadata.ResourceVersion
}

func TestWatchPods(t *testing.T) {
	t.Parallel()
	a1, synced := say(listOf("1", pod("a", "1"))), "SYNCED"
	for _, tt := range []struct {
		name   string
		steps  []http.HandlerFunc
		events []string
		asked  []string
	}{
		{"changes", []http.HandlerFunc{a1, say(lineOf("ADDED", pod("b", "2")) + lineOf("MODIFIED", pod("a", "3")) + lineOf("DELETED", pod("b", "4")))},
			[]string{"ADDED a@1", synced, "ADDED b@2", "MODIFIED a@3", "DELETED b@4"},
			[]string{"list", "watch 1", "watch 4"}},
		{"bookmark", []http.HandlerFunc{a1, say(lineOf("BOOKMARK", podOf("", "", "9")))},
			[]string{"ADDED a@1", synced}, []string{"list", "watch 1", "watch 9"}},
		{"pages", []http.HandlerFunc{say(`{"metadata":{"resourceVersion":"5","continue":"c"},"items":[` + pod("a", "1") + `]}`), say(listOf("5", pod("b", "2")))},
			[]string{"ADDED a@1", "ADDED b@2", synced}, []string{"list", "list", "watch 5"}},
		{"page that fails", []http.HandlerFunc{say(`{"metadata":{"resourceVersion":"5","continue":"c"},"items":[` + pod("a", "1") + `]}`), refuse(410, "Expired"), say(listOf("6", pod("a", "1")+","+pod("b", "6")))},
			[]string{"ADDED a@1", "ADDED b@6", synced}, []string{"list", "list", "list", "watch 6"}},
		{"expired as an answer", []http.HandlerFunc{a1, refuse(410, "Expired"), say(listOf("7", pod("a", "6")))},
			[]string{"ADDED a@1", synced, "MODIFIED a@6", synced}, []string{"list", "watch 1", "list", "watch 7"}},
		{"expired as a line", []http.HandlerFunc{a1, say(lineOf("MODIFIED", pod("a", "2")) + lineOf("ERROR", expired)), say(listOf("7", pod("a", "2")))},
			[]string{"ADDED a@1", synced, "MODIFIED a@2", synced}, []string{"list", "watch 1", "list", "watch 7"}},
		{"deleted while there was no watch", []http.HandlerFunc{a1, refuse(410, "Expired"), say(listOf("7", pod("b", "6")))},
			[]string{"ADDED a@1", synced, "ADDED b@6", "DELETED a@", synced}, []string{"list", "watch 1", "list", "watch 7"}},
		{"name taken over", []http.HandlerFunc{a1, refuse(410, "Expired"), say(listOf("7", podOf("a", "new", "6")))},
			[]string{"ADDED a@1", synced, "DELETED a@", "ADDED a@6", synced}, []string{"list", "watch 1", "list", "watch 7"}},
		{"cut in the middle of a line", []http.HandlerFunc{a1, sayAndBreak(lineOf("MODIFIED", pod("a", "2")) + `{"type":"DELETED","obj`), say(lineOf("DELETED", pod("a", "3")))},
			[]string{"ADDED a@1", synced, "MODIFIED a@2", "DELETED a@3"}, []string{"list", "watch 1", "watch 2", "watch 3"}},
		{"ended in the middle of a line", []http.HandlerFunc{a1, say(lineOf("MODIFIED", pod("a", "2")) + `{"type":"DELETED","obj`), say(lineOf("DELETED", pod("a", "3")))},
			[]string{"ADDED a@1", synced, "MODIFIED a@2", "DELETED a@3"}, []string{"list", "watch 1", "watch 2", "watch 3"}},
		{"server fault", []http.HandlerFunc{refuse(500, "InternalError"), a1, refuse(503, "ServiceUnavailable"), say(lineOf("ERROR", `{"code":500}`))},
			[]string{"ADDED a@1", synced}, []string{"list", "list", "watch 1", "watch 1", "watch 1"}},
		{"version of the future", []http.HandlerFunc{a1, refuse(504, "Timeout"), say(listOf("0", pod("a", "1")))},
			[]string{"ADDED a@1", synced, synced}, []string{"list", "watch 1", "list", "watch 0"}},
		{"watch that ends at once", []http.HandlerFunc{a1, say("")},
			[]string{"ADDED a@1", synced}, []string{"list", "watch 1", "watch 1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			s := &script{steps: tt.steps, ending: cancel}
			var events []string
			newServer(t, s).connect(t).WatchPodsImpatiently(ctx, time.Minute, func(e kube.PodEvent) { events = append(events, show(e)) })
			if diff := cmp.Diff(tt.events, events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.asked, s.asked); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWatchPodsLeavesASilentStream(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.FormValue("watch") == "":
			say(listOf("1", pod("a", "1")))(w, r)
		case r.FormValue("resourceVersion") == "1":
			sayAndHang(lineOf("MODIFIED", pod("a", "2")))(w, r)
		default:
			cancel()
		}
	}))
	var events []string
	s.connect(t).WatchPodsImpatiently(ctx, 50*time.Millisecond, func(e kube.PodEvent) { events = append(events, show(e)) })
	if diff := cmp.Diff([]string{"ADDED a@1", "SYNCED", "MODIFIED a@2"}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestWatchPodsLogsTroubleOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := newServer(t, &script{ending: cancel, steps: []http.HandlerFunc{
		refuse(500, ""), refuse(500, ""), refuse(500, ""), say(listOf("1", "")), refuse(410, "Expired"), say(listOf("2", "")),
	}})
	var log bytes.Buffer
	c := connect(t, kube.Options{
		Kubeconfig: write(t, t.TempDir(), "config", s.kubeconfig(`{}`)),
		Logger:     slog.New(slog.NewTextHandler(&log, nil)),
	})
	c.WatchPodsImpatiently(ctx, time.Minute, func(kube.PodEvent) {})
	began, over := strings.Count(log.String(), "cannot watch Pods"), strings.Count(log.String(), "watches Pods again")
	if began != 1 || over != 1 {
		t.Errorf("trouble began %d times and was over %d times, want once each:\n%s", began, over, log.String())
	}
}
