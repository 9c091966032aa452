package cloudrun

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/runwith/runwith"
)

const (
	// Catalog is the address of Google's Cloud Billing Catalog.
	Catalog = "https://cloudbilling.googleapis.com"
	// catalogService is the service "Cloud Run" in the catalog.
	catalogService = "152E-C115-5142"
	// maxCatalogPage bounds a page, in bytes, and maxCatalogPages their number.
	maxCatalogPage, maxCatalogPages = 64 << 20, 100
)

// SKUPrice is the price of one SKU in one region, in billionths of US dollars for a unit.
type SKUPrice struct {
	Description, Region, Unit string
	Nanos                     int64
}

// FetchPrices reads the prices of Cloud Run's SKUs with an API key.
// See https://cloud.google.com/billing/docs/reference/rest/v1/services.skus/list.
func FetchPrices(ctx context.Context, catalog, key string) (prices []SKUPrice, err error) {
	client := &http.Client{Timeout: time.Minute, CheckRedirect: noRedirect}
	token := ""
	for range maxCatalogPages {
		page, err := catalogPage(ctx, client, catalog, key, token)
		if err != nil {
			return nil, err
		}
		for _, sku := range page.SKUs {
			for _, region := range sku.Regions {
				if nanos, unit, ok := sku.price(); ok {
					prices = append(prices, SKUPrice{sku.Description, region, unit, nanos})
				}
			}
		}
		if token = page.NextPageToken; token == "" {
			return prices, nil
		}
	}
	return nil, runwith.Errorf(runwith.DataLoss, "the Billing catalog has more than %d pages", maxCatalogPages)
}

type skuPage struct {
	SKUs          []sku  `json:"skus"`
	NextPageToken string `json:"nextPageToken"`
}

type sku struct {
	Description string   `json:"description"`
	Regions     []string `json:"serviceRegions"`
	PricingInfo []struct {
		Expression struct {
			Unit  string `json:"usageUnit"`
			Tiers []struct {
				Price struct {
					Units string `json:"units"`
					Nanos int64  `json:"nanos"`
				} `json:"unitPrice"`
			} `json:"tieredRates"`
		} `json:"pricingExpression"`
	} `json:"pricingInfo"`
}

// price returns the price of the first tier that costs something: a free tier is before it.
func (s sku) price() (nanos int64, unit string, ok bool) {
	for _, info := range s.PricingInfo {
		for _, tier := range info.Expression.Tiers {
			units, _ := strconv.ParseInt(tier.Price.Units, 10, 64) // absent is 0
			if nanos = units*1e9 + tier.Price.Nanos; nanos > 0 {
				return nanos, info.Expression.Unit, true
			}
		}
	}
	return 0, "", false
}

// catalogPage reads a page. The key is in a header, so that no log of addresses has it.
func catalogPage(ctx context.Context, client *http.Client, catalog, key, token string) (page skuPage, err error) {
	query := url.Values{"currencyCode": {"USD"}, "pageSize": {"5000"}}
	if token != "" {
		query.Set("pageToken", token)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, catalog+"/v1/services/"+catalogService+"/skus?"+query.Encode(), nil)
	if err != nil {
		return page, fmt.Errorf("ask the Billing catalog: %w", err)
	}
	r.Header.Set("X-Goog-Api-Key", strings.TrimSpace(key))
	response, err := client.Do(r)
	if err != nil {
		return page, &runwith.Error{Code: runwith.Unavailable, Message: "the Billing catalog does not answer: " + err.Error(), Err: err}
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return page, runwith.Errorf(runwith.FailedPrecondition, "the Billing catalog answers %s: check the API key, and that the Cloud Billing API is enabled", response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxCatalogPage)).Decode(&page); err != nil {
		return page, &runwith.Error{Code: runwith.DataLoss, Message: "the answer of the Billing catalog cannot be read", Err: err}
	}
	return page, nil
}
