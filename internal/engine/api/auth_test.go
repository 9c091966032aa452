package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"golang.org/x/oauth2"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/api"
	"github.com/runwith/runwith/internal/engine/metadata"
)

// callers dials clients with and without a token.
type callers struct {
	addr  string // of a server that asks for a token
	token string
}

// serveCallers serves an engine that requires tokens, as the binary does.
func serveCallers(t *testing.T) callers {
	t.Helper()
	authority, err := metadata.Open(metadata.Config{})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	authority.Register(mux)
	r := httptest.NewRequest(http.MethodGet, "/computeMetadata/v1/instance/service-accounts/default/token", nil)
	r.Header.Set("Metadata-Flavor", "Google")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	var token oauth2.Token
	if err := json.Unmarshal(w.Body.Bytes(), &token); err != nil {
		t.Fatal(err)
	}
	addr, stop := splitOf(t, api.Config{Engine: newServer(t).engine, Authenticate: authority.Authenticate})
	t.Cleanup(stop)
	return callers{addr, token.AccessToken}
}

// sender sends a token over gRPC without TLS.
type sender string

func (s sender) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(s)}, nil
}
func (sender) RequireTransportSecurity() bool { return false }

// jobs returns the official client over both transports, with a token unless it is empty.
func (c callers) jobs(t *testing.T, token string) map[string]*run.JobsClient {
	t.Helper()
	var dial []grpc.DialOption
	httpClient := &http.Client{}
	if token != "" {
		dial = append(dial, grpc.WithPerRPCCredentials(sender(token)))
		httpClient.Transport = &oauth2.Transport{Source: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token})}
	}
	overGRPC, err := run.NewJobsClient(t.Context(), option.WithGRPCConn(connect(t, c.addr, dial...)))
	if err != nil {
		t.Fatal(err)
	}
	overREST, err := run.NewJobsRESTClient(t.Context(), option.WithEndpoint("http://"+c.addr), option.WithHTTPClient(httpClient))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { overGRPC.Close(); overREST.Close() })
	return map[string]*run.JobsClient{"gRPC": overGRPC, "REST": overREST}
}

func TestOfficialClientsWithAndWithoutToken(t *testing.T) {
	t.Parallel()
	c := serveCallers(t)
	for _, test := range []struct {
		name, token string
		want        codes.Code
		says        string
	}{
		{"with a token", c.token, codes.OK, ""},
		{"without", "", codes.Unauthenticated, "the request has no token"},
		{"with another's", "ya29.x", codes.Unauthenticated, "was not issued by this server"},
	} {
		for transport, client := range c.jobs(t, test.token) {
			_, err := client.ListJobs(t.Context(), &runpb.ListJobsRequest{Parent: parent}).Next()
			if errors.Is(err, iterator.Done) {
				err = nil
			}
			call := test.name + " over " + transport + ": ListJobs()"
			wantCode(t, call, err, test.want, test.says)
			wantCode(t, call, err, test.want, "curl")
		}
	}
}

// Methods that do not exist require a token too.
func TestEveryMethodRequiresAToken(t *testing.T) {
	t.Parallel()
	c := serveCallers(t)
	conn := connect(t, c.addr)
	for _, method := range append(served(t), method{path: "/google.cloud.run.v2.Services/GetService"}) {
		for kind, err := range map[string]error{
			"call":   conn.Invoke(t.Context(), method.path, &emptypb.Empty{}, &emptypb.Empty{}),
			"stream": callStream(t.Context(), conn, method.path),
		} {
			if got := status.Code(err); got != codes.Unauthenticated {
				t.Errorf("%s of %s = %v, want UNAUTHENTICATED", kind, method.path, err)
			}
		}
	}
}

// method is a gRPC method and its REST binding.
type method struct {
	path string // of gRPC
	rule *annotations.HttpRule
}

// served returns all methods of the engine's services.
func served(t *testing.T) (all []method) {
	t.Helper()
	for _, desc := range servedServices {
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(desc.ServiceName))
		if err != nil {
			t.Fatal(err)
		}
		methods := found.(protoreflect.ServiceDescriptor).Methods()
		for i := range methods.Len() {
			rule, _ := proto.GetExtension(methods.Get(i).Options(), annotations.E_Http).(*annotations.HttpRule)
			all = append(all, method{"/" + desc.ServiceName + "/" + string(methods.Get(i).Name()), rule})
		}
	}
	return all
}

