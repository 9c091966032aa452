package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/archive"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/doctor"
	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
	"github.com/runwith/runwith/internal/jobspec"
)

// doctorFlags are those of runwith serve that matter, and the server to ask.
type doctorFlags struct {
	place                    placeFlags
	endpoint, config, server string
	store                    string
	allow                    []string
	json                     bool

	runner, pullImage string
	kubernetes        kubernetesFlags
}

func newDoctor() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check that the invoker can do its work",
		Long: `Doctor checks what runwith serve needs: the configuration file, the store and its
disk, the clock, the credential, project and region, each job and the permissions on
it, logs, issuers and audiences of tokens, and that callbacks can be reached. If the
server runs, doctor asks it too. Give doctor the flags, or the environment, of serve.

Doctor prints a line for each check: ok, or what to do. It changes nothing, starts no
job, and sends no callback. It exits with 1 if there is something to do.

With --runner kubernetes and the flags of runwith engine, doctor checks the cluster
instead: connection and version, the clock, each permission, quotas, and whether the
cluster accepts a Pod of a task. --pull-image IMAGE makes one Pod, which pulls the image
and runs nothing of it, and deletes it.`,
		Example: `  runwith doctor --project my-project --region us-east4 --config runwith.yaml
  runwith doctor --endpoint http://127.0.0.1:8080       # an engine, such as that of runwith up
  runwith doctor --runner kubernetes --namespace runwith-tasks --pull-image us-docker.pkg.dev/cloudrun/container/job
  runwith doctor --server https://runwith.example.com --project my-project --region us-east4 --json | jq '.[] | select(.status == "problem")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.place.addForGoogle(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "", "configuration `FILE`, such as runwith.yaml")
	flags.StringVar(&f.endpoint, "endpoint", "", "`URL` of a Cloud Run Jobs API on this machine; google or empty is Google's")
	flags.StringVar(&f.store, "store", "durable", "durable, ephemeral, or the `URL` of a PostgreSQL database, as for serve")
	flags.StringVar(&f.server, "server", defaultServer, "`URL` of the invoker. Doctor asks it too if it is running")
	flags.StringArrayVar(&f.allow, "callback-allow", nil, "private addresses that callbacks may be sent to: `CIDR` (repeatable)")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.StringVar(&f.runner, "runner", "", "kubernetes checks a cluster that runs the engine's tasks, and nothing else")
	flags.StringVar(&f.pullImage, "pull-image", "", "pull `IMAGE` in a Pod of the cluster")
	f.kubernetes.add(cmd)
	return cmd
}

func (f *doctorFlags) run(cmd *cobra.Command) error {
	var findings []doctor.Finding
	var printed error
	err := f.examine(cmd, func(found doctor.Finding) {
		findings = append(findings, found)
		if !f.json && printed == nil {
			printed = printFinding(cmd.OutOrStdout(), found)
		}
	})
	if err := errors.Join(err, printed); err != nil {
		return err
	}
	if cmd.Context().Err() != nil {
		return &exitError{code: exitInterrupted}
	}
	if f.json {
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(findings); err != nil {
			return err
		}
	}
	for _, found := range findings {
		if found.Status == doctor.Problem {
			return &exitError{code: exitFailure}
		}
	}
	return nil
}

// examine yields the findings about what the flags name.
func (f *doctorFlags) examine(cmd *cobra.Command, found func(doctor.Finding)) error {
	if cluster, err := f.onKubernetes(); err != nil {
		return err
	} else if cluster {
		return f.examineCluster(cmd.Context(), found)
	}
	c, err := f.examined(cmd)
	if err != nil {
		return err
	}
	doctor.Examine(cmd.Context(), c, found)
	return nil
}

// printFinding prints a finding in one line.
func printFinding(w io.Writer, found doctor.Finding) error {
	subject := found.Subject
	if subject != "" {
		subject += ": "
	}
	return printLine(w, "%-8s %-9s %s", found.Status, found.Check, subject+found.Text)
}

// examined returns what to examine.
func (f *doctorFlags) examined(cmd *cobra.Command) (c doctor.Config, err error) {
	c = doctor.Config{Data: f.place.data, Server: f.server, Expected: cmd.Flags().Changed("server"), Version: version(), HTTP: &http.Client{Timeout: probeTimeout}}
	if c.Allowed, err = callback.ParseAllowed(f.allow); err != nil {
		return c, misused("--callback-allow %w", err)
	}
	if f.config != "" {
		c.FilePath = f.config
		c.File, c.FileError = readConfiguration(f.config)
	}
	if postgres.IsURL(f.store) {
		c.Data, c.Stores = "", []doctor.Store{{Name: postgres.Redacted(f.store), Examine: f.database}}
		c.CloudRun, c.Home = f.cloudRun(cmd)
		return c, nil
	}
	c.Stores = []doctor.Store{{Name: filepath.Join(f.place.data, archive.InvokerDatabase), Examine: func(ctx context.Context) (string, error) {
		return sqlite.Examine(ctx, filepath.Join(f.place.data, archive.InvokerDatabase))
	}}}
	if path := filepath.Join(f.place.data, engine.Database); !missing(path) {
		c.Stores = append(c.Stores, doctor.Store{Name: path, Examine: func(ctx context.Context) (string, error) {
			return engine.Examine(ctx, f.place.data)
		}})
	}
	c.CloudRun, c.Home = f.cloudRun(cmd)
	return c, nil
}

// database describes the PostgreSQL database of the flags.
func (f *doctorFlags) database(ctx context.Context) (string, error) {
	s, err := postgres.Examine(ctx, postgres.Options{URL: f.store})
	switch {
	case err != nil:
		return "", err
	case s.Schema.Schema == 0:
		return "", fs.ErrNotExist
	case s.ReadOnly:
		return "", runwith.Errorf(runwith.FailedPrecondition, "the database is read-only: is this a replica? Name the primary")
	}
	return fmt.Sprintf("PostgreSQL %s, schema version %d", s.Server, s.Schema.Schema), s.Schema.Fits()
}

// cloudRun returns the Cloud Run of the flags, as serve uses it, and how to ask an engine
// where it is.
func (f *doctorFlags) cloudRun(cmd *cobra.Command) (cloudrun.Config, func(context.Context) (jobspec.Location, error)) {
	c := cloudrun.Config{Project: f.place.project, Region: f.place.region}
	if f.endpoint == "" || f.endpoint == googleEndpoint {
		if !cmd.Flags().Changed("project") { // the defaults are those of an engine
			c.Project = ""
		}
		if !cmd.Flags().Changed("region") {
			c.Region = ""
		}
		return c, nil
	}
	c.Endpoint = f.endpoint
	useOwnToken(&c)
	return c, func(ctx context.Context) (jobspec.Location, error) {
		return locationOf(ctx, direct(), addrOf(f.endpoint))
	}
}
