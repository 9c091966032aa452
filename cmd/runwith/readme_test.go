package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// shows maps the beginning of a command in the README to its expected output.
var shows = map[string]string{
	"runwith demo":         "The job got what was asked for.",
	"runwith run test-job": "  ARG: arg-2\n",
	"curl -s http://127.0.0.1:8080/api/v1/jobs/test-job/invocations":                             `"state":"succeeded"`,
	"curl -s http://127.0.0.1:8080/v2/projects/demo/locations/us-east4/jobs/test-job/executions": `"completionTime":`,
	"printf ":             "2 of 2",
	"runwith usage":       "test-job",
	"runwith run nightly": "task 0, full\n",
}

// notRun are the commands of the README that no test can run, with the reason.
var notRun = map[string]string{
	"go test ./...": "it is what runs this test",
	"runwith gcloud -- run jobs execute test-job --wait":                         "it needs gcloud; TestGcloudItself runs it where that is",
	"runwith serve --config runwith.yaml --project my-project --region us-east4": "it needs a project on Google Cloud",
}

// TestReadme does what the README says, from its top to its end: it runs each
// command, in front of the server that was started last, writes each file,
// compiles and runs each Go snippet, and looks for each sample of output.
func TestReadme(t *testing.T) {
	t.Parallel()
	needProcesses(t)
	testneed.Tool(t, "curl")
	r := &reader{dir: t.TempDir()}
	for _, b := range blocks(t, filepath.Join("..", "..", "README.md")) {
		switch b.language {
		case "sh":
			for _, command := range commands(b.text) {
				r.command(t, b, command)
			}
		case "go":
			r.snippet(t, b)
		case "yaml":
			r.file(t, b)
		case "":
			r.sample(t, b)
		case "text": // a diagram
		default:
			t.Errorf("README.md:%d: no test knows what to do with a block of %q", b.line, b.language)
		}
	}
	// The last server has the job of the README's job file.
	r.command(t, block{}, "runwith run nightly")
}

// TestReadmeIsShort checks that a newcomer can read the README in one go.
func TestReadmeIsShort(t *testing.T) {
	t.Parallel()
	const most = 150
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines > most {
		t.Errorf("README.md has %d lines, want at most %d: move some to docs", lines, most)
	}
}

// TestEveryPackageIsOnTheMap checks that docs/architecture.md names the folder of each package.
func TestEveryPackageIsOnTheMap(t *testing.T) {
	t.Parallel()
	var layout string
	for _, b := range blocks(t, filepath.Join("..", "..", "docs", "architecture.md")) {
		if strings.Contains(b.text, "WING ONE") {
			layout = b.text
		}
	}
	root := filepath.Join("..", "..", "internal")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		name := filepath.Base(filepath.Dir(path))
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(layout) {
			t.Errorf("the layout in docs/architecture.md does not name %s", filepath.Dir(path))
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// block is one fenced block of a document.
type block struct {
	line           int
	language, text string
}

func blocks(t *testing.T, path string) (all []block) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var open *block
	for i, line := range strings.SplitAfter(string(text), "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{line: i + 1, language: strings.TrimSpace(language)}
		case fence:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line
		}
	}
	if open != nil || len(all) == 0 {
		t.Fatalf("%s: %d blocks, and one without an end: %v", path, len(all), open != nil)
	}
	return all
}

// commands are those of a shell snippet, as the test runs them: with the binary
// that it has, whether the README builds one or names it.
func commands(text string) []string {
	text = strings.ReplaceAll(text, "\\\n", " ")
	text = strings.ReplaceAll(text, "go run ./cmd/runwith", "runwith")
	return strings.Split(strings.TrimSpace(text), "\n")
}
