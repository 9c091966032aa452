package main

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes"
	"github.com/runwith/runwith/internal/sqlite"
)

func newKubernetes() *cobra.Command {
	group := &cobra.Command{
		Use:   "kubernetes",
		Short: "Look after the Pods of an engine",
		Long: `Kubernetes looks after the Pods of an engine whose tasks run in a cluster (runwith
engine --runner kubernetes).`,
		Example: `  runwith kubernetes cleanup
  runwith kubernetes cleanup --namespace runwith-tasks --engine 5JVH2M3W...`,
	}
	return newGroup(group, newKubernetesCleanup())
}

// cleanupFlags name the engine whose Pods to remove.
type cleanupFlags struct {
	data, engine string
	cluster      clusterFlags
	yes          bool
}

func newKubernetesCleanup() *cobra.Command {
	var f cleanupFlags
	cmd := &cobra.Command{
		Use:   "cleanup",
		Short: "Remove the Pods of an engine that will not run again",
		Long: `Cleanup removes every Pod of one engine, also those whose tasks still run. Their results
and output are lost. Run it before you delete the engine's data, its namespace, or runwith
itself: each Pod has a finalizer, so without its engine it stays in Terminating.

Stop the engine first. Name it by its data folder (--data) or, if the folder is gone, by
its ID (--engine): the label runwith.dev/engine of its Pods. Other Pods stay as they are.`,
		Example: `  runwith kubernetes cleanup
  kubectl -n runwith-tasks get pods -L runwith.dev/engine
  runwith kubernetes cleanup --namespace runwith-tasks --engine 5jvh2m3wq6c7u4tnakd5zeoxbi --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	addData(cmd, &f.data)
	f.cluster.add(cmd.Flags())
	cmd.Flags().StringVar(&f.engine, "engine", "", "`ID` of the engine, instead of --data")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	cmd.MarkFlagsMutuallyExclusive("data", "engine")
	return cmd
}

// engineID matches what runner.FolderID makes, and its lower case in labels.
var engineID = regexp.MustCompile(`^[A-Za-z2-7]{26}$`)

// validate reports a mistake that needs no cluster to be seen.
func (f *cleanupFlags) validate() error {
	if f.engine != "" && !engineID.MatchString(f.engine) {
		return misused("--engine %q: must be an engine's ID, 26 letters and digits; its Pods have it as their label runwith.dev/engine", f.engine)
	}
	return f.cluster.validate()
}

func (f *cleanupFlags) run(cmd *cobra.Command) (err error) {
	if err := f.validate(); err != nil {
		return err
	}
	dir, release, err := f.folder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	c := kubernetes.Config{
		Dir: dir, Environ: os.Environ(), Logger: newLogger(cmd, slog.LevelWarn),
		Kubeconfig: f.cluster.kubeconfig, Context: f.cluster.context, Namespace: f.cluster.namespace,
	}
	left, where, err := kubernetes.Left(cmd.Context(), c)
	switch {
	case err != nil:
		return err
	case left == 0:
		return printLine(cmd.OutOrStdout(), "the engine has no Pods in %s", where)
	case !f.yes:
		if err := confirm(cmd, fmt.Sprintf("Remove all Pods of the engine in %s? There are %d.", where, left)); err != nil {
			return err
		}
	}
	removed, err := kubernetes.Cleanup(cmd.Context(), c)
	return errors.Join(err, printLine(cmd.OutOrStdout(), "Pods removed: %d", removed))
}

// folder returns the runner's folder of the engine, and locks it, so that no engine on this
// machine uses it.
func (f *cleanupFlags) folder() (dir string, release func() error, err error) {
	if f.engine != "" {
		return f.standIn()
	}
	dir = filepath.Join(f.data, "run")
	if missing(filepath.Join(dir, "id")) {
		return "", nil, runwith.Errorf(runwith.NotFound, "--data %s: no engine was here; name its data folder, or its ID with --engine", f.data)
	}
	lock, err := sqlite.Hold(dir)
	if err != nil {
		return "", nil, err
	}
	return dir, lock.Close, nil
}

// standIn makes a folder with the engine's ID, for as long as the command runs.
func (f *cleanupFlags) standIn() (dir string, release func() error, err error) {
	if dir, err = os.MkdirTemp("", "runwith-cleanup-"); err != nil {
		return "", nil, err
	}
	err = os.WriteFile(filepath.Join(dir, "id"), []byte(f.engine+"\n"), 0o600)
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// confirm asks a question, and returns an error unless the answer is yes.
func confirm(cmd *cobra.Command, question string) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n') // without a line, the answer is no
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case given := <-answer:
		if given == "y" || given == "yes" {
			return nil
		}
		return &exitError{exitFailure, errors.New("nothing was removed; --yes removes without a question")}
	case <-cmd.Context().Done():
		return &exitError{code: exitInterrupted}
	}
}
