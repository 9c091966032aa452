package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// TestNodeClient runs Google's Node client over gRPC and HTTP. node/suite.test.mjs has the
// expectations.
func TestNodeClient(t *testing.T) {
	t.Parallel()
	node := testneed.Tool(t, "node")
	if _, err := os.Stat(filepath.Join("node", "node_modules")); err != nil {
		t.Logf("run npm ci --prefix internal/engine/conformance/node first")
		testneed.Missing(t, "node", err)
	}
	s := newServer(t)
	cmd := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=spec", "suite.test.mjs")
	cmd.Dir = "node"
	cmd.Env = append(cmd.Environ(), "RUNWITH_ADDR="+s.addr)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
