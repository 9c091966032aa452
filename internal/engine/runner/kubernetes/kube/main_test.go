package kube_test

import (
	"fmt"
	"os"
	"testing"
)

// pluginVariable makes the test binary a credential plugin. It names the file that the
// plugin prints; if that is empty, the plugin fails. What the plugin is told becomes a line of
// the file's neighbour.
const pluginVariable = "RUNWITH_TEST_PLUGIN"

func TestMain(m *testing.M) {
	if path := os.Getenv(pluginVariable); path != "" {
		os.Exit(beThePlugin(path))
	}
	os.Exit(m.Run())
}

func beThePlugin(path string) int {
	record, err := os.OpenFile(path+".runs", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintln(record, os.Getenv("KUBERNETES_EXEC_INFO"))
	_ = record.Close()
	output, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	if len(output) == 0 {
		_, _ = fmt.Fprintln(os.Stderr, "no login")
		return 3
	}
	_, _ = os.Stdout.Write(output)
	return 0
}
