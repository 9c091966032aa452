package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/idtoken"
	pubsubrelay "github.com/runwith/runwith/internal/relay"
	"github.com/runwith/runwith/internal/testneed"
)

// pubsubConfig has two triggers for a job. The caller is the engine's service account.
const pubsubConfig = `issuers: {engine: "%s"}
callers:
  pubsub: {oidc: {issuer: engine, claims: {email: 123456789012-compute@developer.gserviceaccount.com}, audience: push}, grants: [view, values]}
jobs:
  thumbnails:
    parameters: {bucket: {type: string, pattern: "^[a-z]+$"}, name: {type: string}, size: {type: integer, default: 160}}
    args: ["--bucket={bucket}", "--name={name}", "--size={size}"]
triggers:
  uploads: {type: pubsub, job: thumbnails, callers: [pubsub], map: {bucket: /data/bucket, name: /attributes/name, size: {pointer: /data/size, default: 160}}}
  strict: {type: pubsub, job: thumbnails, callers: [pubsub], refuse: nack, map: {bucket: /data/bucket, name: /attributes/name}}
`

const pubsubJob = `name: thumbnails
template: {template: {maxRetries: 0, containers: [{image: x, command: [sh, -c, 'echo "$*" >>%s', job]}]}}
`

// mill is a Pub/Sub, a server with triggers, and a job that writes its arguments to a file.
type mill struct {
	pubsub *pstest.Server
	server *server // with the triggers
	engine *server // may be the same
	config string
	token  func(context.Context) (string, error)
	ran    string

	mu     sync.Mutex
	pushes []pubsubrelay.Push
}

// newMill returns a mill without servers, and the arguments that they share.
func newMill(t *testing.T) *mill {
	t.Helper()
	needProcesses(t)
	m := &mill{pubsub: pstest.NewServer(), ran: filepath.Join(t.TempDir(), "ran")}
	t.Cleanup(func() { _ = m.pubsub.Close() })
	m.config = filepath.Join(filepath.Dir(m.ran), "runwith.yaml")
	job := fmt.Sprintf(pubsubJob, m.ran)
	if err := os.WriteFile(m.job(), []byte(job), 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *mill) job() string { return filepath.Join(filepath.Dir(m.ran), "job.yaml") }

// configure names the issuer of the pushes' tokens.
func (m *mill) configure(t *testing.T, issuer string) {
	t.Helper()
	next := m.config + ".new"
	if err := os.WriteFile(next, fmt.Appendf(nil, pubsubConfig, issuer), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, m.config); err != nil {
		t.Fatal(err)
	}
}

// startMill starts an engine, and `serve` in front of it.
func startMill(t *testing.T) *mill {
	t.Helper()
	m := newMill(t)
	m.startEngine(t, "127.0.0.1:0")
	m.configure(t, m.engine.url)
	m.startServe(t, "127.0.0.1:0")
	m.token = idtoken.Cached(idtoken.Metadata(m.engine.addr()), "push")
	return m
}

func (m *mill) startEngine(t *testing.T, addr string) {
	t.Helper()
	data := filepath.Join(filepath.Dir(m.ran), "engine")
	m.engine = m.start(t, data, "engine", "--addr", addr, "--runner", "process", "--data", data, "--job", m.job())
}

func (m *mill) startServe(t *testing.T, addr string) {
	t.Helper()
	data := filepath.Join(filepath.Dir(m.ran), "serve")
	m.server = m.start(t, data, "serve", "--addr", addr, "--data", data, "--endpoint", m.engine.url, "--config", m.config,
		"--call-timeout", "5s", "--settle", "1s")
}

func (m *mill) start(t *testing.T, data string, args ...string) *server {
	t.Helper()
	s, err := startServer(exec.Command("runwith", args...), data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.kill() })
	return s
}

