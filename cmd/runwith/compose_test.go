package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/runwith/runwith/internal/engine/jobfile"
	"github.com/runwith/runwith/internal/image"
	"github.com/runwith/runwith/internal/jobspec"
)

// composeFile is deploy/compose.yaml, and nothing that is not here may be in it.
type composeFile struct {
	Services map[string]composeService
	Networks map[string]struct{ Name string }
	Volumes  map[string]any
}

type composeService struct {
	Image      string
	PullPolicy string `yaml:"pull_policy"`
	// Command is that of the image, whose entrypoint is runwith.
	Command        []string
	Ports, Volumes []string
	NetworkMode    string `yaml:"network_mode"`
	User           string
	DependsOn      []string `yaml:"depends_on"`
	Restart        string
}

// deployFolder is the one with the files.
var deployFolder = filepath.Join("..", "..", "deploy")

func readCompose(t *testing.T) composeFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployFolder, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file composeFile
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		t.Fatalf("compose.yaml: %v", err)
	}
	return file
}

// The Compose file uses commands and files that exist, and no other machine or
// container can reach the engine.
func TestCompose(t *testing.T) {
	t.Parallel()
	file := readCompose(t)
	for name, service := range file.Services {
		if err := understands("runwith " + strings.Join(service.Command, " ")); err != nil {
			t.Errorf("%s: runwith %q: %v", name, service.Command, err)
		}
		if service.Image != image.API().Name || service.PullPolicy != "never" {
			t.Errorf("%s: image = %q, pull_policy = %q, want %q, never", name, service.Image, service.PullPolicy, image.API().Name)
		}
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			_, named := file.Volumes[source]
			if _, err := os.Stat(filepath.Join(deployFolder, source)); err != nil && !named && !strings.HasPrefix(source, "${DOCKER_SOCKET") {
				t.Errorf("%s: the volume %s is no folder, and not declared", name, volume)
			}
		}
		for _, port := range service.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to other machines", name, port)
			}
		}
	}
	engine := file.Services["engine"]
	for _, flag := range []string{"--network=" + file.Networks["default"].Name, "--addr=127.0.0.1:8081", "--job=/jobs/test-job.yaml"} {
		if !slices.Contains(engine.Command, flag) {
			t.Errorf("the engine's command %q lacks %s", engine.Command, flag)
		}
	}
	if engine.NetworkMode != "service:invoker" || len(engine.Ports) > 0 {
		t.Errorf("the engine is on network %q with ports %q, want it to share the invoker's", engine.NetworkMode, engine.Ports)
	}
	job, err := jobfile.Read(filepath.Join(deployFolder, "jobs", "test-job.yaml"), jobfile.Target{Location: jobspec.Location{Project: "demo", Region: "us-east4"}})
	if err != nil || job.GetTemplate().GetTemplate().GetContainers()[0].GetImage() != "test-invoke-job" {
		t.Errorf("the file's job is %v, %v, want one with the sample job's image", job, err)
	}
}
