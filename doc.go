// Package runwith is the Go client of the runwith invoker. It starts Cloud Run
// jobs with runtime overrides and reports how they end.
//
// A [Client] calls the invoker's HTTP API (`runwith serve`, or `runwith up` on
// a development machine):
//
//	client := &runwith.Client{} // http://127.0.0.1:8080
//	invocation, err := client.Run(ctx, "test-job", &runwith.Overrides{
//		Args:    []string{"arg-1", "arg-2"},
//		Env:     map[string]string{"ENV_1": "HELLO"},
//		Timeout: 10 * time.Second,
//	})
//
// [Client.Run] returns when the invocation is on the invoker's disk.
// [Client.Wait] then waits for its end.
//
// An invocation is started in exactly one execution. The tasks of an execution may be
// attempted several times: see [Counts].
//
// The package imports only the standard library. The rest of the module uses its
// types too: [Invocation], [Overrides], [Code] and [Error].
package runwith
