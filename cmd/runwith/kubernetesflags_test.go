package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKubernetesFlagsAreRefused checks that mistakes in the flags of Kubernetes name the flag
// and the next step, and open nothing.
func TestKubernetesFlagsAreRefused(t *testing.T) {
	t.Parallel()
	notAPod := filepath.Join(t.TempDir(), "pod.yaml")
	if err := os.WriteFile(notAPod, []byte("- tolerations\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"--runner kubernetes --network x":                                     "--network: is for Docker and Podman; on Kubernetes, use a NetworkPolicy",
		"--runner kubernetes --secrets x":                                     "--secrets: is for Docker and Podman; on Kubernetes, use --kubernetes-secret",
		"--runner kubernetes --pull never":                                    "imagePullPolicy in --kubernetes-pod",
		"--kubernetes-queue batch":                                            "--kubernetes-queue: is for --runner kubernetes",
		"--runner process --namespace jobs":                                   "--namespace: is for --runner kubernetes",
		"--metadata-addr 0.0.0.0:8081":                                        "--metadata-addr: is for --runner kubernetes",
		"--runner kubernetes --metadata-addr 0.0.0.0:8081":                    "give both, or none",
		"--runner kubernetes --kubernetes-bucket a=b":                         `--kubernetes-bucket "a=b": must be BUCKET=pvc/NAME`,
		"--runner kubernetes --kubernetes-bucket a":                           `--kubernetes-bucket "a": must be BUCKET=pvc/NAME`,
		"--runner kubernetes --kubernetes-secret A=My_Secret":                 `--kubernetes-secret "A=My_Secret": must be NAME=SECRET`,
		"--runner kubernetes --kubernetes-accelerator nvidia-l4=gpu":          `--kubernetes-accelerator "nvidia-l4=gpu": must be TYPE=KEY=VALUE`,
		"--runner kubernetes --kubernetes-queue Batch":                        `--kubernetes-queue "Batch": must be the name of a LocalQueue`,
		"--runner kubernetes --namespace run/with":                            `--namespace "run/with": must be the name of a namespace`,
		"--runner kubernetes --kubernetes-secret A=b --kubernetes-secret A=c": "--kubernetes-secret: A is given twice",
		"--runner kubernetes --kubernetes-pending 0s":                         "--kubernetes-pending 0s: must be more than 0",
		"--runner kubernetes --grace 0s":                                      "--grace 0s: must be more than 0",
		"--runner kubernetes --kubernetes-pod " + notAPod:                     "must have fields of a Pod",
		"--runner nomad": "must be auto, container, kubernetes or process",
	} {
		data := filepath.Join(t.TempDir(), "data")
		var stderr strings.Builder
		root := newRoot()
		root.SetErr(&stderr)
		code := execute(t.Context(), root, append([]string{"engine", "--addr", "127.0.0.1:0", "--data", data}, strings.Fields(args)...))
		if code != exitUsage && code != exitFailure || !strings.Contains(stderr.String(), want) {
			t.Errorf("engine %s: exit code %d, %q, want %q", args, code, stderr.String(), want)
		}
		if !missing(data) {
			t.Errorf("engine %s made a data folder", args)
		}
	}
}

// What cannot be an engine or a namespace is refused before a cluster is asked.
func TestCleanupMistakes(t *testing.T) {
	for args, want := range map[string]string{
		"--engine etl":          `--engine "etl": must be an engine's ID`,
		"--namespace run/with":  `--namespace "run/with": must be the name of a namespace`,
		"--data " + t.TempDir(): "no engine was here; name its data folder, or its ID with --engine",
		"--data x --engine y":   "if any flags in the group [data engine] are set none of the others can be",
	} {
		var stderr strings.Builder
		root := newRoot()
		root.SetErr(&stderr)
		if code := execute(t.Context(), root, append([]string{"kubernetes", "cleanup"}, strings.Fields(args)...)); code == 0 || !strings.Contains(stderr.String(), want) {
			t.Errorf("cleanup %s: exit code %d, %q, want %q", args, code, stderr.String(), want)
		}
	}
}
