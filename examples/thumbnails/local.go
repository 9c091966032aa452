package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/runwith/runwith/examples/internal/up"
)

// configuration is runwith.yaml.
//
//go:embed runwith.yaml
var configuration []byte

// jobFile is the job, in Cloud Run's form. Its container is this program: see startLocal.
const jobFile = `{
  "name": "thumbnails",
  "template": {"template": {"maxRetries": 1, "timeout": "60s", "containers": [
    {"image": "thumbnails", "env": [{"name": "BUCKETS", "value": %q}]}
  ]}}
}`

// startLocal starts runwith up, and returns when it is ready.
func startLocal(ctx context.Context, s settings) (*up.Server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	config, job := filepath.Join(s.data, "runwith.yaml"), filepath.Join(s.data, "thumbnails.json")
	err = errors.Join(
		os.MkdirAll(s.data, 0o700),
		os.WriteFile(config, configuration, 0o600),
		os.WriteFile(job, fmt.Appendf(nil, jobFile, filepath.Join(s.data, "buckets")), 0o600),
	)
	if err == nil && s.runwith == "" {
		s.runwith, err = up.Build(ctx, s.data)
	}
	if err != nil {
		return nil, err
	}
	return up.Start(ctx, exec.Command(s.runwith, "up", "--addr", s.addr, "--data", filepath.Join(s.data, "runwith"), "--runner", "process",
		"--config", config, "--job", job, "--image", fmt.Sprintf("thumbnails='%s' job", self)), "-addr")
}
