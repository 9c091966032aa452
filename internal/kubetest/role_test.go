package kubetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// TestRoleIsThatOfTheManifests checks that tests have exactly the permissions that the
// manifests give to the engine.
func TestRoleIsThatOfTheManifests(t *testing.T) {
	t.Parallel()
	manifest, err := os.ReadFile(filepath.Join("..", "..", "deploy", "kubernetes", "role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rules(t, string(manifest)), rules(t, role)); diff != "" {
		t.Errorf("rules of tests differ from deploy/kubernetes/role.yaml (-manifest +tests):\n%s", diff)
	}
}

// rules returns the rules of the Role in a YAML text.
func rules(t *testing.T, text string) any {
	t.Helper()
	for document := range strings.SplitSeq(text, "\n---") {
		var object struct {
			Kind  string
			Rules any
		}
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		if object.Kind == "Role" {
			return object.Rules
		}
	}
	t.Fatal("no Role")
	return nil
}
