package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/invoker/configfile"
	cost "github.com/runwith/runwith/internal/invoker/usage" // a function here is called usage
)

func newUsagePrices() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "prices",
		Short: "Print a price table",
		Long: `Prices prints the price table of this program, as a file that runwith serve --prices
takes. Change it to what you pay: other regions, or your discount. With --check FILE, it
reads that file as the server does, and prints it.`,
		Example: `  runwith usage prices > prices.yaml
  runwith usage prices --check prices.yaml
  runwith serve --prices prices.yaml --project my-project --region europe-west1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			table := cost.BuiltIn()
			if file != "" {
				var err error
				if table, err = readPrices(file); err != nil {
					return err
				}
			}
			_, err := fmt.Fprint(cmd.OutOrStdout(), table.YAML())
			return err
		},
	}
	cmd.Flags().StringVar(&file, "check", "", "read the table in `FILE`, and report its mistakes")
	return cmd
}

// readPrices reads a file of prices. An empty path is no file, and the zero table.
func readPrices(path string) (cost.Prices, error) {
	if path == "" {
		return cost.Prices{}, nil
	}
	content, err := readAtMost(path, configfile.MaxFile)
	if err != nil {
		return cost.Prices{}, fmt.Errorf("--prices: %w", err)
	}
	return configfile.ReadPrices(path, content)
}
