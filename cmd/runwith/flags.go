package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/mattn/go-shellwords"
	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/jobfile"
	"github.com/runwith/runwith/internal/engine/metadata"
	"github.com/runwith/runwith/internal/jobspec"
)

// listenFlags choose where a server listens, and which callers it accepts.
type listenFlags struct {
	addr                 string // add sets the default if it is empty
	allowHosts           []string
	allowUnauthenticated bool
	metricsAddr          string
	tell                 func(line string) // prints a line for people
}

func (f *listenFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "addr", cmp.Or(f.addr, "127.0.0.1:8080"), "`HOST:PORT` to listen on; port 0 is a free one")
	flags.StringArrayVar(&f.allowHosts, "allow-host", nil, "accept requests for this host `NAME` too, or for all names below .NAME (repeatable)")
	flags.BoolVar(&f.allowUnauthenticated, "allow-unauthenticated", false, "serve callers without authentication; required beyond this machine")
	flags.StringVar(&f.metricsAddr, "metrics-addr", "", "`HOST:PORT` of a listener for /metrics and health alone, without authentication; --addr then has no /metrics")
	f.tell = func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), line) }
	addLogFormat(cmd)
}

// defaultProject and defaultRegion are the engine's defaults.
const defaultProject, defaultRegion = "demo", "us-east4"

// placeFlags choose the data folder, the project and the region.
type placeFlags struct {
	data, project, region string

	// fixed means that jobs elsewhere are not served. Otherwise fixedProject and
	// fixedRegion tell which flags are set.
	fixed, fixedProject, fixedRegion bool
}

// target returns where the jobs of files belong.
func (f *placeFlags) target() jobfile.Target {
	return jobfile.Target{
		Location:     jobspec.Location{Project: f.project, Region: f.region},
		FixedProject: f.fixed || f.fixedProject, FixedRegion: f.fixed || f.fixedRegion,
	}
}

// addForGoogle is add for a command that calls Google's Cloud Run by default, where no project
// has the engine's name.
func (f *placeFlags) addForGoogle(cmd *cobra.Command) {
	f.add(cmd)
	for _, name := range []string{"project", "region"} {
		flag := cmd.Flags().Lookup(name)
		flag.Usage += "; required without --endpoint (default with --endpoint: " + flag.DefValue + ")"
		flag.DefValue = ""
	}
}

func (f *placeFlags) add(cmd *cobra.Command) {
	addData(cmd, &f.data)
	flags := cmd.Flags()
	flags.StringVar(&f.project, "project", defaultProject, "project `ID`")
	flags.StringVar(&f.region, "region", defaultRegion, "Cloud Run `REGION`")
}

// addData adds the flag that names the data folder.
func addData(cmd *cobra.Command, data *string) {
	*data = filepath.Join(xdg.DataHome, "runwith")
	if dir, err := filepath.Abs(env("RUNWITH_DATA", *data)); err == nil {
		*data = dir
	}
	cmd.Flags().Var((*folder)(data), "data", "data folder `DIR` (RUNWITH_DATA)")
}

// folder is the value of a flag that names a folder. It is an absolute path, because
// tasks run in other folders.
type folder string

// Set sets the folder from a relative or absolute path.
func (f *folder) Set(name string) error {
	if name == "" {
		return errors.New("must name a folder")
	}
	path, err := filepath.Abs(name)
	*f = folder(path)
	return err
}

func (f *folder) String() string { return string(*f) }

// Type returns the name of the value in help.
func (f *folder) Type() string { return "DIR" }

// The choices of --interrupted.
const interruptedRerun, interruptedFail = "rerun", "fail"

const graceFlag = "grace"

// engineFlags choose what an engine runs, and how.
type engineFlags struct {
	runner      runnerFlags
	jobs        []string
	images      []string
	maxTasks    int
	maxLog      int64
	keep        int
	requireAuth bool
	interrupted string
	grace       time.Duration
	faults      faultFlags
	number      string // of the project
	maxTasksSet func() bool
}

