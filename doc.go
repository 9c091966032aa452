// Package runwith is the Go client of the runwith invoker: it starts Cloud Run
// jobs with runtime overrides and tells how they end.
//
// A [Client] speaks the invoker's HTTP API (`runwith serve`, or `runwith up` on
// a development machine):
//
//	client := &runwith.Client{} // http://127.0.0.1:8080
//	invocation, err := client.Run(ctx, "test-job", &runwith.Overrides{
//		Args:    []string{"arg-1", "arg-2"},
//		Env:     map[string]string{"ENV_1": "HELLO"},
//		Timeout: 10 * time.Second,
//	})
//
// The package imports the standard library alone, and the rest of the module
// shares its vocabulary: [Invocation], [Overrides], [Code] and [Error].
package runwith