// push starts a relay from a new subscription to a trigger. A message that "strict" refuses five times
// goes to the topic of dead letters.
func (m *mill) push(t *testing.T, trigger string, token func(context.Context) (string, error), again func(pubsubrelay.Push) bool) (topic, deadLetters string) {
	t.Helper()
	most := int32(1000)
	if trigger == "strict" {
		most = 5
	}
	topic, deadLetters = "projects/demo/topics/"+trigger, "projects/demo/topics/"+trigger+"-dead"
	subscription := "projects/demo/subscriptions/" + trigger
	for _, name := range []string{topic, deadLetters} {
		if _, err := m.pubsub.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.pubsub.GServer.CreateSubscription(t.Context(), &pubsubpb.Subscription{
		Name: subscription, Topic: topic, AckDeadlineSeconds: 10,
		DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{DeadLetterTopic: deadLetters, MaxDeliveryAttempts: most},
	}); err != nil {
		t.Fatal(err)
	}
	connection, err := grpc.NewClient(m.pubsub.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	r := &pubsubrelay.Relay{
		Subscriber: pubsubpb.NewSubscriberClient(connection), Subscription: subscription,
		Endpoint: pubsubrelay.Endpoint{URL: m.server.url + "/api/v1/triggers/" + trigger, Token: token},
		Backoff:  backoff.Backoff{Min: 10 * time.Millisecond, Max: 200 * time.Millisecond},
		Again:    again,
		Pushed:   m.note,
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = connection.Close()
	})
	return topic, deadLetters
}

func (m *mill) note(p pubsubrelay.Push) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pushes = append(m.pushes, p)
}

// statuses returns the answers to the pushes of a message, in order; 0 stands for none.
func (m *mill) statuses(message string) (statuses []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.pushes {
		if p.Message == message {
			statuses = append(statuses, p.Answer.Status)
		}
	}
	return statuses
}

// acknowledged waits until a message is acknowledged.
func (m *mill) acknowledged(t *testing.T, message string) {
	t.Helper()
	eventually.True(t, "message "+message+" is acknowledged", func() bool { return m.pubsub.Message(message).Acks > 0 })
}

// runs waits until the job has run at least so often and every invocation has ended, and returns
// the arguments of the runs, sorted.
func (m *mill) runs(t *testing.T, least int) []string {
	t.Helper()
	eventually.True(t, fmt.Sprintf("the job has run %d times", least), func() bool { return len(m.lines()) >= least })
	client := &runwith.Client{Server: m.server.url, Credential: m.token}
	for i, err := range client.Invocations(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		end, err := client.Wait(t.Context(), i.ID)
		if err != nil {
			t.Fatal(err)
		}
		if end.State != runwith.StateSucceeded {
			t.Errorf("state of invocation %s = %s, want succeeded", i.ID, end.State)
		}
		if end.Source == nil || end.Source.Trigger == "" {
			t.Errorf("source of invocation %s = %+v, want a trigger", i.ID, end.Source)
		}
	}
	return m.lines()
}

func (m *mill) lines() []string {
	text, _ := os.ReadFile(m.ran) // missing before the first run
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	slices.Sort(lines)
	return lines
}

// pubsubMessages are published by the tests, and the runs that they ask for.
var pubsubMessages = []struct {
	data       string
	attributes map[string]string
	run        string
}{
	{`{"bucket":"a","size":80}`, map[string]string{"name": "x y.png"}, "--bucket=a --name=x y.png --size=80"},
	{`{"bucket":"b"}`, map[string]string{"name": "--force", "Idempotency-Key": "one", "x-goog-pubsub-message-id": "1", "Prefer": "wait=60"}, "--bucket=b --name=--force --size=160"},
	{`{"bucket":"c"}`, map[string]string{"name": "$(id)", "Idempotency-Key": "one", "x-goog-pubsub-message-id": "1", "Authorization": "Bearer x"}, "--bucket=c --name=$(id) --size=160"},
}

// publishAll publishes the messages, and returns their IDs and the runs that they ask for.
func (m *mill) publishAll(topic string) (messages, runs []string) {
	for _, message := range pubsubMessages {
		messages = append(messages, m.pubsub.Publish(topic, []byte(message.data), message.attributes))
		runs = append(runs, message.run)
	}
	slices.Sort(runs)
	return messages, runs
}

