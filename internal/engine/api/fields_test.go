package api_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/genproto/googleapis/type/expr"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/runwith/runwith/internal/engine/metadata"
)

// runPackage is left out of the names of messages in docs/compatibility.md.
const runPackage = "google.cloud.run.v2"

// The values of the second column in docs/compatibility.md.
const (
	honoured     = "honoured"
	stored       = "stored"
	refusedOnRun = "refused on run"
	refused      = "refused"
	output       = "output"
	neverSet     = "never set"
)

// compatibility has the tables of docs/compatibility.md by their headings. Each table maps
// the first column to the second.
type compatibility map[string]map[string]string

var (
	docHeading = regexp.MustCompile("^#+ `?([^`]+)`?$")
	docRow     = regexp.MustCompile("^\\| `([^`]+)` \\| ([^|]+?) \\|")
)

func readCompatibility(t *testing.T) compatibility {
	t.Helper()
	text, err := os.ReadFile("../../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	doc, heading := compatibility{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if m := docHeading.FindStringSubmatch(line); m != nil {
			heading = m[1]
		}
		m := docRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if doc[heading] == nil {
			doc[heading] = map[string]string{}
		}
		if _, twice := doc[heading][m[1]]; twice {
			t.Errorf("docs/compatibility.md: %s stands twice under %s", m[1], heading)
		}
		doc[heading][m[1]] = m[2]
	}
	return doc
}

// of returns the row of a field.
func (d compatibility) of(field protoreflect.FieldDescriptor) string {
	return d[docName(field.ContainingMessage())][string(field.Name())]
}

// docName is a message's name in docs/compatibility.md.
func docName(message protoreflect.MessageDescriptor) string {
	return strings.TrimPrefix(string(message.FullName()), runPackage+".")
}

// servedMessages returns the messages that docs/compatibility.md must cover.
func servedMessages() map[string]protoreflect.MessageDescriptor {
	all := map[string]protoreflect.MessageDescriptor{}
	for _, m := range []proto.Message{
		&runpb.Job{}, &runpb.Execution{}, &runpb.Task{}, &longrunningpb.Operation{}, &loggingpb.LogEntry{},
		&longrunningpb.GetOperationRequest{}, &longrunningpb.ListOperationsRequest{}, &longrunningpb.WaitOperationRequest{},
		&iampb.GetIamPolicyRequest{}, &iampb.GetPolicyOptions{}, &iampb.SetIamPolicyRequest{}, &iampb.Policy{}, &iampb.Binding{}, &expr.Expr{},
		&iampb.TestIamPermissionsRequest{},
		&longrunningpb.DeleteOperationRequest{}, &loggingpb.ListLogEntriesRequest{}, &loggingpb.TailLogEntriesRequest{},
		&loggingpb.ListLogsRequest{}, &loggingpb.ListMonitoredResourceDescriptorsRequest{},
	} {
		addMessages(all, m.ProtoReflect().Descriptor(), nil)
	}
	for _, file := range []protoreflect.FileDescriptor{
		runpb.File_google_cloud_run_v2_job_proto, runpb.File_google_cloud_run_v2_execution_proto, runpb.File_google_cloud_run_v2_task_proto,
	} {
		for i := range file.Messages().Len() {
			if m := file.Messages().Get(i); strings.HasSuffix(string(m.Name()), "Request") {
				addMessages(all, m, nil)
			}
		}
	}
	return all
}

// addMessages adds a message and the messages of Cloud Run in its fields. It skips the
// fields that are left out.
func addMessages(all map[string]protoreflect.MessageDescriptor, m protoreflect.MessageDescriptor, leaveOut func(protoreflect.FieldDescriptor) bool) {
	if all[docName(m)] != nil {
		return
	}
	all[docName(m)] = m
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		below := field.Message()
		if below == nil || field.IsMap() || below.ParentFile().Package() != runPackage || leaveOut != nil && leaveOut(field) {
			continue
		}
		addMessages(all, below, leaveOut)
	}
}

