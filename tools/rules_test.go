// Package tools_test proves the import rules in .golangci.yml: it breaks each of them in a
// scratch workspace and requires the linters to say so, with the reason of the rule.
package tools_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const module = "github.com/runwith/runwith"

// A config is the part of .golangci.yml that holds the rules.
type config struct {
	Linters struct {
		Settings struct {
			Depguard struct {
				Rules map[string]rule `yaml:"rules"`
			} `yaml:"depguard"`
			Forbidigo struct {
				Forbid []struct {
					Pattern string `yaml:"pattern"`
					Message string `yaml:"msg"`
				} `yaml:"forbid"`
			} `yaml:"forbidigo"`
		} `yaml:"settings"`
	} `yaml:"linters"`
}

// A rule is a list of depguard's.
type rule struct {
	Files []string `yaml:"files"`
	Allow []string `yaml:"allow"`
	Deny  []struct {
		Package string `yaml:"pkg"`
		Reason  string `yaml:"desc"`
	} `yaml:"deny"`
}

func readConfig(t *testing.T) (c config, text []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Linters.Settings.Depguard.Rules) == 0 || len(c.Linters.Settings.Forbidigo.Forbid) == 0 {
		t.Fatal(".golangci.yml: no rules found")
	}
	return c, text
}

// A workspace is a GOPATH with sources that break rules, so that no module is needed.
type workspace struct {
	root  string
	files int
}

// write writes a file of the module.
func (w *workspace) write(t *testing.T, name, text string) {
	t.Helper()
	w.writeSource(t, path.Join(module, name), text)
}

