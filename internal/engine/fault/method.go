package fault

import (
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Methods returns the methods that a rule may name: all unary methods of the Cloud Run
// Jobs API, its operations and Cloud Logging. A v1 method counts as the v2 method that
// does the same.
func Methods() []string { return methodsThat(false) }

// methodsThat returns the streaming methods, or the unary ones.
func methodsThat(stream bool) (names []string) {
	for _, file := range []protoreflect.FileDescriptor{
		runpb.File_google_cloud_run_v2_job_proto,
		runpb.File_google_cloud_run_v2_execution_proto,
		runpb.File_google_cloud_run_v2_task_proto,
		longrunningpb.File_google_longrunning_operations_proto,
		loggingpb.File_google_logging_v2_logging_proto,
	} {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				if m := methods.Get(j); stream == (m.IsStreamingClient() || m.IsStreamingServer()) {
					names = append(names, string(m.Name()))
				}
			}
		}
	}
	return names
}
