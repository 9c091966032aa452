package runwith_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// faultsOf inspects sources, by path.
func faultsOf(t *testing.T, sources map[string]string) []string {
	t.Helper()
	root := fstest.MapFS{}
	for name, text := range sources {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	files, err := readGoFiles(root)
	if err != nil {
		t.Fatal(err)
	}
	var faults []string
	for _, f := range inspect(files) {
		faults = append(faults, f.String())
	}
	return faults
}

// source is a file of the package in folder that uses what a table names, and
// breaks no other rule.
func source(folder, imports string) string {
	imports, name, _ := strings.Cut(strings.Replace(imports, "*", "X", 1), "#")
	if imports != "..." {
		imports = strings.Replace(imports, "/...", "/x", 1)
	}
	switch first, _, _ := strings.Cut(imports, "/"); first {
	case "internal", "cmd":
		imports = module + "/" + imports
	case "...":
		imports = "example.org/x"
	case "std":
		imports = "errors"
	}
	pkg := strings.NewReplacer(".", "p", "-", "p").Replace(path.Base(folder))
	text := fmt.Sprintf("// Package %s is a sample.\npackage %[1]s\n\nimport x %q\n", pkg, imports)
	if name != "" {
		text += fmt.Sprintf("\nfunc f() { _ = x.%s }\n", name)
	}
	return text
}

// refuses reports whether the package in folder may not use what a table names,
// for that table's reason.
func refuses(t *testing.T, folder, imports, why string) bool {
	t.Helper()
	folder = strings.TrimSuffix(folder, "/...")
	faults := faultsOf(t, map[string]string{path.Join(folder, "x.go"): source(folder, imports)})
	return slices.ContainsFunc(faults, func(fault string) bool { return strings.HasSuffix(fault, ": "+why) })
}

func TestEveryFenceStands(t *testing.T) {
	t.Parallel()
	for _, fence := range fences {
		for _, folder := range fence.packages {
			for _, imports := range fence.not {
				if !refuses(t, folder, imports, fence.why) {
					t.Errorf("%s may use %s, want it refused: %s", folder, imports, fence.why)
				}
			}
			for _, imports := range fence.but {
				if refuses(t, folder, imports, fence.why) {
					t.Errorf("%s may not use %s, want it allowed", folder, imports)
				}
			}
		}
	}
}

func TestEveryDoorIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	for _, door := range doors {
		for _, imports := range door.imports {
			if !refuses(t, "elsewhere", imports, door.why) {
				t.Errorf("any package may use %s, want it refused: %s", imports, door.why)
			}
			for _, folder := range door.only {
				if refuses(t, folder, imports, door.why) {
					t.Errorf("%s may not use %s, want it allowed", folder, imports)
				}
			}
		}
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	const engine, invoker = "internal/engine/x.go", "internal/invoker/x.go"
	tests := []struct {
		name    string
		sources map[string]string
		want    []string
	}{
		{
			name: "nothing wrong",
			sources: map[string]string{
				engine: "// Package engine runs jobs.\npackage engine\n\nimport \"" + module + "/internal/engine/runner\"\n\nvar _ runner.Runner = &place{}\n\nvar table = []int{1}\n\nfunc (place) init() {}\n",
			},
		},
		{
			name:    "an import at its line",
			sources: map[string]string{invoker: "// Package invoker starts jobs.\npackage invoker\n\nimport (\n\t\"fmt\"\n\n\te \"" + module + "/internal/engine\"\n)\n"},
			want:    []string{`internal/invoker/x.go:7: import "internal/engine": engine and invoker meet over the Cloud Run API alone`},
		},
		{
			name:    "a longer name is another package",
			sources: map[string]string{invoker: "// Package invoker starts jobs.\npackage invoker\n\nimport \"" + module + "/internal/engineer\"\n"},
		},
		{
			name:    "a module without a door",
			sources: map[string]string{engine: "// Package engine runs jobs.\npackage engine\n\nimport \"example.org/heavy/v2\"\n"},
			want: []string{
				`internal/engine/x.go:4: import "example.org/heavy/v2": no door leads in; add a row to doors in repo_test.go that says where it may be used, and why`,
			},
		},
		{
			name:    "the project's own package in the client",
			sources: map[string]string{"x.go": "// Package runwith is a client.\npackage runwith\n\nimport \"" + module + "/internal/guard\"\n"},
			want:    []string{`x.go:4: import "internal/guard": the Go client imports the standard library alone, so that using it costs nothing`},
		},
		{
			name:    "the environment under another name",
			sources: map[string]string{engine: "// Package engine runs jobs.\npackage engine\n\nimport env \"os\"\n\nfunc home() string {\n\treturn env.Getenv(\"HOME\")\n}\n"},
			want:    []string{`internal/engine/x.go:7: os.Getenv: the environment is read in cmd/runwith alone; hand the value in through a Config`},
		},
		{
			name:    "another system's file is read too",
			sources: map[string]string{"internal/engine/x_windows.go": "// Package engine runs jobs.\npackage engine\n\nimport \"database/sql\"\n"},
			want:    []string{`internal/engine/x_windows.go:4: import "database/sql": one package opens, migrates and writes; use its transactions`},
		},
		{
			name:    "tests, test data and other modules are free",
			sources: map[string]string{"internal/engine/x_test.go": "package engine\n\nimport \"example.org/x\"\n\nvar seen int\n", "testdata/x.go": "package util\n", "tools/go.mod": "", "tools/x.go": "package util\n", ".cache/x.go": "no Go"},
		},
		{
			name:    "no package comment",
			sources: map[string]string{engine: "package engine\n", "internal/engine/y.go": "package engine\n"},
			want:    []string{"internal/engine/x.go:1: package internal/engine has no package comment"},
		},
		{
			name:    "two package comments",
			sources: map[string]string{engine: "// Package engine runs jobs.\npackage engine\n", "internal/engine/y.go": "// Package engine runs.\npackage engine\n"},
			want:    []string{"internal/engine/y.go:2: internal/engine/x.go has the package comment already; one file carries it"},
		},
		{
			name:    "a package comment about something else",
			sources: map[string]string{engine: "// Copyright somebody.\npackage engine\n"},
			want:    []string{`internal/engine/x.go:1: the package comment does not begin with "Package engine"`},
		},
		{
			name:    "a long file, of tests too",
			sources: map[string]string{"internal/engine/x_test.go": "package engine\n" + strings.Repeat("\n", maxLines)},
			want:    []string{"internal/engine/x_test.go:1: the file has 601 lines, more than 600; split it by noun"},
		},
		{
			name:    "names that say nothing",
			sources: map[string]string{"internal/util/helpers_test.go": "package util\n", "internal/util/common.go": "// Package util is everything.\npackage util\n"},
			want: []string{
				"internal/util/common.go:1: the file's name says nothing; name it for the noun that it holds",
				"internal/util/common.go:2: the package's name says nothing; name it for what it does",
				"internal/util/helpers_test.go:1: the file's name says nothing; name it for the noun that it holds",
				"internal/util/helpers_test.go:1: the package's name says nothing; name it for what it does",
			},
		},
		{
			name:    "func init",
			sources: map[string]string{engine: "// Package engine runs jobs.\npackage engine\n\nfunc init() {}\n"},
			want:    []string{"internal/engine/x.go:4: func init runs unasked; call it by name from where it is needed"},
		},
		{
			name: "package state",
			sources: map[string]string{engine: `// Package engine runs jobs.
package engine

var counter int

var (
	jobs   = map[string]int{}
	ready  = make(chan int)
	latest = new(int)
	config = &Config{Tasks: 1}
)

var ErrLost = errors.New("lost")

//go:embed schema.sql
var schema string
`},
			want: []string{
				"internal/engine/x.go:4: counter is package state; keep it in a value that is handed on",
				"internal/engine/x.go:7: jobs is package state; keep it in a value that is handed on",
				"internal/engine/x.go:8: ready is package state; keep it in a value that is handed on",
				"internal/engine/x.go:9: latest is package state; keep it in a value that is handed on",
				"internal/engine/x.go:10: config is package state; keep it in a value that is handed on",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, faultsOf(t, tt.sources)); diff != "" {
				t.Errorf("inspect (-want +got):\n%s", diff)
			}
		})
	}
}
