package runwith_test

import (
	"os"
	"slices"
	"testing"
)

// The two tables of this file are the architecture of the repository; how they
// are read is in repo_check_test.go. Test files are free of them.
//
// A package is named by its folder, "." is the root. An import is named by its
// path, or by its folder where it is the project's own. "/..." at the end of
// either adds everything below, and "..." alone is everything. An import may
// also be "std", the standard library, and "#Name" narrows it to the uses of
// one name, in which a * stands for any letters.

// A fence keeps packages from imports.
type fence struct {
	packages []string
	not      []string // the imports refused
	but      []string // what is allowed of them all the same
	why      string
}

// engineSide and invokerSide are the two wings, each with its faces.
var (
	engineSide  = []string{"internal/engine/...", "runwithtest/..."}
	invokerSide = []string{"internal/invoker/..."}
)

var fences = []fence{
	{
		packages: []string{"."},
		not:      []string{"..."},
		but:      []string{"std"},
		why:      "the Go client imports the standard library alone, so that using it costs nothing",
	},
	{
		packages: []string{"internal/engine/fault/...", "internal/jobspec/...", "internal/engine/knative/...", "internal/engine/logfilter/..."},
		not: []string{
			"os/...", "io/ioutil", "net", "net/http/...", "database/sql/...", "log/...", "syscall",
			"time#Now", "time#Since", "time#Until", "time#Sleep", "time#After*", "time#NewTi*", "time#Tick",
		},
		why: "it is pure: no I/O and no clock, so that its tests need neither",
	},
	{
		packages: engineSide,
		not:      invokerSide,
		why:      "engine and invoker meet over the Cloud Run API alone",
	},
	{
		packages: invokerSide,
		not:      engineSide,
		why:      "engine and invoker meet over the Cloud Run API alone",
	},
	{
		packages: []string{
			"internal/apierror/...", "internal/backoff/...", "internal/cause/...", "internal/changes/...", "internal/eventually/...",
			"internal/guard/...", "internal/jobspec/...", "internal/pagetoken/...", "internal/principal/...", "internal/server/...",
			"internal/sqlite/...",
		},
		not:      slices.Concat(engineSide, invokerSide),
		why:      "dependencies point one way: the wings stand on the common ground, which knows neither",
	},
	{
		packages: []string{
			"internal/engine/fault/...", "internal/engine/knative/...", "internal/engine/logfilter/...",
			"internal/engine/metadata/...", "internal/engine/runner/...", "internal/engine/tasklog/...",
		},
		not: []string{"internal/engine", "internal/engine/api/...", "internal/engine/emulator"},
		why: "dependencies point one way: the engine stands on this package, which does not know it",
	},
	{
		packages: []string{"internal/engine"},
		not:      []string{"internal/engine/api/...", "net/http/..."},
		why:      "the engine does not know its wire: engine/api translates",
	},
	{
		packages: []string{"internal/invoker"},
		not:      []string{"internal/invoker/api/...", "net/http/..."},
		why:      "the invoker does not know its wire: invoker/api translates",
	},
	{
		packages: []string{"internal/engine"},
		not:      []string{"internal/engine/runner/..."},
		but:      []string{"internal/engine/runner"},
		why:      "the engine knows the Runner interface; engine/emulator wires which one runs",
	},
}

// A door is where something may come in, and the only one. Every module that is
// not the standard library needs a row.
type door struct {
	imports []string
	only    []string // the packages that may use it
	why     string
}

