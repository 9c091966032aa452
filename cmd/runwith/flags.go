package main

import (
	"cmp"
	"errors"
	"path/filepath"
	"strings"

	"github.com/adrg/xdg"
	"github.com/mattn/go-shellwords"
	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/metadata"
)

// listenFlags say where a server listens and for whom.
type listenFlags struct {
	addr                 string // where it is empty, add sets the default
	allowHosts           []string
	allowUnauthenticated bool
}

func (f *listenFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "addr", cmp.Or(f.addr, "127.0.0.1:8080"), "`HOST:PORT` to listen on; port 0 takes a free one")
	flags.StringArrayVar(&f.allowHosts, "allow-host", nil, "another `NAME` by which clients may call this server, or .NAME for all names below it (repeatable)")
	flags.BoolVar(&f.allowUnauthenticated, "allow-unauthenticated", false, "serve callers that nobody has authenticated, also beyond this machine")
}

// defaultProject and defaultRegion are the engine's own, unless it is told others.
const defaultProject, defaultRegion = "demo", "us-east4"

// placeFlags say where jobs live: on this machine and in the API's names.
type placeFlags struct {
	data, project, region string
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
	cmd.Flags().Var((*folder)(data), "data", "data `DIR`, which holds the state")
}

// folder is a flag's value that names a folder. It is kept as an absolute path:
// tasks run in folders of their own.
type folder string

// Set takes the folder's name as it is typed.
func (f *folder) Set(name string) error {
	if name == "" {
		return errors.New("must name a folder")
	}
	path, err := filepath.Abs(name)
	*f = folder(path)
	return err
}

func (f *folder) String() string { return string(*f) }

// Type is what help calls the value.
func (f *folder) Type() string { return "DIR" }

// engineFlags say what an engine runs and how.
type engineFlags struct {
	runner      runnerFlags
	jobs        []string
	images      []string
	maxTasks    int
	maxLog      int64
	keep        int
	requireAuth bool
	faults      faultFlags
	number      string // the project's
}

func (f *engineFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.runner.add(cmd)
	flags.StringVar(&f.number, "project-number", metadata.DefaultProjectNumber, "`NUMBER` of the project, by which callers may name it, too")
	flags.StringArrayVar(&f.jobs, "job", nil, "create or update the job of `FILE`, YAML or JSON in the form of v2 or v1 (repeatable)")
	flags.StringArrayVar(&f.images, "image", nil, "run `IMAGE=COMMAND` for containers that name no command (repeatable)")
	flags.IntVar(&f.maxTasks, "max-tasks", engine.DefaultMaxTasks, "tasks that run at the same time at most")
	flags.IntVar(&f.keep, "keep-executions", engine.DefaultKeepExecutions, "ended executions that are kept of a job, with their output")
	flags.BoolVar(&f.requireAuth, "require-auth", false, "ask callers of the Cloud Run API for a token of this server's metadata server")
	flags.Int64Var(&f.maxLog, "max-log", 1<<30, "bytes of output that are kept of one execution")
	f.faults.add(cmd)
}

// stackFlags are all that an engine with its listener needs, and the invoker where
// there is one.
type stackFlags struct {
	to    listenFlags
	place placeFlags
	what  engineFlags
	how   invokerFlags
}

func (f *stackFlags) add(cmd *cobra.Command) {
	f.to.add(cmd)
	f.place.add(cmd)
	f.what.add(cmd)
}

// validate reports what the flags' own types do not.
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
	case f.maxLog < 1:
		return misused("--max-log %d: must be at least 1", f.maxLog)
	}
	return nil
}

// parseImages reads the --image flags: a command by image.
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
			return nil, misused("--image %q: names no command", flag)
		}
		images[image] = command
	}
	return images, nil
}

// addServer adds the flag by which a command finds the invoker.
func addServer(cmd *cobra.Command, server *string) {
	cmd.Flags().StringVar(server, "server", env("RUNWITH_SERVER", defaultServer), "`URL` of the invoker (RUNWITH_SERVER)")
}
