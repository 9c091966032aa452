//go:build linux || darwin

package runwithtest_test

import (
	"errors"
	"net/http"
	"testing"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	runv1 "google.golang.org/api/run/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith/runwithtest"
)

func TestServerOptionsSendTheRequiredToken(t *testing.T) {
	t.Parallel()
	s := runwithtest.Start(t, runwithtest.RequireAuth())
	insecure := option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials()))
	for name, test := range map[string]struct {
		options []option.ClientOption
		want    codes.Code
	}{
		"options of the server": {s.GRPC(), codes.OK},
		"other options":         {[]option.ClientOption{option.WithEndpoint(s.Addr), option.WithoutAuthentication(), insecure}, codes.Unauthenticated},
	} {
		jobs, err := run.NewJobsClient(t.Context(), test.options...)
		if err != nil {
			t.Fatal(err)
		}
		_, err = jobs.ListJobs(t.Context(), &runpb.ListJobsRequest{Parent: s.Parent()}).Next()
		if errors.Is(err, iterator.Done) {
			err = nil
		}
		if status.Code(err) != test.want {
			t.Errorf("%s over gRPC: ListJobs() = %v, want %v", name, err, test.want)
		}
		_ = jobs.Close()
	}

	service, err := runv1.NewService(t.Context(), s.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.Namespaces.Jobs.List("namespaces/" + s.Project).Context(t.Context()).Do(); err != nil {
		t.Errorf("over REST: %v", err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v2/"+s.Parent()+"/jobs", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %s, want 401", res.Status)
	}
}

// TestApplicationDefaultCredentials checks that Google's libraries find the metadata
// server and send its token, as inside Cloud Run.
func TestApplicationDefaultCredentials(t *testing.T) {
	s := runwithtest.Start(t, runwithtest.RequireAuth())
	t.Setenv("GCE_METADATA_HOST", s.Addr)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("HOME", t.TempDir()) // hide the developer's own credentials
	service, err := runv1.NewService(t.Context(), option.WithEndpoint(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.Namespaces.Jobs.List("namespaces/" + s.Project).Context(t.Context()).Do(); err != nil {
		t.Error(err)
	}
}
