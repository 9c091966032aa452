package main

import (
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"

	"github.com/runwith/runwith"
)

func TestListOperations(t *testing.T) {
	t.Parallel()
	s := startHolding(t)
	sh := shell{endpoint: s.url, stdin: "name: short\ntemplate: {template: {maxRetries: 0, containers: [{image: test-job}]}}"}
	sh.ok(t, "jobs", "apply", "-f", "-")
	good := s.finish(t, "short", nil)
	bad := s.finish(t, "short", &runwith.Overrides{Env: map[string]string{"FAIL": "3"}})
	runs := s.begin(t, "hold", nil)

	has(t, sh.ok(t, "operations", "list"), `OPERATION +STATE +ABOUT +CHANGED +MESSAGE`,
		`\S{36} +running +execution `+runs+` +\ds ago`,
		`\S{36} +failed +execution `+bad+` +\d+s ago +Task .* failed with message: .*`,
		`\S{36} +done +execution `+good+` +\d+s ago`,
		`\S{36} +done +job short +\d+s ago`)
	operations := list(t, sh, func() *longrunningpb.Operation { return &longrunningpb.Operation{} }, "operations", "list")
	if len(operations) != 5 || operations[0].GetDone() || !operations[4].GetDone() {
		t.Errorf("operations = %v, want five, of which the newest is not done", operations)
	}
	if text := sh.ok(t, "operations", "list", "--region", "us-west1"); text != "OPERATION  STATE  ABOUT  CHANGED  MESSAGE\n" {
		t.Errorf("operations of us-west1 = %q, want the head alone", text)
	}
}
