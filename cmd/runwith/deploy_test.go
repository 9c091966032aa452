package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-shellwords"

	"github.com/runwith/runwith/internal/testneed"
)

// recorder stands in for go and gcloud: it records its calls, remembers the resources it has
// created, keeps the versions of secrets, and fails where FAIL is in the call. It creates a user of
// a database only without a log, which would have the password.
const recorder = `#!/bin/sh
{ printf '%s' "${0##*/}"; printf '\t%s' "$@"; echo; } >>"$STANDIN/calls"
case "$*" in
	*"${FAIL:-nothing at all}"*) exit 3 ;;
	"iam service-accounts describe "*) [ -e "$STANDIN/made-account-${4%%@*}" ] && echo 106123456789012345678 ;;
	"iam service-accounts create "*) : >"$STANDIN/made-account-$4" ;;
	"projects describe "*) echo 123456789012 ;;
	"secrets describe "*) [ -e "$STANDIN/made-secret-$3" ] ;;
	"secrets create "*) : >"$STANDIN/made-secret-$3" ;;
	"sql instances describe "*) [ -e "$STANDIN/made-sql" ] ;;
	"sql instances create "*) : >"$STANDIN/made-sql" ;;
	"sql databases describe "*) [ -e "$STANDIN/made-database" ] ;;
	"sql databases create "*) : >"$STANDIN/made-database" ;;
	"sql users create "*) [ "$CLOUDSDK_CORE_DISABLE_FILE_LOGGING" = true ] && cat >"$STANDIN/made-user" ;;
	"secrets versions describe "*)
		[ -e "$STANDIN/made-version-$6" ] || {
			echo "ERROR: (gcloud.secrets.versions.describe) NOT_FOUND: Secret [$6] not found or has no versions." >&2
			exit 1
		} ;;
	"secrets versions add "*) cat >"$STANDIN/made-version-$4" ;;
	"storage buckets describe "*) [ -e "$STANDIN/made-bucket" ] ;;
	"storage buckets create "*) : >"$STANDIN/made-bucket" ;;
esac
`

// workshop runs the deploy scripts with stand-ins for docker and gcloud.
type workshop struct {
	scripts string // their folder
	standIn string // that of the stand-ins
	env     []string
}

// deployScripts are the scripts that deploy something.
var deployScripts = []string{"build-deploy-job.sh", "build-deploy-api.sh", "build-deploy-documents.sh", "create-database.sh"}

// variables are what a deployment wants to know.
var variables = []string{"PROJECT_ID=my-project", "REPOSITORY=my-repository", "REGISTRY_REGION=us-central1", "RUNTIME_REGION=us-east4"}

// newWorkshop has the scripts where they are, and two stand-ins.
func newWorkshop(t *testing.T, env ...string) *workshop {
	t.Helper()
	needProcesses(t)
	testneed.Tool(t, "bash")
	scripts, err := filepath.Abs(filepath.Join("..", "..", "deploy"))
	if err != nil {
		t.Fatal(err)
	}
	w := &workshop{scripts: scripts, standIn: t.TempDir()}
	for _, name := range []string{"go", "gcloud"} {
		w.put(t, name, recorder)
	}
	w.env = append([]string{"HOME=" + t.TempDir(), "PATH=" + w.standIn + string(os.PathListSeparator) + os.Getenv("PATH"), "STANDIN=" + w.standIn}, env...)
	return w
}

