//go:build linux || darwin

package runwith_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/runwith/runwith"
)

// Start a job with its own arguments and environment variables, and wait for its end.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := &runwith.Client{Server: server} // such as `runwith up`
	invocation, err := client.Run(ctx, "test-job", &runwith.Overrides{
		Args:      []string{"arg-1", "arg-2"},
		Env:       map[string]string{"ENV_1": "HELLO", "ENV_2": "WORLD"},
		TaskCount: 1,
		Timeout:   10 * time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	end, err := client.Wait(ctx, invocation.ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(end.Job, end.State, end.Counts.Succeeded)
	// Output: test-job succeeded 1
}

// Run returns as soon as the request is on the invoker's disk.
func ExampleClient_Run() {
	ctx := context.Background()
	client := &runwith.Client{Server: server}
	invocation, err := client.Run(ctx, "test-job", &runwith.Overrides{Args: []string{"arg-1"}, TaskCount: 3})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(invocation.Job, invocation.State.Terminal())
	// Output: test-job false
}

// The invocation's state is the result of the job. An error means that the result is
// not known. A deadline limits how long Wait retries.
func ExampleClient_Wait() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := &runwith.Client{Server: server}
	invocation, err := client.Run(ctx, "test-job", &runwith.Overrides{Env: map[string]string{"FAIL": "3"}})
	if err != nil {
		log.Fatal(err)
	}
	end, err := client.Wait(ctx, invocation.ID)
	if err != nil {
		log.Fatal(err)
	}
	if end.State != runwith.StateSucceeded {
		fmt.Printf("%s: %d of %d tasks failed\n", end.State, end.Counts.Failed, end.Counts.Tasks)
	}
	// Output: failed: 1 of 1 tasks failed
}

// With Follow, the loop receives lines while the job runs, and ends with the job.
func ExampleClient_Logs() {
	ctx := context.Background()
	client := &runwith.Client{Server: server}
	invocation, err := client.Run(ctx, "test-job", &runwith.Overrides{Args: []string{"arg-1", "arg-2"}})
	if err != nil {
		log.Fatal(err)
	}
	for line, err := range client.Logs(ctx, invocation.ID, &runwith.LogsOptions{Follow: true}) {
		if err != nil {
			log.Fatal(err)
		}
		if strings.Contains(line.Text, "ARG") {
			fmt.Printf("task %d, %s: %s\n", line.Task, line.Stream, line.Text)
		}
	}
	// Output:
	// task 0, stdout:   ARG: arg-1
	// task 0, stdout:   ARG: arg-2
}

// The newest invocation comes first. The loop fetches further pages when it needs
// them.
func ExampleClient_Invocations() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := &runwith.Client{Server: server}
	for _, arg := range []string{"arg-1", "arg-2"} {
		invocation, err := client.Run(ctx, "test-job", &runwith.Overrides{Args: []string{arg}})
		if err != nil {
			log.Fatal(err)
		}
		if _, err := client.Wait(ctx, invocation.ID); err != nil {
			log.Fatal(err)
		}
	}
	succeeded := 0
	for invocation, err := range client.Invocations(ctx, &runwith.ListOptions{Job: "test-job", States: []runwith.State{runwith.StateSucceeded}}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(invocation.Job, invocation.State)
		if succeeded++; succeeded == 2 {
			break
		}
	}
	// Output:
	// test-job succeeded
	// test-job succeeded
}

// Every error of the client has a code for programs and a message for people.
func ExampleError() {
	client := &runwith.Client{Server: server}
	_, err := client.Run(context.Background(), "no-such-job", nil)
	if e, ok := errors.AsType[*runwith.Error](err); ok && e.Code == runwith.NotFound {
		fmt.Println(e.Message)
	}
	// Output: Resource 'no-such-job' of kind 'JOB' in region 'us-east4' in project 'demo' does not exist.
}

// A server with callers gets an API key, here from the environment, over https.
func ExampleAPIKey() {
	client := &runwith.Client{
		Server:     "https://runwith.example.com",
		Credential: runwith.APIKey(os.Getenv("RUNWITH_API_KEY")),
	}
	invocation, err := client.RunOnce(context.Background(), "reindex", "order-1234", nil)
	if runwith.CodeOf(err) == runwith.Unauthenticated {
		log.Fatal("the server does not accept the key: ", err)
	}
	fmt.Println(invocation, err)
}
