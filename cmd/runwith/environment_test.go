package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/runwith/runwith/internal/testneed"
)

// serverCommands returns the commands of servers.
func serverCommands(t *testing.T) (all []*cobra.Command) {
	t.Helper()
	for _, cmd := range newRoot().Commands() {
		if slices.Contains([]string{"up", "engine", "serve"}, cmd.Name()) {
			all = append(all, cmd)
		}
	}
	if len(all) != 3 {
		t.Fatalf("there are %d servers, want 3", len(all))
	}
	return all
}

// Every flag of every server has a variable that sets it, and that help and
// docs/server.md name.
func TestVariablesSetFlags(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "server.md"))
	if err != nil {
		t.Fatal(err)
	}
	servers := map[string][]string{} // by variable and flag
	for _, cmd := range serverCommands(t) {
		cmd.InheritedFlags() // makes Flags complete
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" {
				return
			}
			row := fmt.Sprintf("| `%s` | `--%s` |", variableOf(f.Name), f.Name)
			servers[row] = append(servers[row], "`"+cmd.Name()+"`")
			if !strings.Contains(f.Usage, variableOf(f.Name)) && f.Name != "verbose" {
				t.Errorf("%s --%s: help does not name %s", cmd.Name(), f.Name, variableOf(f.Name))
			}
			if f.Changed && f.Name != "verbose" { // which all commands share
				t.Fatalf("%s --%s is set already", cmd.Name(), f.Name)
			}
			value := map[string]string{"bool": "true", "int": "7", "int64": "7", "uint64": "7", "duration": "7s", "format": "json"}[f.Value.Type()]
			if value == "" {
				value = "/seven"
			}
			if err := readEnvironment(cmd, []string{variableOf(f.Name) + "=" + value}); err != nil {
				t.Errorf("%s=%s: %v", variableOf(f.Name), value, err)
			}
			if got := strings.Trim(f.Value.String(), "[]"); !f.Changed || got != value {
				t.Errorf("%s=%s sets %s --%s to %q", variableOf(f.Name), value, cmd.Name(), f.Name, got)
			}
		})
	}
	var want []string
	for row, names := range servers {
		slices.SortFunc(names, func(a, b string) int { return order(a) - order(b) })
		want = append(want, row+" "+strings.Join(names, ", ")+" |")
	}
	slices.Sort(want)
	got := regexp.MustCompile("(?m)^\\| `RUNWITH_.*$").FindAllString(string(document), -1)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/server.md differs from the program (-want +got):\n%s", diff)
	}
}

// order is the order of the servers in docs.
func order(server string) int { return slices.Index([]string{"`up`", "`engine`", "`serve`"}, server) }