// put puts a program in the place of another.
func (w *workshop) put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.standIn, name), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// forget removes all resources that the stand-ins have created.
func (w *workshop) forget(t *testing.T) {
	t.Helper()
	made, err := filepath.Glob(filepath.Join(w.standIn, "made-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range made {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a program to its end.
func (w *workshop) run(t *testing.T, program string, args ...string) end {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = w.env, &stdout, &stderr
	err := cmd.Run()
	e := end{stdout: stdout.String(), stderr: stderr.String()}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		e.exit = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return e
}

// deploy runs a script that must succeed, and returns its calls.
func (w *workshop) deploy(t *testing.T, script string, args ...string) [][]string {
	t.Helper()
	if e := w.run(t, filepath.Join(w.scripts, script), args...); e.exit != 0 {
		t.Fatalf("%s %q ends with %d:\n%s", script, args, e.exit, e.stderr)
	}
	return w.calls(t)
}

// calls are the calls since the last time.
func (w *workshop) calls(t *testing.T) (calls [][]string) {
	t.Helper()
	file := filepath.Join(w.standIn, "calls")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := errors.Join(err, os.Remove(file)); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		calls = append(calls, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return calls
}

// spoken are calls as they are read best.
func spoken(calls ...string) (all [][]string) {
	for _, call := range calls {
		all = append(all, strings.Split(call, " "))
	}
	return all
}

// without leaves out the call that begins so.
func without(calls [][]string, begin string) [][]string {
	return slices.DeleteFunc(slices.Clone(calls), func(call []string) bool { return strings.HasPrefix(strings.Join(call, " "), begin) })
}

// wantJob and wantAPI are what the scripts call the first time.
func (w *workshop) wantJob(extra ...string) [][]string {
	calls := spoken(
		"gcloud iam service-accounts describe test-job@my-project.iam.gserviceaccount.com --project my-project --format value(email)",
		"gcloud iam service-accounts create test-job --project my-project --display-name",
		"go run -C "+filepath.Dir(w.scripts)+" ./deploy/images --push us-central1-docker.pkg.dev/my-project/my-repository test-invoke-job",
		"gcloud run jobs deploy test-job --project my-project --region us-east4"+
			" --image us-central1-docker.pkg.dev/my-project/my-repository/test-invoke-job:latest --service-account test-job@my-project.iam.gserviceaccount.com",
	)
	calls[1] = append(calls[1], "the job test-job")
	calls[3] = append(calls[3], extra...)
	return calls
}

func (w *workshop) wantAPI(access string, extra ...string) [][]string {
	const account = "test-invoke-job-api-svc@my-project.iam.gserviceaccount.com"
	calls := spoken(
		"gcloud run jobs describe test-job --project my-project --region us-east4 --format value(metadata.name)",
		"gcloud iam service-accounts describe "+account+" --project my-project --format value(email)",
		"gcloud iam service-accounts create test-invoke-job-api-svc --project my-project --display-name",
		"go run -C "+filepath.Dir(w.scripts)+" ./deploy/images --push us-central1-docker.pkg.dev/my-project/my-repository test-invoke-job-api-svc",
		"gcloud run jobs add-iam-policy-binding test-job --project my-project --region us-east4 --member serviceAccount:"+account+" --role roles/run.jobsExecutorWithOverrides",
		"gcloud projects add-iam-policy-binding my-project --member serviceAccount:"+account+" --role roles/run.viewer --condition None --format none",
		"gcloud projects add-iam-policy-binding my-project --member serviceAccount:"+account+" --role roles/logging.viewer --condition None --format none",
		"gcloud run deploy test-invoke-job-api-svc --project my-project --region us-east4"+
			" --image us-central1-docker.pkg.dev/my-project/my-repository/test-invoke-job-api-svc:latest --service-account "+account+
			" --args serve,--project=my-project,--region=us-east4,--store=ephemeral,--allow-host=.run.app,--allow-unauthenticated "+access+
			" --min-instances 0 --max-instances 1 --cpu-boost --memory 256Mi",
	)
	calls[2] = append(calls[2], "the invoker test-invoke-job-api-svc")
	calls[7] = append(calls[7], extra...)
	return calls
}

// configured are the calls of a script that deploys the API with a configuration.
func configured(calls [][]string) [][]string {
	const account = "test-invoke-job-api-svc@my-project.iam.gserviceaccount.com"
	last := strings.Join(calls[len(calls)-1], " ")
	last = strings.Replace(last, ",--allow-unauthenticated ", ",--config=/etc/runwith/runwith.yaml --set-secrets /etc/runwith/runwith.yaml=runwith-config:latest ", 1)
	return append(slices.Clone(calls[:len(calls)-1]), spoken(
		"gcloud secrets add-iam-policy-binding runwith-config --project my-project --member serviceAccount:"+account+" --role roles/secretmanager.secretAccessor", last)...)
}

// withDatabase are the calls of a script that deploys the API with a database.
func withDatabase(calls [][]string) [][]string {
	const account = "test-invoke-job-api-svc@my-project.iam.gserviceaccount.com"
	last := strings.Join(calls[len(calls)-1], " ")
	last = strings.NewReplacer(",--store=ephemeral", "", "--allow-unauthenticated --no", "--allow-unauthenticated --set-secrets RUNWITH_STORE=runwith-store:latest --no",
		"--max-instances 1", "--max-instances 3 --add-cloudsql-instances my-project:us-east4:runwith").Replace(last)
	return append(slices.Clone(calls[:len(calls)-1]), spoken(
		"gcloud projects add-iam-policy-binding my-project --member serviceAccount:"+account+" --role roles/cloudsql.client --condition None --format none",
		"gcloud secrets add-iam-policy-binding runwith-store --project my-project --member serviceAccount:"+account+" --role roles/secretmanager.secretAccessor", last)...)
}

// The scripts run exactly these steps, and create nothing twice.
func TestDeploySteps(t *testing.T) {
	t.Parallel()
	const created, built = "gcloud iam service-accounts create", "go run"
	w := newWorkshop(t, variables...)
	public, private := "--allow-unauthenticated", "--no-allow-unauthenticated"
	for _, test := range []struct {
		name, script string
		args         []string
		want         [][]string
	}{
		{"job", "build-deploy-job.sh", nil, w.wantJob()},
		{"job again", "build-deploy-job.sh", nil, without(w.wantJob(), created)},
		{"job without building", "build-deploy-job.sh", []string{"--no-build"}, without(without(w.wantJob(), created), built)},
		{"job with more flags", "build-deploy-job.sh", []string{"--", "--set-env-vars", "A=b c", ""}, without(w.wantJob("--set-env-vars", "A=b c", ""), created)},
		{"API", "build-deploy-api.sh", nil, w.wantAPI(private)},
		{"API again", "build-deploy-api.sh", nil, without(w.wantAPI(private), created)},
		{"public API", "build-deploy-api.sh", []string{"--allow-unauthenticated"}, without(w.wantAPI(public), created)},
		{"API with callers", "build-deploy-api.sh", []string{"--config", "runwith-config"}, without(configured(w.wantAPI(private)), created)},
		{"API with a database", "build-deploy-api.sh", []string{"--database", "runwith", "--no-build"}, without(without(withDatabase(w.wantAPI(private)), created), built)},
		{"API with more flags", "build-deploy-api.sh", []string{"--no-build", "--", "--min-instances=1"}, without(without(w.wantAPI(private, "--min-instances=1"), created), built)},
	} {
		if diff := cmp.Diff(test.want, w.deploy(t, test.script, test.args...)); diff != "" {
			t.Errorf("%s: %s %q calls others (-want +got):\n%s", test.name, test.script, test.args, diff)
		}
	}
}

// The scripts report a missing or unknown argument before they do anything.
func TestDeployRefuses(t *testing.T) {
	t.Parallel()
	some := newWorkshop(t, "PROJECT_ID=my-project", "REGISTRY_REGION=", "RUNTIME_REGION=us-east4")
	all := newWorkshop(t, variables...)
	for _, script := range deployScripts {
		for _, test := range []struct {
			in     *workshop
			args   []string
			exit   int
			stderr string
		}{
			{some, nil, 2, script + ": set REPOSITORY REGISTRY_REGION; see --help\n"},
			{some, []string{"--dry-run"}, 2, script + ": set REPOSITORY REGISTRY_REGION; see --help\n"},
			{all, []string{"--dryrun"}, 2, script + ": unknown argument --dryrun; see --help\n"},
			{all, []string{"now"}, 2, script + ": unknown argument now; see --help\n"},
			{some, []string{"--help"}, 0, ""},
		} {
			got := test.in.run(t, filepath.Join(test.in.scripts, script), test.args...)
			if calls := test.in.calls(t); got.exit != test.exit || got.stderr != test.stderr || calls != nil {
				t.Errorf("%s %q ends with %d, says %q and calls %q, want %d, %q and nothing", script, test.args, got.exit, got.stderr, calls, test.exit, test.stderr)
			}
			if help := strings.Contains(got.stdout, "Usage: PROJECT_ID="); help != (test.exit == 0) {
				t.Errorf("%s %q says %q", script, test.args, got.stdout)
			}
		}
	}
}

// A step that fails ends the script.
func TestDeployStops(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	for script, steps := range map[string][]string{
		"build-deploy-job.sh": {"iam service-accounts create", "deploy/images", "run jobs deploy"},
		"build-deploy-documents.sh": {
			"projects describe", "iam service-accounts create", "deploy/images", "storage buckets create", "storage buckets add-iam", "secrets create",
			"secrets versions add documents-callback", "secrets versions add documents-config", "secrets add-iam", "run jobs deploy", "run jobs add-iam",
			"roles/run.viewer", "run deploy documents-runwith", "roles/run.invoker", "run deploy documents ",
		},
		"build-deploy-api.sh": {"run jobs describe", "iam service-accounts create", "deploy/images", "run jobs add-iam", "roles/run.viewer", "roles/logging.viewer", "run deploy"},
		"create-database.sh":  {"sql instances create", "sql databases create", "secrets create", "secrets versions describe", "sql users create", "secrets versions add"},
	} {
		for _, step := range steps {
			w := newWorkshop(t, append(slices.Clone(variables), "FAIL="+step)...)
			got := w.run(t, filepath.Join(w.scripts, script))
			calls := w.calls(t)
			if last := strings.Join(calls[len(calls)-1], " "); got.exit != 3 || !strings.Contains(last, step) {
				t.Errorf("%s ends with %d and %q, want it to end with the failure of %q", script, got.exit, last, step)
			}
		}
	}
}

// A dry run calls nothing. It prints commands that make the same calls, even if folder
// and values need quoting.
func TestDeployDryRun(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, "PROJECT_ID=my project's", `REPOSITORY=$(touch "$STANDIN/harm") * \`, "REGISTRY_REGION=us-central1", "RUNTIME_REGION=us-east4")
	folder := filepath.Join(t.TempDir(), "my code", "deploy")
	if err := os.CopyFS(folder, os.DirFS(w.scripts)); err != nil {
		t.Fatal(err)
	}
	w.scripts = folder
	for _, script := range deployScripts {
		args := []string{"--", "--set-env-vars", `A="b  c";`, ""}
		printed := w.run(t, filepath.Join(folder, script), append([]string{"--dry-run"}, args...)...)
		if calls := w.calls(t); printed.exit != 0 || printed.stderr != "" || calls != nil {
			t.Fatalf("%s --dry-run ends with %d, says %q and calls %q, want it to call nothing", script, printed.exit, printed.stderr, calls)
		}
		want := w.deploy(t, script, args...)
		w.forget(t)
		if e := w.run(t, "bash", "-euc", printed.stdout); e.exit != 0 {
			t.Errorf("what %s --dry-run prints ends with %d:\n%s\n%s", script, e.exit, printed.stdout, e.stderr)
		}
		if diff := cmp.Diff(want, w.calls(t)); diff != "" {
			t.Errorf("what %s --dry-run prints calls others (-want +got):\n%s", script, diff)
		}
		w.forget(t)
		if image := `/my project's/$(touch "$STANDIN/harm") * \/`; script != "create-database.sh" && !slices.ContainsFunc(want, func(call []string) bool {
			return slices.ContainsFunc(call, func(word string) bool { return strings.Contains(word, image) })
		}) {
			t.Errorf("%s tears values apart: %q", script, want)
		}
	}
	if _, err := os.Stat(filepath.Join(w.standIn, "harm")); err == nil {
		t.Error("a value was run as a command")
	}
}

func TestDeployShellcheck(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	scripts, err := filepath.Glob(filepath.Join(w.scripts, "*.sh"))
	if err != nil || len(scripts) != 5 {
		t.Fatalf("the scripts are %q, %v, want five", scripts, err)
	}
	check := exec.Command(testneed.Tool(t, "shellcheck"), append([]string{"--external-sources"}, scripts...)...)
	check.Dir = filepath.Dir(w.scripts)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
}

// gcloud, as it is installed here, understands each command of the scripts.
func TestDeployGcloudUnderstands(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, variables...)
	commands := slices.Concat(w.deploy(t, "build-deploy-job.sh"), w.deploy(t, "build-deploy-api.sh"), w.deploy(t, "build-deploy-api.sh", "--database", "runwith"),
		w.deploy(t, "build-deploy-documents.sh"), w.deploy(t, "create-database.sh"))
	understood(t, without(commands, "go run"))
}

