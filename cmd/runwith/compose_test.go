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
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/jobspec"
)

// composeFile is a Compose file in deploy, and nothing that is not here may be in it.
type composeFile struct {
	Services map[string]composeService
	Networks map[string]struct {
		Name     string
		Internal bool
	}
	Volumes map[string]any
}

type composeService struct {
	Image      string
	PullPolicy string `yaml:"pull_policy"`
	// Command is that of the image, whose entrypoint is runwith.
	Command        []string
	Ports, Volumes []string
	NetworkMode    string `yaml:"network_mode"`
	Networks       []string
	Environment    map[string]string
	Deploy         struct{ Replicas int }
	User           string
	DependsOn      []string `yaml:"depends_on"`
	Restart        string
}

// deployFolder is the one with the files.
var deployFolder = filepath.Join("..", "..", "deploy")

func readCompose(t *testing.T, name string) composeFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	var file composeFile
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return file
}

// checkServices checks that a file uses commands and files that exist, and opens no port to others.
func checkServices(t *testing.T, file composeFile) {
	t.Helper()
	for name, service := range file.Services {
		if name == "database" {
			continue // it is not ours
		}
		if err := understands("runwith " + strings.Join(service.Command, " ")); err != nil {
			t.Errorf("%s: runwith %q: %v", name, service.Command, err)
		}
		for _, flag := range service.Command {
			endpoint, found := strings.CutPrefix(flag, "--endpoint=")
			if found && (cloudrun.Config{Endpoint: endpoint}).IsElsewhere() && !slices.Contains(service.Command, "--allow-plain-http") {
				t.Errorf("%s: runwith %q refuses its endpoint", name, service.Command)
			}
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
}

// No other machine or container can reach the engine.
func TestCompose(t *testing.T) {
	t.Parallel()
	file := readCompose(t, "compose.yaml")
	checkServices(t, file)
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

// Three invokers share a database. Jobs, which are on the default network, reach neither that nor
// the engine.
func TestComposePostgres(t *testing.T) {
	t.Parallel()
	file := readCompose(t, "compose-postgres.yaml")
	checkServices(t, file)
	if n := file.Services["invoker"].Deploy.Replicas; n != 3 {
		t.Errorf("there are %d invokers, want 3", n)
	}
	if where := file.Services["invoker"].Environment["RUNWITH_STORE"]; !postgres.IsURL(where) || !strings.Contains(where, "@database/") {
		t.Errorf("the invokers' store is %q, want the database", where)
	}
	for _, name := range []string{"engine", "database"} {
		if on := file.Services[name].Networks; !slices.Equal(on, []string{"control"}) || len(file.Services[name].Ports) > 0 {
			t.Errorf("%s is on the networks %q with ports %q, want only control", name, on, file.Services[name].Ports)
		}
	}
	if !file.Networks["control"].Internal || !slices.Contains(file.Services["engine"].Command, "--network="+file.Networks["default"].Name) {
		t.Errorf("networks = %+v, and the engine's command is %q; want control to be internal, and jobs on the other one", file.Networks, file.Services["engine"].Command)
	}
}
