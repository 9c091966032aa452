package main

import (
	"bufio"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/runwith/runwith/internal/engine/metadata"
)

// standIn is a command line of runwith gcloud that runs a shell script in place of
// gcloud.
func standIn(t *testing.T, endpoint, script string) *exec.Cmd {
	t.Helper()
	needProcesses(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gcloud"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("runwith", "gcloud", "--endpoint", endpoint, "run")
	cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_CACHE_HOME="+dir, "TMPDIR="+dir)
	return cmd
}

// metadataServer is what an engine's metadata server answers.
func metadataServer(t *testing.T, c metadata.Config) http.Handler {
	t.Helper()
	authority, err := metadata.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	authority.Register(mux)
	return mux
}

// gcloud gets a token from an engine that wants one, in a file that is gone with it.
func TestGcloudGetsAToken(t *testing.T) {
	t.Parallel()
	own := metadataServer(t, metadata.Config{Project: "shop", Region: "europe-west1"})
	asked := make(chan string, 1)
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/computeMetadata/") {
			own.ServeHTTP(w, r)
			return
		}
		asked <- r.Method + " " + r.URL.Path
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(engine.Close)

	cmd := standIn(t, engine.URL, `echo "$CLOUDSDK_AUTH_DISABLE_CREDENTIALS $CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"; `+
		`ls -l "$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE" | cut -c1-10; cat "$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"; exit 4`)
	cmd.Stderr = t.Output()
	output, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 4 {
		t.Fatalf("runwith gcloud = %v, want exit code 4", err)
	}
	first, rest, _ := strings.Cut(string(output), "\n")
	disabled, file, _ := strings.Cut(first, " ")
	mode, token, _ := strings.Cut(rest, "\n")
	if disabled != "false" {
		t.Errorf("credentials disabled = %q, want false", disabled)
	}
	if mode != "-rw-------" {
		t.Errorf("mode of the token's file = %q, want -rw-------", mode)
	}
	if !strings.HasPrefix(token, "runwith-") {
		t.Errorf("token = %q, want one of the engine", token)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the token's file %s after gcloud's end: %v, want none", file, err)
	}
	if got, want := <-asked, "GET /v2/projects/shop/locations/europe-west1/jobs"; got != want {
		t.Errorf("the engine was asked %q, want %q", got, want)
	}

	env := exec.Command("runwith", "env", "--endpoint", engine.URL)
	said, err := env.CombinedOutput()
	if err == nil {
		t.Error("runwith env with an engine that requires tokens succeeded, want an error")
	}
	if want := "use runwith gcloud -- ARGS..., which gets one each time"; !strings.Contains(string(said), want) {
		t.Errorf("runwith env with an engine that requires tokens prints %q, want %q in it", said, want)
	}
	if strings.Contains(string(said), "CLOUDSDK") {
		t.Errorf("runwith env with an engine that requires tokens prints %q, want no variables", said)
	}
}

// Signals reach gcloud, and its end is that of runwith.
func TestGcloudGetsSignals(t *testing.T) {
	t.Parallel()
	engine := httptest.NewServer(metadataServer(t, metadata.Config{}))
	t.Cleanup(engine.Close)
	for _, test := range []struct {
		name   string
		signal syscall.Signal
		want   int
	}{{"INT", syscall.SIGINT, 3}, {"TERM", syscall.SIGTERM, 4}, {"HUP", syscall.SIGHUP, 5}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd := standIn(t, engine.URL, `trap 'echo INT; exit 3' INT; trap 'echo TERM; exit 4' TERM; trap 'echo HUP; exit 5' HUP
				echo ready; while :; do sleep 0.02; done`)
			cmd.Stderr = t.Output()
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			if !lines.Scan() || lines.Text() != "ready" {
				t.Fatalf("gcloud says %q, want ready", lines.Text())
			}
			if err := cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			if !lines.Scan() || lines.Text() != test.name {
				t.Errorf("gcloud got %q, want %s", lines.Text(), test.name)
			}
			if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.ExitCode() != test.want {
				t.Errorf("runwith gcloud ends with %v, want gcloud's exit code %d", exit, test.want)
			}
		})
	}
}
