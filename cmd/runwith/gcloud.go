package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/engine/metadata"
	"github.com/runwith/runwith/internal/terminal"
)

func newGcloud() *cobra.Command {
	var f emulationFlags
	cmd := &cobra.Command{
		Use:   "gcloud -- ARGS...",
		Short: "Run gcloud against an engine",
		Long: `Gcloud runs Google's gcloud with the arguments after --. gcloud then calls the
engine of runwith up or runwith engine instead of Google's Cloud Run.

You need no login, and your own gcloud stays as it is: settings, credentials and
logs are in a folder of their own, or in CLOUDSDK_CONFIG if you set it. If the
engine requires tokens, gcloud gets one from the engine's metadata server.

Input, output and exit code are gcloud's. To set up a whole shell, see runwith env.`,
		Example: `  runwith gcloud -- run jobs list
  runwith gcloud -- run jobs execute test-job --args=arg-1,arg-2 --wait
  runwith gcloud --region europe-west1 -- run jobs create hello --image test-job`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("put the arguments for gcloud after --, such as runwith gcloud -- run jobs list")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runGcloud(cmd, f, args) },
	}
	cmd.Flags().SetInterspersed(false) // all words after the first are gcloud's, also without --
	f.add(cmd)
	return cmd
}

// runGcloud runs gcloud with the streams and the signals of this process.
func runGcloud(cmd *cobra.Command, f emulationFlags, args []string) error {
	gcloud, err := exec.LookPath("gcloud")
	if err != nil {
		return errors.New("gcloud is not in PATH: install it from https://cloud.google.com/sdk/docs/install")
	}
	e, err := f.find(cmd.Context())
	if err != nil {
		return err
	}
	variables := e.variables()
	if e.asksForTokens {
		file, err := e.tokenFile()
		if err != nil {
			return err
		}
		defer os.Remove(file) //nolint:errcheck // the token expires within the hour
		variables = append(variables, variable{"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", file})
	}
	config := variable{"CLOUDSDK_CONFIG", env("CLOUDSDK_CONFIG", filepath.Join(xdg.CacheHome, "runwith", "gcloud"))}
	if err := os.MkdirAll(config.value, 0o700); err != nil {
		return fmt.Errorf("make a folder for gcloud: %w", err)
	}
	child := exec.Command(gcloud, args...)
	child.Env = withVariables(os.Environ(), append(variables, config))
	child.Stdin, child.Stdout, child.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	return runThrough(child)
}

// withVariables returns an environment with the variables, and without any that could
// make gcloud call another server.
func withVariables(environment []string, variables []variable) []string {
	var all []string
	for _, v := range environment {
		if !leadsElsewhere(v) {
			all = append(all, v)
		}
	}
	for _, v := range variables {
		all = append(all, v.name+"="+v.value)
	}
	return all
}

// leadsElsewhere reports whether a variable gives gcloud credentials, another proxy,
// or a configuration that is not in its folder.
func leadsElsewhere(v string) bool {
	for _, prefix := range []string{
		"CLOUDSDK_AUTH_", "CLOUDSDK_PROXY_", "CLOUDSDK_API_ENDPOINT_OVERRIDES_", "CLOUDSDK_CONTEXT_AWARE_",
		"CLOUDSDK_ACTIVE_CONFIG_NAME=", "CLOUDSDK_CORE_ACCOUNT=", "CLOUDSDK_CORE_UNIVERSE_DOMAIN=",
	} {
		if strings.HasPrefix(v, prefix) {
			return true
		}
	}
	return false
}

// tokenFile writes a token of the engine to a file that only this user can read. The
// caller removes it.
func (e *emulation) tokenFile() (path string, err error) {
	source, err := metadata.NewTokenSource(e.addr(), nil)
	if err != nil {
		return "", fmt.Errorf("the engine at %s requires tokens, which only this machine can get: %w", e.addr(), err)
	}
	token, err := source.Token()
	if err != nil {
		return "", err
	}
	file, err := os.CreateTemp("", "runwith-token-") // with mode 0600
	if err != nil {
		return "", fmt.Errorf("write a token for gcloud: %w", err)
	}
	_, err = file.WriteString(token.AccessToken)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("write a token for gcloud: %w", err), os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// runThrough runs a program, passes signals to it, and returns its exit code as an
// error.
func runThrough(child *exec.Cmd) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := child.Start(); err != nil {
		return err
	}
	done, stop := context.WithCancel(context.Background())
	defer stop()
	go relay(done, signals, child)
	err := child.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &exitError{code: 128 + int(status.Signal())} // as a shell counts it
	}
	return &exitError{code: exit.ExitCode()}
}

// relay passes signals to a program until done. It drops Ctrl-C at a terminal, which
// the program gets from there.
func relay(done context.Context, signals <-chan os.Signal, child *exec.Cmd) {
	for {
		select {
		case <-done.Done():
			return
		case s := <-signals:
			if s != os.Interrupt || !terminal.Is(child.Stdin) {
				_ = child.Process.Signal(s) // it may have ended
			}
		}
	}
}
