package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/display"
	"github.com/runwith/runwith/internal/invoker/callback"
)

func newCallbacks() *cobra.Command {
	group := &cobra.Command{
		Use:   "callbacks",
		Short: "List, show and replay callbacks, and make their secrets",
		Long: `Callbacks tell endpoints how invocations ended. These commands show what the
invoker of runwith up or runwith serve has delivered and what it could not, and send
events again. They need the verb operate. docs/callbacks.md has the rules for
receivers.`,
		Example: `  runwith callbacks list --state failed
  runwith callbacks endpoints
  runwith callbacks replay --endpoint docs`,
	}
	return newGroup(group, newCallbacksList(), newCallbacksShow(), newCallbacksReplay(),
		newCallbacksEndpoints(), newCallbacksEnable(), newCallbacksSecret())
}

func newCallbacksList() *cobra.Command {
	var (
		o     runwith.DeliveryOptions
		state string
		limit int
	)
	cmd := question[[]*runwith.Delivery]{
		ask: func(ctx context.Context, c *runwith.Client, _ []string) (_ []*runwith.Delivery, err error) {
			if o.PageSize, err = pageSize(limit); err != nil {
				return nil, err
			}
			o.State = runwith.DeliveryState(state)
			return collectSome(c.Deliveries(ctx, &o), limit)
		},
		show: now(display.Deliveries),
	}.command(&cobra.Command{
		Use:   "list",
		Short: "List deliveries, the newest first",
		Example: `  runwith callbacks list
  runwith callbacks list --state failed --endpoint docs
  runwith callbacks list --invocation 01a20a4f-52d9-7299-8052-429d4e3782dc --json`,
		Args: cobra.NoArgs,
	})
	flags := cmd.Flags()
	flags.StringVar(&o.Invocation, "invocation", "", "only deliveries about the invocation `ID`")
	flags.StringVar(&o.Endpoint, "endpoint", "", "only deliveries to the endpoint `NAME`")
	flags.StringVar(&state, "state", "", "only deliveries in `STATE`: pending, delivered or failed")
	addSome(cmd, &limit)
	return cmd
}

func newCallbacksShow() *cobra.Command {
	return question[*runwith.Delivery]{
		ask: func(ctx context.Context, c *runwith.Client, args []string) (*runwith.Delivery, error) {
			return c.Delivery(ctx, args[0])
		},
		show: now(display.Delivery),
	}.command(&cobra.Command{
		Use:     "show ID",
		Short:   "Show a delivery with its payload",
		Example: `  runwith callbacks show evt_Nq1jSq5cYhQm2vX0aB7dLw4k`,
		Args:    oneArgument,
	})
}

func newCallbacksReplay() *cobra.Command {
	var (
		to       clientFlags
		endpoint string
	)
	cmd := &cobra.Command{
		Use:   "replay ID... | --endpoint NAME",
		Short: "Send events again",
		Long: `Replay sends the event of each delivery again, whatever became of it. With --endpoint
it sends the events of all failed deliveries of an endpoint. Events and their IDs do
not change, so a receiver that has seen one recognizes it.

An endpoint that is disabled must be enabled first.`,
		Example: `  runwith callbacks replay evt_Nq1jSq5cYhQm2vX0aB7dLw4k
  runwith callbacks replay --endpoint docs
  runwith callbacks list --state failed --json | jq -r '.[].id' | xargs runwith callbacks replay`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (endpoint == "") == (len(args) == 0) {
				return misused("name deliveries, or an endpoint with --endpoint: %s ID", cmd.CommandPath())
			}
			client, err := to.client()
			if err != nil {
				return err
			}
			n, err := replay(cmd.Context(), client, endpoint, args)
			if n > 0 || err == nil {
				err = errors.Join(err, printLine(cmd.OutOrStdout(), "%s again", counted(n, "event is sent", "events are sent")))
			}
			return err
		},
	}
	to.add(cmd)
	cmd.Flags().StringVar(&endpoint, "endpoint", "", "replay the failed deliveries of the endpoint `NAME`")
	return cmd
}

// replay replays an endpoint or the deliveries with these IDs, and returns how many it did.
func replay(ctx context.Context, client *runwith.Client, endpoint string, ids []string) (n int, err error) {
	if endpoint != "" {
		return client.ReplayFailed(ctx, endpoint)
	}
	for n, id := range ids {
		if _, err := client.Replay(ctx, id); err != nil {
			return n, err
		}
	}
	return len(ids), nil
}

// counted returns a number with the words for one or for several.
func counted(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", several)
}

func newCallbacksEndpoints() *cobra.Command {
	return question[[]*runwith.Endpoint]{
		ask: func(ctx context.Context, c *runwith.Client, _ []string) ([]*runwith.Endpoint, error) {
			return c.Endpoints(ctx)
		},
		show: now(display.Endpoints),
	}.command(&cobra.Command{
		Use:   "endpoints",
		Short: "List endpoints with their health",
		Long: `Endpoints lists the receivers of callbacks: those of the configuration file, and those
that only have deliveries, such as URLs of requests ("request HOST"). A disabled
endpoint gets nothing until somebody enables it.`,
		Example: `  runwith callbacks endpoints
  runwith callbacks endpoints --json | jq -r '.[] | select(.state == "disabled") | .name'`,
		Args: cobra.NoArgs,
	})
}

func newCallbacksEnable() *cobra.Command {
	var to clientFlags
	cmd := &cobra.Command{
		Use:   "enable NAME",
		Short: "Enable a disabled endpoint",
		Long: `Enable lets the pending deliveries of a disabled endpoint continue. The invoker
disables an endpoint that answered 410 Gone, or whose every attempt has failed for
five days. Replay the deliveries that it has given up.`,
		Example: `  runwith callbacks enable docs
  runwith callbacks replay --endpoint docs`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := to.client()
			if err != nil {
				return err
			}
			e, err := client.EnableEndpoint(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return printLine(cmd.OutOrStdout(), "%s is enabled, %s", e.Name, counted(e.Pending, "delivery is pending", "deliveries are pending"))
		},
	}
	to.add(cmd)
	return cmd
}

func newCallbacksSecret() *cobra.Command {
	var asymmetric bool
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Make a secret that signs callbacks",
		Long: `Secret makes a random secret and prints it, once. It calls no server. Put it where
runwith.yaml refers to it (secret), and give it to the receiver, which verifies
signatures with it.

With --asymmetric it makes a key pair instead. It prints the private key (whsk_) to
standard output; only the invoker needs that one. It prints the public key (whpk_)
to standard error; give that one to the receiver.`,
		Example: `  runwith callbacks secret > callback-secret    # after umask 077
  runwith callbacks secret --asymmetric > callback-key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !asymmetric {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), callback.NewSecret())
				return err
			}
			private, public := callback.NewKeyPair()
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), private); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.ErrOrStderr(), public)
			return err
		},
	}
	cmd.Flags().BoolVar(&asymmetric, "asymmetric", false, "make an ed25519 key pair")
	return cmd
}
