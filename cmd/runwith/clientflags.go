package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
)

// clientFlags choose an invoker, and the credential that it gets.
type clientFlags struct {
	server        string
	keyFile       string
	identityToken string // a source of tokens, or ""
	plain         bool   // send the credential over plain HTTP too

	used bool // a client was made: its errors are about this credential
}

// add adds the flags to a command, and explains the command's errors about credentials. It
// comes after RunE is set.
func (f *clientFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.server, "server", env("RUNWITH_SERVER", defaultServer), "`URL` of the invoker (RUNWITH_SERVER)")
	flags.StringVar(&f.keyFile, "api-key-file", "", "send the API key in `FILE`, instead of the one in RUNWITH_API_KEY")
	flags.StringVar(&f.identityToken, "identity-token", "", "send an ID token for the server's URL, from `SOURCE`: auto, gcloud, gcloud-user, metadata or github")
	flags.Lookup("identity-token").NoOptDefVal = sourceAuto
	flags.BoolVar(&f.plain, "allow-plain-http", false, "send the credential over plain HTTP to another machine too, where others can read it")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkText(cmd, args); err != nil {
			return err
		}
		return interrupted(cmd.Context(), f.explain(run(cmd, args)))
	}
}

// interrupted returns an error with the exit code for Ctrl-C if that ended ctx and the command has
// not chosen a code.
func interrupted(ctx context.Context, err error) error {
	if _, decided := errors.AsType[*exitError](err); err == nil || ctx.Err() == nil || decided {
		return err
	}
	return &exitError{exitInterrupted, err}
}

// client returns the client for the invoker.
func (f *clientFlags) client() (*runwith.Client, error) {
	if f.server != "" {
		if _, err := f.audience(); err != nil {
			return nil, err
		}
	}
	f.used = true
	credential, err := f.credential()
	if err != nil {
		return nil, err
	}
	return &runwith.Client{Server: f.server, Credential: credential, SendCredentialInClear: f.plain}, nil
}

// credential returns the source of the credential, or nil if none is sent. A flag goes
// before the environment.
func (f *clientFlags) credential() (func(context.Context) (string, error), error) {
	switch {
	case f.keyFile != "" && f.identityToken != "":
		return nil, misused("--api-key-file and --identity-token: a request has one credential; give one of them")
	case f.identityToken != "":
		return f.tokens()
	case f.keyFile != "":
		key, err := os.ReadFile(f.keyFile)
		if err != nil {
			return nil, fmt.Errorf("--api-key-file: %w", err)
		}
		return runwith.APIKey(string(key)), nil
	}
	if key := env("RUNWITH_API_KEY", ""); key != "" {
		return runwith.APIKey(key), nil
	}
	return nil, nil //nolint:nilnil // nil is no credential
}

// audience returns the server's URL without path, which is the audience of its tokens.
func (f *clientFlags) audience() (string, error) {
	u, err := url.Parse(f.server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", misused("--server %q: must be a URL such as %s", f.server, defaultServer)
	}
	return u.Scheme + "://" + u.Host, nil
}

// aboutField matches an error about a field, such as an override that a job does not allow to
// anybody: another credential would not help.
var aboutField = regexp.MustCompile(`^\w+([.\[][\w\]]+)*: `)

// explain adds the next step to an error about a missing or refused credential.
func (f *clientFlags) explain(err error) error {
	if !f.used {
		return err
	}
	refused, ok := errors.AsType[*runwith.Error](err)
	if !ok || refused.Code != runwith.Unauthenticated && refused.Code != runwith.PermissionDenied || aboutField.MatchString(refused.Message) {
		return err
	}
	step := f.nextStep(refused.Code)
	if e, ok := errors.AsType[*exitError](err); ok {
		return &exitError{e.code, fmt.Errorf("%w: %s", cmp.Or(e.err, err), step)}
	}
	return fmt.Errorf("%w: %s", err, step)
}

// nextStep returns what to do after a refusal.
func (f *clientFlags) nextStep(code runwith.Code) string {
	var sent string
	switch {
	case f.identityToken != "":
		sent = "the ID token of --identity-token"
	case f.keyFile != "":
		sent = "the API key in " + f.keyFile
	case env("RUNWITH_API_KEY", "") != "":
		sent = "the API key in RUNWITH_API_KEY"
	}
	switch {
	case sent == "":
		return "set RUNWITH_API_KEY, or give --api-key-file or --identity-token"
	case code == runwith.Unauthenticated:
		return "the command sent " + sent
	}
	return "the command sent " + sent + "; ask the operator of " + f.server + " for a grant, or send the credential of another caller"
}