func (f *engineFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.runner.add(cmd)
	flags.StringVar(&f.number, "project-number", metadata.DefaultProjectNumber, "project `NUMBER`, which callers may use in place of its ID")
	flags.StringArrayVar(&f.jobs, "job", nil, "create or update the job in `FILE`: YAML or JSON, in the form of API v2 or v1 (repeatable)")
	flags.StringArrayVar(&f.images, "image", nil, "run the command for a container without one: `IMAGE=COMMAND` (repeatable)")
	flags.IntVar(&f.maxTasks, "max-tasks", engine.DefaultMaxTasks, "maximum concurrent tasks; on Kubernetes, the default is 1000")
	f.maxTasksSet = func() bool { return flags.Changed("max-tasks") }
	flags.IntVar(&f.keep, "keep-executions", engine.DefaultKeepExecutions, "ended executions to keep of each job, with their output")
	flags.BoolVar(&f.requireAuth, "require-auth", false, "require a token of this server's metadata server from callers of the Cloud Run API")
	flags.Int64Var(&f.maxLog, "max-log", 1<<30, "bytes of output to keep of each execution")
	flags.StringVar(&f.interrupted, "interrupted", interruptedRerun, "what becomes of a task that ran when the engine or its machine stopped: rerun, or fail (the attempt)")
	flags.DurationVar(&f.grace, graceFlag, engine.DefaultGrace, "how long a task that is stopped has between SIGTERM and SIGKILL")
	f.faults.add(cmd)
}

// stackFlags are the flags of an engine with its listener, and of its invoker if it
// has one.
type stackFlags struct {
	to    listenFlags
	place placeFlags
	what  engineFlags
	how   invokerFlags

	progress *progress // may be nil
}

// showProgress makes the server print a line when an execution starts or ends. The
// function it returns waits until the last line is printed.
func (f *stackFlags) showProgress(cmd *cobra.Command) (done func()) {
	f.progress = newProgress(cmd.ErrOrStderr())
	return f.progress.close
}

func (f *stackFlags) add(cmd *cobra.Command) {
	f.to.add(cmd)
	f.place.add(cmd)
	f.what.add(cmd)
}

// validate reports mistakes that the types of the flags do not catch.
func (f *engineFlags) validate() error {
	if err := f.runner.validate(); err != nil {
		return err
	}
	switch {
	case f.number == "" || strings.Trim(f.number, "0123456789") != "":
		return misused("--project-number %q: must be digits, such as %s", f.number, metadata.DefaultProjectNumber)
	case f.maxTasks < 1:
		return misused("--max-tasks %d: must be at least 1", f.maxTasks)
	case f.keep < 1:
		return misused("--keep-executions %d: must be at least 1", f.keep)
	case f.interrupted != interruptedRerun && f.interrupted != interruptedFail:
		return misused("--interrupted %s: must be rerun or fail", f.interrupted)
	case f.grace <= 0:
		return misused("--%s %v: must be more than 0", graceFlag, f.grace)
	case f.maxLog < 1:
		return misused("--max-log %d: must be at least 1", f.maxLog)
	}
	return nil
}

// parseImages returns the commands of the --image flags by image.
func parseImages(flags []string) (map[string][]string, error) {
	images := map[string][]string{}
	for _, flag := range flags {
		image, line, ok := strings.Cut(flag, "=")
		if !ok || image == "" {
			return nil, misused("--image %q: must be IMAGE=COMMAND, such as --image hello='echo hello'", flag)
		}
		command, err := shellwords.Parse(line)
		if err != nil {
			return nil, misused("--image %q: read command: %w", flag, err)
		}
		if len(command) == 0 {
			return nil, misused("--image %q: the command is empty", flag)
		}
		images[image] = command
	}
	return images, nil
}
