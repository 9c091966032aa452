package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/runwith/runwith/examples/internal/up"
)

// configuration is runwith.yaml, which names the API at its default address.
//
//go:embed runwith.yaml
var configuration string

// defaultURL is that address.
const defaultURL = "http://127.0.0.1:8090"

// jobFile is the job, in Cloud Run's form. Its container is this program: see startLocal.
const jobFile = `{
  "name": "documents",
  "template": {"template": {"maxRetries": 0, "timeout": "600s", "containers": [
    {"image": "documents", "env": [{"name": "DOCUMENTS", "value": %q}]}
  ]}}
}`

// local is runwith up on this machine.
type local struct {
	server *up.Server
	folder string // of files that are removed at the end
}

// startLocal starts runwith up for the API at this URL, and adds to the settings where it is
// and which secret signs its callbacks.
func startLocal(ctx context.Context, s *settings, api string) (_ *local, err error) {
	l := &local{}
	if l.folder, err = os.MkdirTemp("", "documents-runwith-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(l.folder))
		}
	}()
	if s.secret == "" {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret)
		s.secret = "whsec_" + base64.StdEncoding.EncodeToString(secret)
	}
	if s.runwith == "" {
		if s.runwith, err = up.Build(ctx, l.folder); err != nil {
			return nil, err
		}
	}
	command, err := l.command(*s, api)
	if err != nil {
		return nil, err
	}
	if l.server, err = up.Start(ctx, command, "-server-addr"); err != nil {
		return nil, err
	}
	s.server = l.server.URL
	return l, nil
}

// command returns the command line of runwith up, and writes its files.
func (l *local) command(s settings, api string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	config, job := filepath.Join(l.folder, "runwith.yaml"), filepath.Join(l.folder, "documents.json")
	err = errors.Join(
		os.WriteFile(config, []byte(strings.ReplaceAll(configuration, defaultURL, api)), 0o600),
		os.WriteFile(job, fmt.Appendf(nil, jobFile, s.documents), 0o600),
	)
	if err != nil {
		return nil, err
	}
	command := exec.Command(s.runwith, "up", "--addr", s.serverAt, "--data", filepath.Join(s.data, "runwith"), "--runner", "process",
		"--config", config, "--job", job, "--image", fmt.Sprintf("documents='%s' job", self))
	command.Env = append(os.Environ(), "CALLBACK_SECRET="+s.secret)
	return command, nil
}

// stop ends runwith, and removes its files.
func (l *local) stop() {
	l.server.Stop()
	if err := os.RemoveAll(l.folder); err != nil {
		log.Printf("remove files: %v", err)
	}
}