// checkEachOnce publishes messages whose first two acknowledgements get lost, and wants one run of each.
func (m *mill) checkEachOnce(t *testing.T) {
	t.Helper()
	topic, _ := m.push(t, "uploads", m.token, func(p pubsubrelay.Push) bool { return p.Attempt <= 2 })
	messages, want := m.publishAll(topic)
	for _, message := range messages {
		m.acknowledged(t, message)
		if got := m.statuses(message); len(got) != 3 {
			t.Errorf("pushes of message %s were answered with %v, want three answers that acknowledge", message, got)
		}
	}
	if got := m.runs(t, len(want)); !slices.Equal(got, want) {
		t.Errorf("the job ran with\n%q, want\n%q", got, want)
	}
}

// TestPubSubStartsEachMessageOnce pushes messages to `serve`, again and again.
func TestPubSubStartsEachMessageOnce(t *testing.T) {
	t.Parallel()
	startMill(t).checkEachOnce(t)
}

// TestPubSubToUp does the same with `runwith up`, which issues the tokens too.
func TestPubSubToUp(t *testing.T) {
	t.Parallel()
	m := newMill(t)
	m.configure(t, "http://127.0.0.1:1") // until the address is known
	data := filepath.Join(filepath.Dir(m.ran), "up")
	m.server = m.start(t, data, "up", "--addr", "127.0.0.1:0", "--runner", "process", "--data", data, "--job", m.job(), "--config", m.config)
	m.engine, m.token = m.server, idtoken.Cached(idtoken.Metadata(m.server.addr()), "push")
	m.configure(t, m.server.url)
	client := &runwith.Client{Server: m.server.url, Credential: m.token}
	eventually.NoError(t, func() error {
		for _, err := range client.Invocations(t.Context(), nil) {
			return err
		}
		return nil
	})
	m.checkEachOnce(t)
}

// TestPubSubTransientComesBack pushes a message while Cloud Run is away, and then while the invoker is.
func TestPubSubTransientComesBack(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	m := startMill(t)
	if _, err := m.token(t.Context()); err != nil { // it must outlast the engine
		t.Fatal(err)
	}
	topic, _ := m.push(t, "uploads", m.token, nil)
	if err := m.engine.kill(); err != nil {
		t.Fatal(err)
	}
	first := m.pubsub.Publish(topic, []byte(`{"bucket":"a"}`), map[string]string{"name": "first"})
	eventually.True(t, "the push is answered with 503", func() bool { return slices.Contains(m.statuses(first), http.StatusServiceUnavailable) })
	m.startEngine(t, m.engine.addr())
	m.acknowledged(t, first)
	if err := m.server.kill(); err != nil {
		t.Fatal(err)
	}
	second := m.pubsub.Publish(topic, []byte(`{"bucket":"a"}`), map[string]string{"name": "second"})
	eventually.True(t, "the push gets no answer", func() bool { return slices.Contains(m.statuses(second), 0) })
	m.startServe(t, m.server.addr())
	m.acknowledged(t, second)
	want := []string{"--bucket=a --name=first --size=160", "--bucket=a --name=second --size=160"}
	if got := m.runs(t, 2); !slices.Equal(got, want) {
		t.Errorf("the job ran with %q, want %q", got, want)
	}
}

// TestPubSubNeedsItsToken pushes without a token, and with one for another audience.
func TestPubSubNeedsItsToken(t *testing.T) {
	t.Parallel()
	m := startMill(t)
	for trigger, test := range map[string]struct {
		token func(context.Context) (string, error)
		want  int
	}{
		"uploads": {nil, http.StatusUnauthorized},
		"strict":  {idtoken.Cached(idtoken.Metadata(m.engine.addr()), "another"), http.StatusUnauthorized},
	} {
		topic, _ := m.push(t, trigger, test.token, nil)
		message := m.pubsub.Publish(topic, []byte(`{"bucket":"a"}`), map[string]string{"name": "x"})
		eventually.True(t, "the message comes back", func() bool { return len(m.statuses(message)) > 2 })
		for _, status := range m.statuses(message) {
			if status != test.want {
				t.Errorf("push to %s was answered with %d, want %d", trigger, status, test.want)
			}
		}
	}
	if got := m.lines(); !slices.Equal(got, []string{""}) {
		t.Errorf("the job ran with %q, want no run", got)
	}
}