// command is a line of a document that is a command of gcloud's, also one whose output
// is kept.
var command = regexp.MustCompile(`(?m)^ *(?:[A-Z]+=\$\()?(gcloud .*?)\)?$`)

// What documents say to type, gcloud understands too.
func TestDeployDocumentGcloudUnderstands(t *testing.T) {
	t.Parallel()
	testneed.Gcloud(t)
	for document, want := range map[string]int{"docs/deploy.md": 26, "examples/thumbnails/README.md": 16} {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			commands := gcloudCommands(t, document)
			if len(commands) != want {
				t.Fatalf("%s has %d commands of gcloud's, want all %d: %q", document, len(commands), want, commands)
			}
			understood(t, commands)
		})
	}
}

// gcloudCommands returns the commands of a document, with values for their variables.
func gcloudCommands(t *testing.T, document string) (commands [][]string) {
	t.Helper()
	sample := strings.NewReplacer("\\\n", " ", "$PROJECT_ID", "my-project", "$REPOSITORY", "my-repository", "$REGISTRY_REGION", "us-central1",
		"$RUNTIME_REGION", "us-east4", "$URL", "https://service.example", "$ACCOUNT", "account@example.com",
		"$SERVICE", "service", "$BUCKET", "my-bucket", "$IMAGES", "us-docker.pkg.dev/p/r", "$JOB", "job@example.com", "$EVENTARC", "eventarc@example.com",
		"$RUNWITH", "runwith@example.com", "$(gcloud storage service-agent --project=$PROJECT_ID)", "agent@example.com")
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(document)))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range command.FindAllStringSubmatch(sample.Replace(string(text)), -1) {
		args, err := shellwords.Parse(line[1])
		if err != nil {
			t.Fatalf("%s: %v", line[1], err)
		}
		commands = append(commands, args)
	}
	return commands
}

