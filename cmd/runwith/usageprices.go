package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/configfile"
	cost "github.com/runwith/runwith/internal/invoker/usage" // a function here is called usage
)

func newUsagePrices() *cobra.Command {
	var file, keyFile, catalog string
	var fetch bool
	cmd := &cobra.Command{
		Use:   "prices",
		Short: "Print a price table",
		Long: `Prices prints the price table of this program, as a file that runwith serve --prices
takes. Change it to what you pay: other regions, or your discount. With --check FILE, it
reads that file as the server does, and prints it.

--fetch reads the prices of all regions from Google's Billing catalog, with an API key of
a project in which the Cloud Billing API is enabled. GPUs keep the built-in prices.`,
		Example: `  runwith usage prices > prices.yaml
  runwith usage prices --check prices.yaml
  runwith usage prices --fetch --billing-key-file key.txt > prices.yaml
  runwith serve --prices prices.yaml --project my-project --region europe-west1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			table := cost.BuiltIn()
			var err error
			switch {
			case fetch && (file != "" || keyFile == ""):
				return misused("--fetch: needs --billing-key-file, and no --check")
			case fetch:
				if table, err = fetchPrices(cmd.Context(), catalog, keyFile); err != nil {
					return err
				}
			case file != "":
				if table, err = readPrices("--check", file); err != nil {
					return err
				}
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), table.YAML())
			return err
		},
	}
	cmd.Flags().StringVar(&file, "check", "", "read the table in `FILE`, and report its mistakes")
	cmd.Flags().BoolVar(&fetch, "fetch", false, "read the prices from Google's Billing catalog")
	cmd.Flags().StringVar(&keyFile, "billing-key-file", "", "with --fetch: the API key is in `FILE`")
	cmd.Flags().StringVar(&catalog, "catalog", cloudrun.Catalog, "with --fetch: `URL` of the catalog")
	return cmd
}

// readPrices reads the file of prices that a flag names. An empty path is no file, and the zero table.
func readPrices(flag, path string) (cost.Prices, error) {
	if path == "" {
		return cost.Prices{}, nil
	}
	content, err := readAtMost(path, configfile.MaxFile)
	if err != nil {
		return cost.Prices{}, fmt.Errorf("%s: %w", flag, err)
	}
	return configfile.ReadPrices(path, content)
}

// fetchPrices returns the built-in table with the prices of the catalog's regions. A region
// without the price of a vCPU-second or of a GiB-second is left out.
func fetchPrices(ctx context.Context, catalog, keyFile string) (cost.Prices, error) {
	table := cost.BuiltIn()
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return table, fmt.Errorf("--billing-key-file: %w", err)
	}
	found, err := cloudrun.FetchPrices(ctx, catalog, string(key))
	if err != nil {
		return table, err
	}
	regions := map[string]cost.Rates{}
	for _, sku := range found {
		rates := regions[sku.Region]
		switch {
		case sku.Description == "Jobs CPU in "+sku.Region && sku.Unit == "s":
			rates.VCPUSecond = sku.Nanos
		case sku.Description == "Jobs Memory in "+sku.Region && sku.Unit == "GiBy.s":
			rates.GiBSecond = sku.Nanos
		}
		regions[sku.Region] = rates
	}
	priced := 0
	for region, rates := range regions {
		if rates.VCPUSecond == 0 || rates.GiBSecond == 0 {
			continue
		}
		priced++
		rates.GPUSecond, rates.ZonalGPUSecond = table.Regions[region].GPUSecond, table.Regions[region].ZonalGPUSecond
		table.Regions[region] = rates
	}
	if priced == 0 {
		return table, runwith.Errorf(runwith.DataLoss, "the catalog has no SKUs such as Jobs CPU in us-central1: write the prices yourself")
	}
	table.Date = time.Now().UTC().Format(time.DateOnly)
	return table, nil
}