func TestReadEnvironment(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args, environment []string
		flag, want        string
		failure, warning  string
	}{
		"set":               {nil, []string{"RUNWITH_MAX_TASKS=3"}, "max-tasks", "3", "", ""},
		"flag precedes":     {[]string{"--max-tasks", "5"}, []string{"RUNWITH_MAX_TASKS=3"}, "max-tasks", "5", "", ""},
		"empty":             {nil, []string{"RUNWITH_MAX_TASKS="}, "max-tasks", "64", "", ""},
		"one of several":    {nil, []string{"RUNWITH_CONCURRENCY=a=1"}, "concurrency", "[a=1]", "", ""},
		"several":           {nil, []string{"RUNWITH_IMAGE=a=sh -c 'x; y, z'\nb=true\n"}, "image", `["a=sh -c 'x; y, z'",b=true]`, "", ""},
		"boolean":           {nil, []string{"RUNWITH_STOP_TASKS=true"}, "stop-tasks", "true", "", ""},
		"bad value":         {nil, []string{"RUNWITH_KEEP=soon"}, "keep", "", `RUNWITH_KEEP: --keep "soon": must be a duration, such as 90s or 1h`, ""},
		"bad number":        {nil, []string{"RUNWITH_MAX_TASKS=x"}, "max-tasks", "", `RUNWITH_MAX_TASKS: --max-tasks "x": must be a whole number`, ""},
		"bad boolean":       {nil, []string{"RUNWITH_STOP_TASKS=maybe"}, "stop-tasks", "", `RUNWITH_STOP_TASKS: --stop-tasks "maybe": must be true or false`, ""},
		"typo":              {nil, []string{"RUNWITH_MAX_TASK=3"}, "max-tasks", "64", "", "RUNWITH_MAX_TASK is ignored: no flag of a server has that name; did you mean RUNWITH_MAX_TASKS?"},
		"unlike any":        {nil, []string{"RUNWITH_FOO=3"}, "max-tasks", "64", "", "RUNWITH_FOO is ignored: no flag of a server has that name"},
		"another server's":  {nil, []string{"RUNWITH_ENDPOINT=google"}, "max-tasks", "64", "", ""},
		"a client's":        {nil, []string{"RUNWITH_SERVER=x", "RUNWITH_INVOCATION=x", "RUNWITH_TEST_REQUIRE=x"}, "max-tasks", "64", "", ""},
		"another program's": {nil, []string{"MAX_TASKS=3", "RUNWITH=3"}, "max-tasks", "64", "", ""},
	} {
		root := newRoot()
		var warned bytes.Buffer
		root.SetErr(&warned)
		up, _, err := root.Find([]string{"up"})
		if err != nil {
			t.Fatal(err)
		}
		if err := up.ParseFlags(test.args); err != nil {
			t.Fatal(err)
		}
		err = readEnvironment(up, test.environment)
		failure := "<nil>"
		if test.failure != "" {
			failure = test.failure
		}
		if got := fmt.Sprint(err); got != failure {
			t.Errorf("%s: error = %s, want %s", name, got, failure)
		}
		if got := up.Flags().Lookup(test.flag).Value.String(); test.failure == "" && got != test.want {
			t.Errorf("%s: --%s = %s, want %s", name, test.flag, got, test.want)
		}
		if got := strings.TrimPrefix(strings.TrimSpace(warned.String()), "runwith: "); got != test.warning {
			t.Errorf("%s: warning = %q, want %q", name, got, test.warning)
		}
	}
}

// The unit of systemd, and the commands in docs/server.md, have only variables and command
// lines that runwith knows.
func TestServerDocuments(t *testing.T) {
	t.Parallel()
	unit := filepath.Join(deployFolder, "runwith.service")
	known := map[string]bool{}
	for _, cmd := range serverCommands(t) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known[variableOf(f.Name)] = true })
	}
	for _, path := range []string{unit, filepath.Join("..", "..", "docs", "server.md")} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile(`RUNWITH_[A-Z_]*[A-Z]`).FindAllString(string(text), -1)
		if len(named) == 0 {
			t.Errorf("%s names no variable", path)
		}
		for _, name := range slices.Sorted(maps.Keys(setOf(named))) {
			if !known[name] && name != "RUNWITH_VERBOSE" {
				t.Errorf("%s names %s, which sets nothing", path, name)
			}
		}
		for _, line := range regexp.MustCompile(`(?m)^(?:ExecStart=/usr/local/bin/)?runwith .*$`).FindAllString(string(text), -1) {
			if err := understands(strings.TrimPrefix(line, "ExecStart=/usr/local/bin/")); err != nil {
				t.Errorf("%s: %q: %v", path, line, err)
			}
		}
	}
	checkUnit(t, unit)
}

func setOf(names []string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// checkUnit asks systemd whether it understands the unit.
func checkUnit(t *testing.T, path string) {
	t.Helper()
	systemd := testneed.Tool(t, "systemd-analyze")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	here := filepath.Join(t.TempDir(), "runwith.service")
	runnable := strings.Replace(string(text), "/usr/local/bin/runwith", "/bin/true", 1)
	if err := os.WriteFile(here, []byte(runnable), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(systemd, "verify", here).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify = %v\n%s", err, out)
	}
}
