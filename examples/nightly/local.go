package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/runwith/runwith/examples/internal/up"
)

// configuration is runwith.yaml, without the URL of the receiver.
//
//go:embed runwith.yaml
var configuration string

// jobFile is the job, in Cloud Run's form. Its container is this program.
const jobFile = `{"name": "report", "template": {"template": {"containers": [{"image": "report"}]}}}`

// local is runwith up on this machine. It can be started several times.
type local []string // command line

// newLocal prepares runwith up, which calls url back.
func newLocal(ctx context.Context, s settings, url string) (local, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	config, job := filepath.Join(s.data, "runwith.yaml"), filepath.Join(s.data, "report.json")
	err = errors.Join(
		os.WriteFile(config, []byte(strings.Replace(configuration, "CALLBACK_URL", url, 1)), 0o600),
		os.WriteFile(job, []byte(jobFile), 0o600),
	)
	if err == nil && s.runwith == "" {
		s.runwith, err = up.Build(ctx, s.data)
	}
	return local{
		s.runwith, "up", "--addr", s.addr, "--data", filepath.Join(s.data, "runwith"), "--runner", "process",
		"--config", config, "--job", job, "--image", fmt.Sprintf("report='%s' job", self),
	}, err
}

func (l local) start(ctx context.Context) (*up.Server, error) {
	return up.Start(ctx, exec.Command(l[0], l[1:]...), "-addr")
}