var doors = []door{
	// The project's own.
	{
		imports: []string{"cmd/..."},
		only:    []string{"cmd/..."},
		why:     "nothing stands on a command; move what is shared below internal",
	},

	{
		imports: []string{"internal/image"},
		only:    []string{"deploy/images", "internal/testimage"},
		why:     "images are built to be deployed, and for tests",
	},
	{
		imports: []string{"internal/engine/emulator"},
		only:    []string{"cmd/runwith/...", "runwithtest"},
		why:     "it wires the engine's half together, for those who serve it",
	},

	// The standard library.
	{
		imports: []string{"flag", "os#Args"},
		only: []string{
			"cmd/runwith/...",
			"bench/...",
			"deploy/...",
			"examples/...",                      // arguments are what a job is given
			"internal/engine/runner/runnertest", // is the tasks that it starts
		},
		why: "flags are read in cmd/runwith alone; hand the value in through a Config",
	},
	{
		imports: []string{"os#*Getenv", "os#LookupEnv", "os#Environ", "os#ExpandEnv", "os#Setenv", "os#Unsetenv", "os#Clearenv", "os#User*Dir", "syscall#*env"},
		only: []string{
			"cmd/runwith/...",
			"examples/...",                      // the environment is what a job is given
			"internal/engine/runner/process",    // hands PATH on to tasks, and nothing else
			"internal/engine/runner/runnertest", // is the tasks that it starts
			"internal/testneed",                 // reads what the tests must find on this machine
		},
		why: "the environment is read in cmd/runwith alone; hand the value in through a Config",
	},
	{
		imports: []string{"os#Exit", "os#Stdin", "os#Stdout", "os#Stderr", "fmt#Print*", "log", "log/slog#Default", "log/slog#SetDefault"},
		only: []string{
			"cmd/runwith/...",
			"examples/...",
			"bench/...",
			"deploy/...",
			"internal/engine/runner/runnertest", // is the tasks that it starts
		},
		why: "only a main prints and exits; return the error, or write to the writer or logger that was handed in",
	},
	{
		imports: []string{"database/sql/..."},
		only:    []string{"internal/sqlite/..."},
		why:     "one package opens, migrates and writes; use its transactions",
	},
	{
		imports: []string{"os/exec#Command*", "os#StartProcess", "syscall#*Exec"},
		only: []string{
			"internal/engine/runner/process/...",
			"internal/engine/runner/runnertest",     // crashes one that runs tasks
			"internal/engine/conformance/discovery", // asks go where a module is
			"internal/image",                        // builds programs
			"cmd/runwith/...",
			"bench/...",
		},
		why: "processes are started by a runner, which also ends them",
	},

	// What Cloud Run's API brings along.
	{
		imports: []string{
			"cloud.google.com/go/run/apiv2/runpb", "cloud.google.com/go/longrunning/autogen/longrunningpb", "cloud.google.com/go/iam/apiv1/iampb",
			"google.golang.org/genproto/...", "google.golang.org/protobuf/...",
		},
		only: []string{"internal/...", "cmd/runwith/...", "runwithtest/...", "bench/..."},
		why:  "the messages are the domain's types, except in the Go client",
	},
	{
		imports: []string{"google.golang.org/grpc/..."},
		only: []string{
			"internal/engine/api/...", "internal/invoker/cloudrun/...", "bench/...",
			"internal/apierror",                // encodes errors for it
			"runwithtest",                      // an option of the clients
			"internal/engine/runner/container", // probes the health of containers
		},
		why: "gRPC is served by engine/api and spoken by cloudrun; errors elsewhere are runwith.Error, which apierror encodes",
	},
	{
		imports: []string{"google.golang.org/grpc#NewServer", "cloud.google.com/go/run/apiv2/runpb#Register*Server", "cloud.google.com/go/run/apiv2/runpb#*ServiceDesc"},
		only:    []string{"internal/engine/api/...", "bench/..."}, // bench: the floor is a server
		why:     "engine/api is the one gRPC server",
	},
	{
		imports: []string{
			"cloud.google.com/go/run/apiv2", "cloud.google.com/go/logging/apiv2", "cloud.google.com/go/longrunning", "cloud.google.com/go/longrunning/autogen",
			"cloud.google.com/go/auth/...", "github.com/googleapis/gax-go/...", "google.golang.org/api/...",
		},
		only: []string{"internal/invoker/cloudrun/...", "runwithtest", "bench/..."}, // runwithtest: options of clients; bench: clients are what it measures
		why:  "cloudrun is the one client of Google's APIs, with the one table of outcomes",
	},
	{
		imports: []string{"golang.org/x/oauth2/..."},
		only:    []string{"internal/invoker/cloudrun/...", "internal/engine/metadata/..."},
		why:     "cloudrun sends tokens, and metadata has them; nobody else sees one",
	},
	{
		imports: []string{"cloud.google.com/go/logging/apiv2/loggingpb"},
		only:    []string{"internal/engine/api/...", "internal/engine/logfilter/...", "internal/invoker/cloudrun/...", "internal/engine/fault/...", "bench/..."}, // fault: the names of its methods; bench: clients are what it measures
		why:     "Cloud Logging is served by engine/api, which filters its entries, and read by cloudrun",
	},

	// Everything else that is linked in.
	{
		imports: []string{"modernc.org/sqlite/..."},
		only:    []string{"internal/sqlite/..."},
		why:     "the SQLite driver lives behind internal/sqlite",
	},
	{
		imports: []string{
			"github.com/moby/moby/...", "github.com/docker/...", "github.com/containerd/errdefs", "github.com/google/go-containerregistry/...",
		},
		only: []string{
			"internal/engine/runner/container/...",
			"internal/image", "deploy/images", // build the project's own
			"internal/testimage", // builds the images of tests
			"bench/...",          // the bare API is the floor
		},
		why: "containers, their images and their registries live behind internal/engine/runner/container",
	},
	{
		imports: []string{"golang.org/x/crypto/x509roots/..."},
		only:    []string{"internal/image"},
		why:     "an image has the certificate authorities that a system brings along elsewhere",
	},
	{
		imports: []string{"github.com/danielgtaylor/huma/v2/..."},
		only:    []string{"internal/invoker/api/..."},
		why:     "huma describes the invoker's JSON API, in internal/invoker/api alone",
	},
	{
		imports: []string{
			"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/schollz/progressbar/v3", "github.com/adrg/xdg",
			"github.com/mattn/go-isatty", "github.com/mattn/go-shellwords", "golang.org/x/term",
		},
		only: []string{"cmd/runwith/..."},
		why:  "it belongs to the command line",
	},
	{
		imports: []string{"github.com/goccy/go-yaml/..."},
		only:    []string{"cmd/runwith/...", "internal/jobspec/..."},
		why:     "YAML is what people write: job files and the policy",
	},
	{
		imports: []string{"github.com/gofrs/flock"},
		only:    []string{"cmd/runwith/...", "internal/sqlite/..."},
		why:     "one process holds a data folder, and one place locks it",
	},
	{
		imports: []string{"github.com/go-jose/go-jose/v4/..."},
		only:    []string{"internal/engine/metadata/..."},
		why:     "metadata owns the keys of tokens, and says what one is worth",
	},
	{
		imports: []string{"github.com/google/uuid"},
		only:    []string{"internal/engine/...", "internal/invoker/..."},
		why:     "what is stored is named where it is stored",
	},
	{
		imports: []string{"golang.org/x/sys/..."},
		only:    []string{"internal/engine/runner/process/..."},
		why:     "system calls are the process runner's",
	},
}

func TestRepository(t *testing.T) {
	t.Parallel()
	root := os.DirFS(".")
	files, err := readGoFiles(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Go file found: the test must run in the root of the repository")
	}
	for _, fault := range inspect(files) {
		t.Error(fault)
	}
}
