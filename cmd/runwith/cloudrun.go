package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/metadata"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/jobspec"
)

// googleEndpoint is the value of --endpoint for Google's Cloud Run.
const googleEndpoint = "google"

// cloudRunFlags choose a Cloud Run Jobs API, a project and a region.
type cloudRunFlags struct {
	endpoint string
	at       jobspec.Location
}

// add adds the flags to a command and its subcommands.
func (f *cloudRunFlags) add(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.endpoint, "endpoint", env("RUNWITH_ENDPOINT", defaultServer),
		"`URL` of a local Cloud Run Jobs API, or google for Google's (RUNWITH_ENDPOINT)")
	flags.StringVar(&f.at.Project, "project", "", "project `ID` (default: the engine's)")
	flags.StringVar(&f.at.Region, "region", "", "Cloud Run `REGION` (default: the engine's)")
}

// google reports whether the flags choose Google's Cloud Run.
func (f *cloudRunFlags) google() bool { return f.endpoint == "" || f.endpoint == googleEndpoint }

// location returns the project and region of the flags, and the engine's own for unset
// flags.
func (f *cloudRunFlags) location(cmd *cobra.Command) (jobspec.Location, error) {
	if missing := missingPlace(cmd); f.google() && missing != "" {
		return f.at, misused("%s: is required for Google's Cloud Run%s", missing, unlessNamed(cmd))
	}
	if f.at.Project != "" && f.at.Region != "" {
		return f.at, nil
	}
	own, err := locationOf(cmd.Context(), direct(), addrOf(f.endpoint))
	if err != nil { // the next call reports why nothing answers
		own = jobspec.Location{Project: defaultProject, Region: defaultRegion}
	}
	return orElse(f.at, own), nil
}

// unlessNamed returns what a command takes in place of --project and --region.
func unlessNamed(cmd *cobra.Command) string {
	switch {
	case strings.HasSuffix(cmd.Use, " NAME"):
		return ", unless NAME is the full resource name"
	case cmd.Flags().Lookup("job") != nil:
		return ", unless --job is a full resource name"
	}
	return ""
}

// addrOf returns the HOST:PORT of an endpoint, or "" if it is not a URL.
func addrOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80"))
}

// job parses the name of a job: its ID or its full resource name.
func (f *cloudRunFlags) job(cmd *cobra.Command, name string) (jobspec.JobName, error) {
	if strings.Contains(name, "/") {
		full, err := jobspec.ParseJob(name)
		return full, usage(err)
	}
	at, err := f.location(cmd)
	return jobspec.JobName{Location: at, Job: name}, err
}

// execution parses the name of an execution. If the name is an ID, the job is empty
// and findExecution finds it.
func (f *cloudRunFlags) execution(cmd *cobra.Command, name string) (jobspec.ExecutionName, error) {
	if strings.Contains(name, "/") {
		full, err := jobspec.ParseExecution(name)
		return full, usage(err)
	}
	at, err := f.location(cmd)
	return jobspec.ExecutionName{Job: jobspec.JobName{Location: at}, Execution: name}, err
}

// usage makes err an error of usage.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitUsage, err}
}

// use calls do with a client for one project and region.
func (f *cloudRunFlags) use(ctx context.Context, at jobspec.Location, do func(*cloudRun) error) (err error) {
	config := cloudrun.Config{Project: at.Project, Region: at.Region}
	if !f.google() {
		config.Endpoint = f.endpoint
		useOwnToken(&config)
	}
	if err := validCloudRun(config); err != nil {
		return err
	}
	client, err := cloudrun.Dial(ctx, config)
	if err != nil {
		return err
	}
	err = do(&cloudRun{Client: client, at: at, endpoint: f.endpoint, google: f.google()})
	if _, decided := errors.AsType[*exitError](err); err != nil && ctx.Err() != nil && !decided {
		err = &exitError{code: exitInterrupted}
	}
	if closed := client.Close(); err == nil {
		err = closed
	}
	return err
}

// useOwnToken sends an engine the tokens of its own metadata server, because it may
// require them (--require-auth).
func useOwnToken(c *cloudrun.Config) {
	if tokens, err := metadata.NewTokenSource(addrOf(c.Endpoint), nil); err == nil {
		c.Token = metadata.IfAny(tokens)
	}
}

// cloudRun is a client whose errors say where it looked.
type cloudRun struct {
	*cloudrun.Client
	at       jobspec.Location
	endpoint string
	google   bool
}

// explain adds the next step to an error about a missing job or execution.
func (c *cloudRun) explain(err error, kind, id string) error {
	if runwith.CodeOf(err) != runwith.NotFound {
		return err
	}
	return &runwith.Error{Code: runwith.NotFound, Err: err, Message: fmt.Sprintf(
		"%s %s does not exist in %s of %s: list them with runwith %[1]ss list, or set --project, --region or --endpoint",
		kind, id, c.at, c.where())}
}

func (c *cloudRun) where() string {
	if c.google {
		return "Google's Cloud Run"
	}
	return c.endpoint
}

// findJob returns a job.
func (c *cloudRun) findJob(ctx context.Context, id string) (*runpb.Job, error) {
	job, err := c.Job(ctx, id)
	return job, c.explain(err, "job", id)
}

// findExecution returns an execution. If its job is unknown, it first takes the ID
// without its last part for the job. The ID of an execution with a token may have
// more parts, so it then searches the list of all executions.
func (c *cloudRun) findExecution(ctx context.Context, name jobspec.ExecutionName) (*runpb.Execution, error) {
	listed := name.Job.Job == ""
	if listed {
		end := strings.LastIndexByte(name.Execution, '-')
		name.Job.Job = cmp.Or(name.Execution[:max(0, end)], name.Execution)
	}
	found, err := c.Execution(ctx, name.String())
	if !listed || runwith.CodeOf(err) != runwith.NotFound {
		return found, c.explain(err, "execution", name.Execution)
	}
	for one, err := range c.Executions(ctx, jobspec.Wildcard) {
		if err != nil {
			return nil, err
		}
		if path.Base(one.GetName()) == name.Execution {
			return one, nil
		}
	}
	return nil, c.explain(err, "execution", name.Execution)
}

// lists makes cmd a command that lists one project and region.
func (f *cloudRunFlags) lists(cmd *cobra.Command, list func(context.Context, *cloudRun, io.Writer, bool) error) *cobra.Command {
	var asJSON bool
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		at, err := f.location(cmd)
		if err != nil {
			return err
		}
		return f.use(cmd.Context(), at, func(c *cloudRun) error {
			return list(cmd.Context(), c, cmd.OutOrStdout(), asJSON)
		})
	}
	addJSON(cmd, &asJSON)
	return cmd
}

// newGroup returns a command that only has subcommands.
func newGroup(group *cobra.Command, below ...*cobra.Command) *cobra.Command {
	group.Args = unknownCommand
	group.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	group.AddCommand(below...)
	return group
}