// understood has gcloud judge commands, without running them.
func understood(t *testing.T, commands [][]string) {
	t.Helper()
	type line struct {
		Command string `json:"command_string"`
	}
	var lines []line
	seen := map[string]bool{}
	for _, command := range commands {
		text := "gcloud"
		for _, word := range command[1:] {
			// Flags it takes apart itself, and they must not be in quotes.
			if flag, value, isFlag := strings.Cut(word, "="); !strings.HasPrefix(word, "--") {
				word = "'" + word + "'"
			} else if isFlag {
				word = flag + "='" + value + "'"
			}
			text += " " + word
		}
		if !seen[text] { // gcloud judges each once
			lines = append(lines, line{text})
		}
		seen[text] = true
	}
	dir := t.TempDir()
	text, err := json.Marshal(lines)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "commands.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	lint := exec.Command(testneed.Gcloud(t), "meta", "lint-gcloud-commands", "--commands-file", file)
	lint.Env = append(os.Environ(), "CLOUDSDK_CONFIG="+dir, "CLOUDSDK_CORE_DISABLE_PROMPTS=true")
	lint.Stderr = t.Output()
	out, err := lint.Output()
	if err != nil {
		t.Fatal(err)
	}
	var judged []struct {
		line
		Success bool   `json:"success"`
		Error   string `json:"error_message"`
	}
	if err := json.Unmarshal(out, &judged); err != nil || len(judged) != len(lines) {
		t.Fatalf("gcloud judges %d commands, %v, want %d", len(judged), err, len(lines))
	}
	for _, j := range judged {
		if !j.Success {
			t.Errorf("gcloud does not understand %s: %s", j.Command, j.Error)
		}
	}
}
