package kube_test

import (
	"fmt"
	"os"
	"testing"
)

// pluginVariable makes the test binary a credential plugin. Its value is the path of a FILE. The
// plugin prints the content of FILE, or fails if FILE is empty. It appends its input to FILE.runs.
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