func (w *workspace) writeSource(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(w.root, "src", filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// imports writes a file that imports a package, and returns its name. The folder comes from a
// file pattern of depguard's.
func (w *workspace) imports(t *testing.T, pattern, denied string) string {
	t.Helper()
	w.files++
	name := strings.NewReplacer("${base-path}/", "", "**/{common,", "elsewhere/{common,", "$all", "elsewhere/**").Replace(pattern)
	if before, after, ok := strings.Cut(name, "{"); ok { // the first of several names
		first, _, _ := strings.Cut(after, ",")
		_, after, _ = strings.Cut(after, "}")
		name = before + first + after
	}
	name = strings.NewReplacer("*.go", "", "/**", "/below/").Replace(name)
	if !strings.HasSuffix(name, ".go") {
		name += fmt.Sprintf("x%d.go", w.files)
	}
	w.write(t, name, fmt.Sprintf("package x\n\nimport _ %q\n", w.stub(t, denied)))
	return name
}

// stub returns a package that a pattern of depguard's denies. A package outside of the standard
// library is made, without imports of its own, so that no cycle hides a rule.
func (w *workspace) stub(t *testing.T, denied string) string {
	t.Helper()
	denied, exact := strings.CutSuffix(denied, "$")
	switch {
	case denied == "$gostd" || denied == "gostd":
		return "strings"
	case !strings.Contains(denied, "."):
		return denied
	case !exact:
		denied += "/leaf"
	}
	w.writeSource(t, denied+"/stub.go", "package x\n")
	return denied
}

// An issue is what a linter reports.
type issue struct {
	Text       string
	FromLinter string
	Pos        struct{ Filename string }
}

// lint runs the linters that enforce rules, and returns their issues by file.
func (w *workspace) lint(t *testing.T) map[string][]issue {
	t.Helper()
	binary, err := exec.Command("go", "tool", "-n", "golangci-lint").Output()
	if err != nil {
		t.Fatal(err)
	}
	lint := exec.Command(strings.TrimSpace(string(binary)), "run", "--output.json.path", "stdout", "--show-stats=false", "--issues-exit-code", "0",
		"--enable-only", "depguard,forbidigo,gochecknoglobals,gochecknoinits,godoclint,revive", "./...")
	lint.Dir = filepath.Join(w.root, "src", filepath.FromSlash(module))
	lint.Env = append(os.Environ(), "GO111MODULE=off", "GOFLAGS=", "GOPATH="+w.root)
	out, err := lint.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("golangci-lint: %v\n%s%s", err, out, failed.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	var report struct{ Issues []issue }
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("golangci-lint: %v\n%s", err, out)
	}
	byFile := map[string][]issue{}
	for _, i := range report.Issues {
		if i.FromLinter == "typecheck" {
			t.Fatalf("the workspace does not compile: %s: %s", i.Pos.Filename, i.Text)
		}
		name := filepath.ToSlash(i.Pos.Filename)
		byFile[name] = append(byFile[name], i)
	}
	return byFile
}

// An expectation is an issue that a linter must report for a file, or must not.
type expectation struct {
	file, linter, text string
	allowed            bool // the text must not be reported
}

// TestRules breaks each rule once, and uses each exception.
func TestRules(t *testing.T) {
	c, text := readConfig(t)
	w := &workspace{root: t.TempDir()}
	w.write(t, ".golangci.yml", string(text))
	expected := slices.Concat(w.breakImports(t, c), w.breakOthers(t))
	issues := w.lint(t)
	reported := map[string]bool{}
	for _, e := range expected {
		has := slices.ContainsFunc(issues[e.file], func(i issue) bool { return i.FromLinter == e.linter && strings.Contains(i.Text, e.text) })
		if has == e.allowed {
			t.Errorf("%s: %s reports %q: %t, want %t; it reports %v", e.file, e.linter, e.text, has, !e.allowed, issues[e.file])
		}
		reported[e.text] = reported[e.text] || has
	}
	for _, f := range c.Linters.Settings.Forbidigo.Forbid {
		if !reported[f.Message] {
			t.Errorf("forbidigo: nothing in the test breaks %q", f.Pattern)
		}
	}
}

// breakImports writes a file for each package that a rule denies, in each folder of the rule and
// in each folder that the rule leaves out.
func (w *workspace) breakImports(t *testing.T, c config) (expected []expectation) {
	t.Helper()
	for name, r := range c.Linters.Settings.Depguard.Rules {
		patterns := slices.DeleteFunc(slices.Clone(r.Files), func(p string) bool { return p == "!$test" })
		if !slices.ContainsFunc(patterns, func(p string) bool { return !strings.HasPrefix(p, "!") }) {
			patterns = append(patterns, "$all")
		}
		for _, pattern := range patterns {
			pattern, allowed := strings.CutPrefix(pattern, "!")
			for _, d := range r.Deny {
				text := fmt.Sprintf("is not allowed from list '%s'", name)
				if !allowed {
					text += ": " + d.Reason
				}
				expected = append(expected, expectation{w.imports(t, pattern, d.Package), "depguard", text, allowed})
			}
			for _, p := range r.Allow {
				text := fmt.Sprintf("is not allowed from list '%s'", name)
				expected = append(expected, expectation{w.imports(t, pattern, p), "depguard", text, true})
			}
		}
	}
	return expected
}

// breakOthers writes files that break the other rules, and files that may do what the others may not.
func (w *workspace) breakOthers(t *testing.T) (expected []expectation) {
	t.Helper()
	w.writeSource(t, "google.golang.org/grpc/server.go", "package grpc\n\nfunc NewServer() {}\n")
	w.writeSource(t, "cloud.google.com/go/run/apiv2/runpb/server.go", "package runpb\n\nfunc RegisterJobsServer() {}\n\nvar Jobs_ServiceDesc int\n")
	const (
		clock     = "this package is pure: no I/O, no clock"
		clocks    = "two clocks: compare times of rows with the store's clock, and use the functions of invoker/clock.go"
		flags     = "flags are read only in a main package; pass the value in through a Config"
		env       = "the environment is read only in cmd/runwith; pass the value in through a Config"
		prints    = "only a main package prints or exits; return the error, or use the writer that was passed in"
		logs      = "only a main package prints or exits; use the logger that was passed in"
		starts    = "a runner starts processes, because it also ends them"
		server    = "engine/api is the only gRPC server"
		runpb     = "cloud.google.com/go/run/apiv2/runpb"
		grpc      = "google.golang.org/grpc"
		elsewhere = "elsewhere"
	)
	for _, u := range []struct{ imports, use, text, allowed string }{
		{"os", "os.Args", flags, "bench"},
		{"os", "os.Getenv", env, "cmd/runwith"},
		{"os", "os.LookupEnv", env, "examples/test-job"},
		{"os", "os.UserHomeDir", env, "internal/testneed"},
		{"syscall", "syscall.Environ", env, "internal/engine/runner/process"},
		{"os", "os.Exit", prints, "cmd/runwith"},
		{"os", "os.Stdout", prints, "examples/test-job"},
		{"fmt", "fmt.Println", prints, "deploy/images"},
		{"log/slog", "slog.Default", logs, "cmd/runwith"},
		{"os/exec", "exec.Command", starts, "internal/image"},
		{"os", "os.StartProcess", starts, "internal/engine/runner/process"},
		{grpc, "grpc.NewServer", server, "internal/engine/api"},
		{runpb, "runpb.RegisterJobsServer", server, "internal/engine/api/v1"},
		{runpb, "runpb.Jobs_ServiceDesc", server, "bench/floor"},
		{"time", "time.Now", clock, "internal/engine"},
		{"time", "time.NewTimer", clock, "internal/invoker"},
		{"time", "time.Until", clock, "internal/invoker/auth"},
		{"time", "time.Since", clocks, "internal/invoker/console"},
	} {
		refused := []string{elsewhere}
		switch u.text {
		case clocks:
			refused = []string{"internal/invoker", "internal/invoker/callback", "internal/invoker/inbox", "internal/invoker/schedule", "internal/invoker/trigger"}
		case clock:
			refused = []string{"internal/jobspec", "internal/jsonnames", "internal/metrics", "internal/principal", "internal/suggest", "internal/engine/api/partial", "internal/engine/fault", "internal/engine/googlejson", "internal/engine/knative", "internal/engine/logfilter", "internal/invoker/ledger", "internal/invoker/policy", "internal/invoker/schedule/cron", "internal/invoker/usage"}
		}
		for _, folder := range refused {
			expected = append(expected, expectation{w.uses(t, folder, u.imports, u.use), "forbidigo", u.text, false})
		}
		expected = append(expected, expectation{w.uses(t, u.allowed, u.imports, u.use), "forbidigo", u.text, true})
	}
	for _, b := range []struct{ file, text, linter, want string }{
		{"a/init.go", "// Package a has a func init.\npackage a\n\nfunc init() {}\n", "gochecknoinits", "init"},
		{"b/unset.go", "// Package b is state.\npackage b\n\nvar counter int\n", "gochecknoglobals", "counter"},
		{"c/empty.go", "// Package c is state.\npackage c\n\nvar jobs = map[string]int{}\n", "gochecknoglobals", "jobs"},
		{"d/made.go", "// Package d is state.\npackage d\n\nvar ready = make(chan int)\n", "gochecknoglobals", "ready"},
		{"e/pointer.go", "// Package e is state.\npackage e\n\nvar config = &struct{ n int }{n: 1}\n", "gochecknoglobals", "config"},
		{"f/new.go", "// Package f is state.\npackage f\n\nvar latest = new(1)\n", "gochecknoglobals", "latest"},
		{"g/bare.go", "package g\n", "godoclint", "package should have a godoc"},
		{"h/one.go", "// Package h has a comment.\npackage h\n", "godoclint", "package has more than one godoc"},
		{"h/two.go", "// Package h has two.\npackage h\n", "godoclint", "package has more than one godoc"},
		{"i/other.go", "// Something else.\npackage i\n", "godoclint", "package godoc should start with"},
		{"j/long.go", "// Package j is long.\npackage j\n" + strings.Repeat("\n// and more\n", 300), "revive", "file length is"},
		{"k/long_test.go", "package k\n" + strings.Repeat("\n// and more\n", 300), "revive", "file length is"},
		{"helper/helper_x.go", "// Package helper helps.\npackage helper\n", "revive", "helper"},
	} {
		w.write(t, b.file, b.text)
		expected = append(expected, expectation{file: b.file, linter: b.linter, text: b.want})
	}
	w.write(t, "l/table.go", "// Package l has constant tables.\npackage l\n\nvar names = []string{\"a\"}\n\nvar ages = map[string]int{\n\t\"a\": 1,\n}\n")
	return append(expected, expectation{file: "l/table.go", linter: "gochecknoglobals", text: "global", allowed: true},
		expectation{file: w.imports(t, "$all", "example.org/heavy"), linter: "depguard", text: "from list 'a-new-module-needs-a-rule'"})
}

// uses writes a file that uses a name of an import, and returns its name.
func (w *workspace) uses(t *testing.T, folder, imports, use string) string {
	t.Helper()
	w.files++
	name := path.Join(folder, fmt.Sprintf("x%d.go", w.files))
	// Under another name, because the rules are about packages.
	_, selector, _ := strings.Cut(use, ".")
	w.write(t, name, fmt.Sprintf("package x\n\nimport renamed %q\n\nfunc f%d() any { x := renamed.%s; return x }\n", imports, w.files, selector))
	return name
}

// TestModulesHaveRules requires a rule for each module that may be used at all.
func TestModulesHaveRules(t *testing.T) {
	c, _ := readConfig(t)
	rules := c.Linters.Settings.Depguard.Rules
	denied := map[string]bool{}
	for r := range maps.Values(rules) {
		for _, d := range r.Deny {
			denied[strings.TrimSuffix(d.Package, "$")] = true
		}
	}
	for _, allowed := range rules["a-new-module-needs-a-rule"].Allow {
		covered := slices.ContainsFunc(slices.Collect(maps.Keys(denied)), func(d string) bool { return strings.HasPrefix(d, allowed) || strings.HasPrefix(allowed, d) })
		if allowed != "$gostd" && !covered {
			t.Errorf(".golangci.yml: %s is allowed, and no rule says where", allowed)
		}
	}
}
