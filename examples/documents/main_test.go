package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/runwith/runwith/examples/internal/up"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/testneed"
)

// TestMain lets the test's own binary be the example, so that the job's process is one too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "job" || os.Args[1] == "serve") {
		if os.Args[1] == "serve" {
			os.Args = append(os.Args[:1], os.Args[2:]...)
		}
		main()
		return
	}
	var err error
	if built, err = os.MkdirTemp("", "runwith-"); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	_ = os.RemoveAll(built)
	os.Exit(code)
}

// built is the folder of what the tests build; TestMain removes it.
var built string

// program is runwith, built once for all tests.
var program = sync.OnceValues(func() (string, error) { return up.Build(context.Background(), built) })

// example is a process of the example.
type example struct {
	api, server string // URLs
	process     *exec.Cmd
	output      *output
}

// output is what a process has said.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start runs the example on free ports.
func start(t *testing.T, args ...string) *example {
	t.Helper()
	return startProcess(t, nil, args...)
}

func startProcess(t *testing.T, how *syscall.SysProcAttr, args ...string) *example {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("NOT TESTED: tasks run on Linux and macOS alone")
	}
	built, err := program()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"serve", "-addr", "127.0.0.1:0", "-server-addr", "127.0.0.1:0", "-runwith", built}, args...)
	x := &example{process: exec.Command(self, args...), output: &output{}}
	x.process.Stderr, x.process.SysProcAttr = x.output, how
	x.process.Env = append(os.Environ(), "RUNWITH_SERVER=", "DOCUMENTS=", "K_SERVICE=", "CALLBACK_SECRET=")
	if err := x.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.process.Process.Kill() })
	ready := regexp.MustCompile(`(?m)^(documents|runwith \| runwith) is ready at (\S+)$`)
	eventually.True(t, "the example is ready", func() bool {
		for _, found := range ready.FindAllStringSubmatch(x.output.String(), -1) {
			if found[1] == "documents" {
				x.api = found[2]
			} else {
				x.server = found[2]
			}
		}
		return x.api != "" && x.server != ""
	})
	return x
}

// stop ends the example as Ctrl-C in a script does, and checks that it ends well.
func (x *example) stop(t *testing.T) {
	t.Helper()
	if err := x.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := x.process.Wait(); err != nil {
		t.Errorf("the example ends with %v:\n%s", err, x.output)
	}
}

// shown is a document as the API shows it.
type shown struct {
	ID, Tenant, State, Invocation, Error string
	Result                               *result
}

// send sends a document.
func (x *example) send(t *testing.T, tenant, text string) (status int, d shown) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"tenant": tenant, "text": text})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(x.api+"/documents", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, read(t, response)
}

func read(t *testing.T, response *http.Response) (d shown) {
	t.Helper()
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (x *example) get(t *testing.T, id string) shown {
	t.Helper()
	response, err := http.Get(x.api + "/documents/" + id)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, response)
}

// ended waits for the end of a document.
func (x *example) ended(t *testing.T, id string) (d shown) {
	t.Helper()
	eventually.True(t, "document "+id+" has ended", func() bool {
		d = x.get(t, id)
		return d.State == done || d.State == failed
	})
	return d
}

// TestDocuments sends documents that can be processed, one that cannot, and requests that are
// refused.
func TestDocuments(t *testing.T) {
	t.Parallel()
	x := start(t)
	var ids []string
	for i := range 5 {
		status, d := x.send(t, "acme", strings.Repeat("word ", i+1)+"\nend")
		if status != http.StatusAccepted || d.ID == "" || d.Tenant != "acme" {
			t.Fatalf("POST = %d %+v, want it accepted", status, d)
		}
		ids = append(ids, d.ID)
	}
	for i, id := range ids {
		if d := x.ended(t, id); d.State != done || d.Result == nil || *d.Result != (result{Words: i + 2, Lines: 2}) {
			t.Errorf("document %d is %+v with %+v, want it done", i, d, d.Result)
		}
	}
	_, bad := x.send(t, "acme", "")
	if d := x.ended(t, bad.ID); d.State != failed || d.Error != "task 0 exited with code 1 in its only attempt" {
		t.Errorf("a document without words is %+v, want it failed with its exit code", d)
	}
	for tenant, want := range map[string]int{"": 400, "Acme": 400, "../x": 400, "a b": 400, "--flag": 400} {
		if status, d := x.send(t, tenant, "x"); status != want || d.Error == "" {
			t.Errorf("POST for tenant %q = %d %+v, want %d", tenant, status, d, want)
		}
	}
	for _, id := range []string{"none", strings.Repeat("a", 26), "..%2f..%2fx"} {
		if d := x.get(t, id); d.Error == "" || d.ID != "" {
			t.Errorf("document %s is %+v, want none", id, d)
		}
	}
	x.stop(t)
}

// TestCallbacksMustBeSigned sends events that somebody else has made.
func TestCallbacksMustBeSigned(t *testing.T) {
	t.Parallel()
	x := start(t)
	event := `{"type":"invocation.failed","data":{"id":"x","state":"failed","version":99,"labels":{"document":"x"}}}`
	for name, header := range map[string]http.Header{
		"unsigned": {},
		"forged": {
			"Webhook-Id": {"e"}, "Webhook-Timestamp": {fmt.Sprint(time.Now().Unix())},
			"Webhook-Signature": {"v1," + strings.Repeat("A", 43) + "="},
		},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, x.api+"/callbacks", strings.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: POST /callbacks = %d, want 401", name, response.StatusCode)
		}
	}
	x.stop(t)
}

// block finds the commands to try in the README.
var block = regexp.MustCompile("(?s)<!-- try -->\n```sh\n(.*?)```")

// TestReadme runs the commands of the README, against a process of the example.
func TestReadme(t *testing.T) {
	t.Parallel()
	testneed.Tool(t, "curl")
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := block.FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 2 {
		t.Fatalf("README.md has %d blocks to try, want 2", len(blocks))
	}
	x := start(t)
	built, err := program()
	if err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer("http://127.0.0.1:8090", x.api, "go run ./cmd/runwith", built)
	for i, want := range []string{`"state":"done","invocation":"[^"]+","result":{"words":4,"lines":1}}`,
		`"state":"failed","invocation":"[^"]+","error":"task 0 exited with code 1 in its only attempt"}`} {
		shell := exec.Command("sh", "-euc", here.Replace(blocks[i][1])+"\necho $ID")
		shell.Env = append(os.Environ(), "RUNWITH_SERVER="+x.server)
		shell.Stderr = t.Output()
		out, err := shell.Output()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		id := lines[len(lines)-1]
		x.ended(t, id)
		response, err := http.Get(x.api + "/documents/" + id)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if !regexp.MustCompile(want).Match(body) {
			t.Errorf("document of block %d is %s, want %s; the block printed\n%s", i, body, want, out)
		}
	}
	x.stop(t)
}

// TestReadmeNamesFiles checks that the README's table has all files.
func TestReadmeNamesFiles(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file == "README.md" || file == "main.go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		if !strings.Contains(string(text), "["+file+"]("+file+")") {
			t.Errorf("README.md does not name %s", file)
		}
	}
}
