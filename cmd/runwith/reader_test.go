package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// reader is somebody who tries what the README says.
type reader struct {
	dir    string
	server *server // the last one started
	output string  // of the last command
}

// command runs a command, or starts it if it serves.
func (r *reader) command(t *testing.T, b block, command string) {
	t.Helper()
	if _, ok := notRun[command]; ok {
		return
	}
	if command == "runwith up" || strings.HasPrefix(command, "runwith up ") {
		r.up(t, command)
		return
	}
	want, ok := shown(command)
	if !ok {
		t.Errorf("README.md:%d: no row of shows or notRun says what comes of %q", b.line, command)
		return
	}
	output, err := r.shell(command).CombinedOutput()
	if err != nil || !strings.Contains(string(output), want) {
		t.Errorf("README.md:%d: %s: %v, want %q in its output:\n%s", b.line, command, err, want, output)
	}
	r.output = string(output)
}

// shown is what a command must show, and false for one that nobody knows.
func shown(command string) (want string, ok bool) {
	for prefix, want := range shows {
		if strings.HasPrefix(command, prefix) {
			return want, true
		}
	}
	return "", false
}

// shell is a command in the reader's folder, for the reader's server.
func (r *reader) shell(command string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "HOME="+r.dir)
	if r.server != nil {
		cmd.Args[2] = strings.ReplaceAll(command, "127.0.0.1:8080", r.server.addr())
		cmd.Env = append(cmd.Env, "RUNWITH_SERVER="+r.server.url, "RUNWITH_ENDPOINT="+r.server.url)
	}
	return cmd
}

// up ends the server that runs and starts the next one, on a free port.
func (r *reader) up(t *testing.T, command string) {
	t.Helper()
	if r.server != nil {
		if err := r.server.stop(); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(r.dir, "data")
	s, err := startServer(r.shell("exec "+command+" --addr 127.0.0.1:0 --data "+data), data)
	if err != nil {
		t.Fatal(err)
	}
	r.server = s
	t.Cleanup(func() {
		if err := s.stop(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
	})
}

// file writes a snippet that names its file in a comment of its first line.
func (r *reader) file(t *testing.T, b block) {
	t.Helper()
	first, _, _ := strings.Cut(b.text, "\n")
	name, ok := strings.CutPrefix(first, "# ")
	if !ok || !filepath.IsLocal(name) {
		t.Fatalf("README.md:%d: a file's first line must be its name, # NAME", b.line)
	}
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// changing is what differs in the output of two runs.
var changing = regexp.MustCompile(`test-job-[a-z0-9]{5}| in [0-9.]+m?s`)

// sample looks for the lines of a sample, between its "...", in the output of the
// last command.
func (r *reader) sample(t *testing.T, b block) {
	t.Helper()
	rest := changing.ReplaceAllString(r.output, "*")
	for line := range strings.Lines(changing.ReplaceAllString(b.text, "*")) {
		if line == "...\n" {
			continue
		}
		_, behind, ok := strings.Cut(rest, line)
		if !ok {
			t.Errorf("README.md:%d: the line %q is not, or not there, in the output\n%s", b.line, line, r.output)
			continue
		}
		rest = behind
	}
}

// snippetProgram is what a Go snippet leaves out.
const snippetProgram = `package main

import (
	"context"
	"fmt"
	"log"

	"github.com/runwith/runwith"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	%s
	if err != nil {
		return err
	}
	fmt.Println(end.State)
	return nil
}
`

// snippet compiles a Go snippet in a module of its own and runs it: the state
// that it learns must be the one of its comment.
func (r *reader) snippet(t *testing.T, b block) {
	t.Helper()
	const client, state = "&runwith.Client{}", `end.State is "succeeded"`
	if !strings.Contains(b.text, client) || !strings.Contains(b.text, state) {
		t.Fatalf("README.md:%d: the snippet has no %s or no %s", b.line, client, state)
	}
	text := strings.ReplaceAll(b.text, client, fmt.Sprintf("&runwith.Client{Server: %q}", r.server.url))
	dir := t.TempDir()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"main.go": fmt.Sprintf(snippetProgram, text),
		"go.mod": fmt.Sprintf("module snippet\n\ngo 1.26.0\n\nrequire github.com/runwith/runwith v0.0.0\n\n"+
			"replace github.com/runwith/runwith => %q\n", root),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(testneed.Tool(t, "go"), "run", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil || string(output) != "succeeded\n" {
		t.Errorf("README.md:%d: the snippet ends with %v and prints\n%s", b.line, err, output)
	}
}
