package cloudrun_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

// TestFetchPrices reads two pages of a catalog that has the form of Google's. The real one is
// not asked.
func TestFetchPrices(t *testing.T) {
	t.Parallel()
	sku := func(what, unit, tiers string) string {
		return fmt.Sprintf(`{"description": "Jobs %s in us-central1", "serviceRegions": ["us-central1"], "pricingInfo": [{"pricingExpression": {"usageUnit": %q, "tieredRates": [%s]}}]}`, what, unit, tiers)
	}
	catalog := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Goog-Api-Key") != "key" || r.URL.Query().Get("key") != "":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path != "/v1/services/152E-C115-5142/skus":
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Query().Get("pageToken") == "":
			fmt.Fprintf(w, `{"skus": [%s, %s], "nextPageToken": "2"}`, sku("CPU", "s", `{"unitPrice": {"units": "0", "nanos": 0}}, {"startUsageAmount": 240000, "unitPrice": {"units": "0", "nanos": 18000}}`), sku("Free", "s", ""))
		default:
			fmt.Fprintf(w, `{"skus": [%s]}`, sku("Memory", "GiBy.s", `{"unitPrice": {"nanos": 2000}}`))
		}
	}))
	defer catalog.Close()
	got, err := cloudrun.FetchPrices(t.Context(), catalog.URL, "key\n")
	want := []cloudrun.SKUPrice{{Description: "Jobs CPU in us-central1", Region: "us-central1", Unit: "s", Nanos: 18_000}, {Description: "Jobs Memory in us-central1", Region: "us-central1", Unit: "GiBy.s", Nanos: 2_000}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("FetchPrices() = %v (-want +got):\n%s", err, diff)
	}
	if _, err := cloudrun.FetchPrices(t.Context(), catalog.URL, "other"); runwith.CodeOf(err) != runwith.FailedPrecondition {
		t.Errorf("FetchPrices() with a wrong key = %v, want FAILED_PRECONDITION", err)
	}
}