// Paths that do not exist require a token too.
func TestEveryRouteRequiresAToken(t *testing.T) {
	t.Parallel()
	c := serveCallers(t)
	requests := [][2]string{
		{"GET", "/v2/" + parent + "/operations/x"}, {"POST", "/v2/" + parent + "/operations/x:wait"}, {"DELETE", "/v2/" + parent + "/operations/x"},
		{"GET", "/v1/" + hello + ":getIamPolicy"}, {"POST", "/v1/" + hello + ":setIamPolicy"}, {"POST", "/v1/" + hello + ":testIamPermissions"},
		{"GET", "/apis/run.googleapis.com/v1/namespaces/demo/jobs"}, {"POST", "/apis/run.googleapis.com/v1/namespaces/demo/jobs/hello:run"},
		{"GET", "/v1/projects/demo"}, {"GET", "/v1/projects/demo/locations"}, {"GET", "/v1/projects/demo/services/run.googleapis.com"},
		{"POST", "/v2/entries:list"}, {"GET", "/"}, {"GET", "/elsewhere"}, {"OPTIONS", "/v2/" + parent + "/jobs"}, {"PROPFIND", "/v2/" + parent + "/jobs"},
	}
	for _, method := range served(t) {
		for _, rule := range append([]*annotations.HttpRule{method.rule}, method.rule.GetAdditionalBindings()...) {
			for verb, template := range map[string]string{
				"GET": rule.GetGet(), "POST": rule.GetPost(), "PATCH": rule.GetPatch(), "PUT": rule.GetPut(), "DELETE": rule.GetDelete(),
			} {
				if template != "" {
					requests = append(requests, [2]string{verb, strings.NewReplacer("{", "", "}", "", "**", "x", "*", "x", "=", "/").Replace(template)})
				}
			}
		}
	}
	if len(requests) < 30 {
		t.Errorf("there are %d requests, want those of every annotation among them", len(requests))
	}
	for _, request := range requests {
		r, err := http.NewRequestWithContext(t.Context(), request[0], "http://"+c.addr+request[1], nil)
		if err != nil {
			t.Fatal(err)
		}
		checkChallenge(t, r, `Bearer realm="runwith"`)
		r.Header.Set("Authorization", "Bearer x")
		checkChallenge(t, r, `Bearer realm="runwith", error="invalid_token"`)
	}
}

// checkChallenge requires an answer in Google's form of a refusal.
func checkChallenge(t *testing.T, r *http.Request, challenge string) {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body struct {
		Error struct {
			Code            int
			Status, Message string
		}
	}
	call := r.Method + " " + r.URL.Path
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		t.Fatalf("%s: %v", call, err)
	}
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("%s: status = %d, want 401", call, res.StatusCode)
	}
	if got := res.Header.Get("WWW-Authenticate"); got != challenge {
		t.Errorf("%s: WWW-Authenticate = %q, want %q", call, got, challenge)
	}
	if body.Error.Code != res.StatusCode {
		t.Errorf("%s: code in the body = %d, want that of the answer, %d", call, body.Error.Code, res.StatusCode)
	}
	if body.Error.Status != "UNAUTHENTICATED" {
		t.Errorf("%s: status in the body = %q, want UNAUTHENTICATED", call, body.Error.Status)
	}
	if !strings.Contains(body.Error.Message, "curl") {
		t.Errorf("%s: message = %q, want where there is a token", call, body.Error.Message)
	}
}

// gRPC over net/http requires a token too.
func TestHandlerRequiresATokenOfGRPC(t *testing.T) {
	t.Parallel()
	api, err := api.New(api.Config{Engine: newServer(t).engine, Authenticate: func(http.Header) *runwith.Error {
		return runwith.Errorf(runwith.Unauthenticated, "who are you?")
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(api)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	_, err = runpb.NewJobsClient(connect(t, s.Listener.Addr().String())).ListJobs(t.Context(), &runpb.ListJobsRequest{Parent: parent})
	if s := status.Convert(err); s.Code() != codes.Unauthenticated || s.Message() != "who are you?" {
		t.Errorf("ListJobs() = %v, want UNAUTHENTICATED", err)
	}
}
