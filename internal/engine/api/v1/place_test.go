package v1

import (
	"strings"
	"testing"
)

func TestRegionOf(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"us-east4-run.googleapis.com":      "us-east4",
		"us-east4-run.googleapis.com:443":  "us-east4",
		"US-East4-Run.GoogleAPIs.com.":     "us-east4",
		"europe-west1-run.localhost":       "europe-west1",
		"us-east4-run.example.com":         "us-east4", // by --allow-host
		"us-east4-localhost":               "us-east4", // what gcloud makes of http://localhost
		"us-east4-localhost:8080":          "us-east4",
		"run.googleapis.com":               "",
		"run.localhost":                    "",
		"localhost":                        "",
		"localhost:8080":                   "",
		"127.0.0.1:8080":                   "",
		"[::1]:8080":                       "",
		"":                                 "",
		"-run.googleapis.com":              "",
		"us-east4.run.googleapis.com":      "",
		"logging.localhost":                "",
		"a.us-east4-localhost.example.com": "",
	} {
		if got := regionOf(host); got != want {
			t.Errorf("regionOf(%q) = %q, want %q", host, got, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		host, namespace, region string
		one, all                string // or what the error says
	}{
		{"us-east4-run.localhost", "demo", "", "projects/demo/locations/us-east4", "projects/demo/locations/us-east4"},
		{"us-east4-run.localhost", "123", "europe-west1", "projects/demo/locations/us-east4", "projects/demo/locations/us-east4"},
		{"run.localhost", "other", "europe-west1", "projects/other/locations/europe-west1", "projects/other/locations/-"},
		{"run.localhost", "demo", "", "names no region, and the server has none", "names no region, and the server has none"},
		{"us_east4-run.localhost", "demo", "", `host "us_east4-run.localhost": names no region`, "names no region"},
		{"run.localhost", "-", "europe-west1", "namespaces/-: must be the ID", "namespaces/-: must be the ID"},
	} {
		a := &API{Config{Project: "demo", ProjectNumber: "123", Region: test.region}}
		r := &Request{Host: test.host, Path: map[string]string{"namespace": test.namespace}}
		one, err := a.place(r)
		if got := one.String(); err == nil && got != test.one {
			t.Errorf("place(%s, %s) = %s, want %s", test.host, test.namespace, got, test.one)
		}
		if err != nil && !strings.Contains(err.Error(), test.one) {
			t.Errorf("place(%s, %s): error = %v, want %s", test.host, test.namespace, err, test.one)
		}
		all, err := a.everywhere(r)
		if got := all.String(); err == nil && got != test.all {
			t.Errorf("everywhere(%s, %s) = %s, want %s", test.host, test.namespace, got, test.all)
		}
		if err != nil && !strings.Contains(err.Error(), test.all) {
			t.Errorf("everywhere(%s, %s): error = %v, want %s", test.host, test.namespace, err, test.all)
		}
	}
}
