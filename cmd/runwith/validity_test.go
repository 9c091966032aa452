package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWrongFlagsAreUsage checks that a wrong value of a flag is an error of usage, which names
// the flag, in the only line, before anything opens.
func TestWrongFlagsAreUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"up --addr foo":                                          "--addr foo: must be HOST:PORT, such as 127.0.0.1:8080",
		"up --addr 0.0.0.0:0":                                    "--addr 0.0.0.0:0: other machines can reach this address",
		"up --metrics-addr foo":                                  "--metrics-addr foo: must be HOST:PORT",
		"up --allow-host a --allow-host http://x":                `--allow-host "http://x": must be a host name or an IP address`,
		"up --project Bad_Proj":                                  `--project "Bad_Proj": must be the ID or number of a project`,
		"up --region A_B":                                        `--region "A_B": must be a region, such as us-east4`,
		"up --image x":                                           `--image "x": must be IMAGE=COMMAND`,
		"up --fault x":                                           `--fault "x": `,
		"engine --addr foo":                                      "--addr foo: must be HOST:PORT",
		"engine --project Bad_Proj":                              `--project "Bad_Proj": must be`,
		"serve":                                                  "--project: is required for Google's Cloud Run",
		"serve --endpoint foo":                                   `--endpoint: must be http://HOST:PORT, or empty for Google's Cloud Run, not "foo"`,
		"serve --endpoint http://10.0.0.1:1":                     "--endpoint http://10.0.0.1:1: other machines may read and change what goes there",
		"serve --endpoint http://127.0.0.1:1 --addr :0":          "--addr :0: other machines can reach this address, and serve has no callers",
		"serve --endpoint http://127.0.0.1:1 --run-quota -5":     "--run-quota, --read-quota and --log-quota: must not be negative",
		"serve --endpoint http://127.0.0.1:1 --region A_B":       `--region "A_B": must be a region`,
		"serve --endpoint http://127.0.0.1:1 --metrics-addr foo": "--metrics-addr foo: must be HOST:PORT",
	} {
		data := filepath.Join(t.TempDir(), "data")
		wantUsage(t, want, append(strings.Fields(args), "--data", data)...)
		if !missing(data) {
			t.Errorf("runwith %s made a data folder", args)
		}
	}
	for args, want := range map[string]string{
		"jobs list --endpoint foo":                                   `--endpoint: must be http://HOST:PORT`,
		"jobs list --endpoint http://127.0.0.1:1 --project Bad_Proj": `--project "Bad_Proj": must be the ID or number of a project`,
		"jobs list --endpoint google":                                "--project: is required for Google's Cloud Run\n",
		"operations list --endpoint google --project p":              "--region: is required for Google's Cloud Run\n",
		"executions list --endpoint google":                          "Cloud Run, unless --job is a full resource name\n",
		"jobs describe a --endpoint google":                          "Cloud Run, unless NAME is the full resource name\n",
		"run a --server foo":                                         `--server "foo": must be a URL such as http://127.0.0.1:8080`,
		"run a --server ftp://foo":                                   `--server "ftp://foo": must be a URL`,
		"run a --timeout 1.5s":                                       "--timeout 1.5s: must be whole seconds",
		"run a --timeout 0":                                          "--timeout 0s: must be at least 1s",
		"invocations rerun a --timeout 1500ms":                       "--timeout 1.5s: must be whole seconds",
		"schedules set a --job test-job":                             "--cron: is required",
		"schedules set a --cron @daily":                              "--job: is required",
		"jobs estimate a --tasks -3":                                 "--tasks -3: must be at least 1",
		"jobs estimate a --tasks 0":                                  "--tasks 0: must be at least 1",
		"jobs estimate a --timeout 0s":                               "--timeout 0s: must be at least 1s",
		"jobs estimate a --endpoint http://127.0.0.1:1":              "--endpoint: estimate asks an invoker",
	} {
		wantUsage(t, want, strings.Fields(args)...)
	}
}

// wantUsage checks that a command line is an error of usage of one line that has a text.
func wantUsage(t *testing.T, want string, args ...string) {
	t.Helper()
	var stderr strings.Builder
	root := newRoot()
	root.SetErr(&stderr)
	code := execute(t.Context(), root, args)
	if got := stderr.String(); code != exitUsage || !strings.Contains(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("runwith %s: exit code %d, %q; want %d and one line with %q", strings.Join(args, " "), code, got, exitUsage, want)
	}
}
