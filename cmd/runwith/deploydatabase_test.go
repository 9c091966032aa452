package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/testneed"
)

// password is what create-database.sh makes.
var password = regexp.MustCompile(`[0-9a-f]{48}`)

// The script creates the instance, the database, the user and the secret, each once. A password is
// nowhere but in the input of the command that sets it, and in the secret.
func TestCreateDatabase(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, variables...)
	said := w.run(t, filepath.Join(w.scripts, "create-database.sh"), "--", "--availability-type=regional")
	if said.exit != 0 || password.MatchString(said.stdout+said.stderr) {
		t.Fatalf("create-database.sh ends with %d, and says\n%s%s", said.exit, said.stdout, said.stderr)
	}
	var calls []string
	for _, call := range w.calls(t) {
		calls = append(calls, strings.Join(call, " "))
	}
	again := []string{
		"gcloud sql instances describe runwith --project my-project --format value(name)",
		"gcloud sql databases describe runwith --instance runwith --project my-project --format value(name)",
		"gcloud secrets describe runwith-store --project my-project --format value(name)",
		"gcloud secrets versions describe latest --secret runwith-store --project my-project",
	}
	want := []string{
		again[0],
		"gcloud sql instances create runwith --project my-project --region us-east4 --database-version POSTGRES_17 --edition enterprise" +
			" --tier db-g1-small --backup --enable-point-in-time-recovery --deletion-protection --availability-type=regional",
		again[1],
		"gcloud sql databases create runwith --instance runwith --project my-project",
		again[2],
		"gcloud secrets create runwith-store --project my-project --replication-policy automatic",
		again[3],
		"gcloud sql users create runwith --instance runwith --project my-project --flags-file /dev/stdin",
		"gcloud secrets versions add runwith-store --project my-project --data-file -",
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("create-database.sh calls others (-want +got):\n%s", diff)
	}
	flags, err := os.ReadFile(filepath.Join(w.standIn, "made-user"))
	made := password.FindString(string(flags))
	if made == "" || string(flags) != `--password: "`+made+"\"\n" || err != nil {
		t.Errorf("the flags of the user are %q, %v, want a password in quotes", flags, err)
	}
	stored, err := os.ReadFile(filepath.Join(w.standIn, "made-version-runwith-store"))
	if url := "postgres://runwith:" + made + "@/runwith?host=/cloudsql/my-project:us-east4:runwith&pool_max_conns=10"; string(stored) != url || err != nil || !postgres.IsURL(url) {
		t.Errorf("the secret is %q, %v, want %q", stored, err, url)
	}
	var repeated []string
	for _, call := range w.deploy(t, "create-database.sh") {
		repeated = append(repeated, strings.Join(call, " "))
	}
	if diff := cmp.Diff(again, repeated); diff != "" {
		t.Errorf("again, create-database.sh calls others (-want +got):\n%s", diff)
	}
}

// Terraform reads the module, and its files are as terraform fmt writes them. The providers, which
// check names and types, cannot be had in a test.
func TestTerraform(t *testing.T) {
	t.Parallel()
	terraform := testneed.Tool(t, "terraform")
	for _, args := range [][]string{{"fmt", "-check", "-diff", "-recursive"}, {"providers"}} {
		cmd := exec.Command(terraform, args...)
		cmd.Dir = filepath.Join(deployFolder, "terraform")
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "CHECKPOINT_DISABLE=1")
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("terraform %v: %v\n%s", args, err, said)
		}
	}
}