// It fails when a new version of Google's messages has new fields.
func TestCompatibilityTablesHaveEveryField(t *testing.T) {
	t.Parallel()
	doc := readCompatibility(t)
	known := []string{honoured, stored, refusedOnRun, refused, output, neverSet}
	for name, message := range servedMessages() {
		rows := maps.Clone(doc[name])
		for i := range message.Fields().Len() {
			field := string(message.Fields().Get(i).Name())
			if says, ok := rows[field]; !ok {
				t.Errorf("docs/compatibility.md does not say what becomes of %s.%s", name, field)
			} else if !slices.Contains(known, says) {
				t.Errorf("docs/compatibility.md: %s.%s is %q, want one of %q", name, field, says, known)
			}
			delete(rows, field)
		}
		for row := range rows {
			t.Errorf("docs/compatibility.md speaks of %s.%s, which does not exist", name, row)
		}
		delete(doc, name)
	}
	for _, service := range servedServices {
		delete(doc, service.ServiceName)
	}
	delete(doc, metadataHeading)
	for _, heading := range v1Headings {
		delete(doc, heading)
	}
	for heading := range doc {
		t.Errorf("docs/compatibility.md has a table for %s, which is no message of the API", heading)
	}
}

// servedServices are the gRPC services that have a table of methods.
var servedServices = []*grpc.ServiceDesc{
	&runpb.Jobs_ServiceDesc, &runpb.Executions_ServiceDesc, &runpb.Tasks_ServiceDesc,
	&longrunningpb.Operations_ServiceDesc, &loggingpb.LoggingServiceV2_ServiceDesc,
}

func TestMethodsMatchTheCompatibilityTables(t *testing.T) {
	t.Parallel()
	doc := readCompatibility(t)
	conn, err := grpc.NewClient(newServer(t).addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, service := range servedServices {
		rows := maps.Clone(doc[service.ServiceName])
		check := func(method string, call func(path string) error) {
			says, ok := rows[method]
			delete(rows, method)
			if !ok {
				t.Errorf("docs/compatibility.md does not say whether %s.%s is served", service.ServiceName, method)
				return
			}
			err := call("/" + service.ServiceName + "/" + method)
			if served := status.Code(err) != codes.Unimplemented; served != (says == "served") {
				t.Errorf("docs/compatibility.md: %s.%s is %q, and it answers %v", service.ServiceName, method, says, err)
			}
		}
		for _, method := range service.Methods {
			check(method.MethodName, func(path string) error {
				return conn.Invoke(t.Context(), path, &emptypb.Empty{}, &emptypb.Empty{})
			})
		}
		for _, stream := range service.Streams {
			check(stream.StreamName, func(path string) error { return callStream(t.Context(), conn, path) })
		}
		for method := range rows {
			t.Errorf("docs/compatibility.md speaks of %s.%s, which does not exist", service.ServiceName, method)
		}
	}
}

// callStream sends one empty message and returns the error of the answer.
func callStream(ctx context.Context, conn *grpc.ClientConn, path string) error {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, path)
	if err != nil {
		return err
	}
	// EOF means that the server has ended the stream already; RecvMsg tells why.
	if err := stream.SendMsg(&emptypb.Empty{}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(&emptypb.Empty{})
}

const metadataHeading = "Metadata server"

func TestMetadataServerMatchesTheCompatibilityTable(t *testing.T) {
	t.Parallel()
	authority, err := metadata.Open(metadata.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := http.NewServeMux()
	authority.Register(server)
	rows := readCompatibility(t)[metadataHeading]
	if len(rows) == 0 {
		t.Error("docs/compatibility.md has no table of the metadata server")
	}
	ask := func(path string) *httptest.ResponseRecorder {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/computeMetadata/v1/"+path, nil)
		req.Header.Set("Metadata-Flavor", "Google")
		res := httptest.NewRecorder()
		server.ServeHTTP(res, req)
		return res
	}
	for path, says := range rows {
		if res := ask(path); says != "served" || res.Code != http.StatusOK {
			t.Errorf("docs/compatibility.md: %s is %q, and it answers %d", path, says, res.Code)
		}
	}
	for line := range strings.Lines(ask("?recursive=true&alt=text").Body.String()) {
		path, _, _ := strings.Cut(line, " ")
		if _, ok := rows[path]; !ok && !strings.Contains(path, "@") {
			t.Errorf("docs/compatibility.md does not speak of %s, which the metadata server has", path)
		}
	}
}
