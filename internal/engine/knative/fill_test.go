package knative_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"cloud.google.com/go/run/apiv2/runpb"
)

// variants is the number of objects that together set every field. It must be at least
// the size of the largest choice, in each of the two states of an object.
const variants = 12

// v1Filler sets every field of an object of v1, at every depth.
type v1Filler struct {
	variant int
	count   int // makes each value different
}

// choices are the mutually exclusive fields of each type.
var choices = map[string][]string{
	"Probe":   {"HTTPGet", "TCPSocket", "GRPC"},
	"Volume":  {"Secret", "EmptyDir", "NFS", "CSI"},
	"EnvVar":  {"Value", "ValueFrom"},
	"JobSpec": {"StartExecutionToken", "RunExecutionToken"},

	"TaskAttemptResult": {"ExitCode", "TermSignal"},
}

func (f *v1Filler) fill(v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		of := choices[v.Type().Name()]
		if slices.Contains(of, field.Name) && of[f.variant%len(of)] != field.Name {
			continue
		}
		if kind := field.Type.Name(); slices.Contains([]string{"refused", "fixed", "ignored"}, kind) {
			continue
		}
		v.Field(i).Set(f.value(v.Type().Name()+"."+field.Name, field.Type))
	}
}

func (f *v1Filler) value(path string, of reflect.Type) reflect.Value {
	f.count++
	if special, ok := f.special(path); ok {
		return reflect.ValueOf(special).Convert(of)
	}
	value := reflect.New(of).Elem()
	switch of.Kind() {
	case reflect.Pointer:
		value.Set(reflect.New(of.Elem()))
		value.Elem().Set(f.value(path, of.Elem()))
	case reflect.Slice:
		value.Set(reflect.Append(value, f.value(path, of.Elem()), f.value(path, of.Elem())))
	case reflect.Map:
		value.Set(reflect.ValueOf(map[string]string{"example.com/key": fmt.Sprint("value-", f.count)}))
	case reflect.Struct:
		f.fill(value)
	case reflect.String:
		value.SetString(fmt.Sprint("text-", f.count))
	case reflect.Int32, reflect.Int64:
		value.SetInt(int64(f.count))
	case reflect.Bool:
		value.SetBool(true)
	default:
		panic(of.String())
	}
	return value
}

// special returns the values of fields that do not accept an arbitrary text or number.
func (f *v1Filler) special(path string) (any, bool) {
	time := fmt.Sprintf("2026-11-23T07:51:%02d.500000Z", f.count%60)
	switch path[strings.LastIndexByte(path, '.')+1:] {
	case "CreationTimestamp", "CompletionTimestamp", "DeletionTimestamp", "LastTransitionTime", "StartTime", "CompletionTime":
		return time, true
	}
	switch path {
	case "Job.APIVersion", "Execution.APIVersion", "Task.APIVersion":
		return "run.googleapis.com/v1", true
	case "Job.Kind", "Execution.Kind", "Task.Kind":
		return strings.TrimSuffix(path, ".Kind"), true
	case "ObjectMeta.Name":
		return "hello", true
	case "ObjectMeta.Namespace":
		return "123456789012", true
	case "ExecutionReference.CompletionStatus":
		return "EXECUTION_FAILED", true
	case "Condition.Severity":
		return []string{"Error", "Warning", "Info"}[f.variant%3], true
	case "Condition.Status":
		return []string{"True", "False", "Unknown"}[f.variant%3], true
	case "Condition.Reason":
		return []string{"NonZeroExitCode", "ImmediateRetry", "MinInstancesWarming"}[f.variant%3], true
	case "TaskSpec.NodeSelector":
		return map[string]string{"run.googleapis.com/accelerator": "nvidia-l4"}, true
	case "EmptyDirVolumeSource.Medium":
		return "Memory", true
	case "CSIVolumeSource.Driver":
		return []string{"gcsfuse.run.googleapis.com", "cloudsql.run.googleapis.com"}[f.variant/4%2], true
	case "CSIVolumeSource.ReadOnly":
		return f.variant/4%2 == 0, true
	case "CSIVolumeSource.VolumeAttributes":
		return []map[string]string{{"bucketName": "b", "mountOptions": "a=1,b"}, {"instances": "p:r:i,p:r:j"}}[f.variant/4%2], true
	case "GoogleRPCStatus.Details":
		return []json.RawMessage{json.RawMessage(`{"@type":"type.googleapis.com/nobody.Knows","value":"AQL/"}`)}, true
	}
	return nil, false
}

// v2Filler sets every field of a v2 message, at every depth, except those in untold.
type v2Filler struct {
	variant int
	count   int
	skipped map[string]bool // fields of untold that were skipped
}

// untold are v2's fields without a counterpart in v1, with the reason why this loses
// nothing.
var untold = map[protoreflect.FullName]string{
	"google.cloud.run.v2.Job.expire_time":       "of deleted jobs, which v1 never shows",
	"google.cloud.run.v2.Execution.expire_time": "of deleted executions, which v1 never shows",
	"google.cloud.run.v2.Task.expire_time":      "the engine never sets it",

	"google.cloud.run.v2.Job.functional_type":                   "v1 has no place for it: an update through v1 clears it",
	"google.cloud.run.v2.TaskTemplate.workload_identity_config": "v1 has no place for it: an update through v1 clears it",
	"google.cloud.run.v2.Task.workload_identity_config":         "the task's template has it",
	"google.cloud.run.v2.ExecutionTemplate.client":              "v1 has an annotation of its own",
	"google.cloud.run.v2.ExecutionTemplate.client_version":      "v1 has an annotation of its own",
	"google.cloud.run.v2.Execution.client":                      "v1 has an annotation of its own",
	"google.cloud.run.v2.Execution.client_version":              "v1 has an annotation of its own",
	"google.cloud.run.v2.SourceCode.inlined_source":             "of services, refused for a job",
	"google.cloud.run.v2.Condition.instance_reason":             "of instances, the engine never sets it",

	"google.cloud.run.v2.Container.build_info": "the engine never sets it, and ignores it on input",
}

func (f *v2Filler) fill(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if untold[field.FullName()] != "" {
			f.skipped[string(field.FullName())] = true
			continue
		}
		if of := told(field); of != nil && of[f.variant%len(of)] != field {
			continue
		}
		switch {
		case field.IsMap():
			f.count++
			key := protoreflect.ValueOfString("example.com/key").MapKey()
			m.Mutable(field).Map().Set(key, protoreflect.ValueOfString(fmt.Sprint("value-", f.count)))
		case field.IsList():
			list := m.Mutable(field).List()
			list.Append(f.value(field, list.NewElement()))
			list.Append(f.value(field, list.NewElement()))
		default:
			if value := f.value(field, m.NewField(field)); value.IsValid() {
				m.Set(field, value)
			}
		}
	}
}

// told returns the members of a field's oneof that v1 has too, or nil if it is in none.
func told(field protoreflect.FieldDescriptor) (members []protoreflect.FieldDescriptor) {
	if field.ContainingOneof() == nil {
		return nil
	}
	all := field.ContainingOneof().Fields()
	for i := range all.Len() {
		if untold[all.Get(i).FullName()] == "" {
			members = append(members, all.Get(i))
		}
	}
	return members
}

func (f *v2Filler) value(field protoreflect.FieldDescriptor, empty protoreflect.Value) protoreflect.Value {
	f.count++
	if special := f.special(field.FullName()); special != nil {
		if message, ok := special.(proto.Message); ok {
			return protoreflect.ValueOfMessage(message.ProtoReflect())
		}
		return protoreflect.ValueOf(special)
	}
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(fmt.Sprint("text-", f.count))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(f.count))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(f.count))
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(1 + f.variant%(values.Len()-1)).Number())
	}
	switch message := empty.Message().Interface().(type) {
	case *timestamppb.Timestamp:
		message.Seconds, message.Nanos = int64(1795420301+f.count), 903995000
	case *durationpb.Duration:
		message.Seconds = int64(f.count)
	default:
		f.fill(empty.Message())
	}
	return empty
}

// special returns the values of fields that depend on other fields.
func (f *v2Filler) special(field protoreflect.FullName) any {
	const job = "projects/demo/locations/us-east4/jobs/hello"
	ended := f.variant%2 == 0
	switch strings.TrimPrefix(string(field), "google.cloud.run.v2.") {
	case "Job.name":
		return job
	case "Execution.name", "ExecutionReference.name":
		return job + "/executions/hello-abcde"
	case "Task.name":
		return job + "/executions/hello-abcde/tasks/hello-abcde-task7"
	case "VpcAccess.connector":
		return "projects/p/locations/l/connectors/c"
	case "Execution.job", "Task.job":
		return "hello"
	case "Task.execution":
		return "hello-abcde"
	case "Job.launch_stage", "Execution.launch_stage":
		return []protoreflect.EnumNumber{api.LaunchStage_BETA.Number(), api.LaunchStage_GA.Number()}[f.variant%2]
	case "Job.terminal_condition":
		return f.condition("Ready", []runpb.Condition_State{runpb.Condition_CONDITION_FAILED, runpb.Condition_CONDITION_RECONCILING}[f.variant%2])
	case "Job.conditions":
		return f.condition("Other", runpb.Condition_CONDITION_SUCCEEDED)
	case "Execution.conditions", "Task.conditions":
		return f.condition("Completed", []runpb.Condition_State{runpb.Condition_CONDITION_FAILED, runpb.Condition_CONDITION_RECONCILING}[f.variant%2])
	case "Job.reconciling", "Execution.reconciling", "Task.reconciling":
		return !ended
	case "Task.start_time", "Task.scheduled_time":
		return &timestamppb.Timestamp{Seconds: 1795420301}
	case "BinaryAuthorization.use_default":
		return true
	case "TaskAttemptResult.exit_code":
		return []int32{1, 0}[f.variant%2]
	case "TaskAttemptResult.term_signal":
		return []int32{0, 15}[f.variant%2]
	case "TaskAttemptResult.status":
		linked, _ := anypb.New(&durationpb.Duration{Seconds: 5})
		return &statuspb.Status{Code: 10, Message: "The container exited with an error.", Details: []*anypb.Any{
			linked, {TypeUrl: "type.googleapis.com/nobody.Knows", Value: []byte{1, 2, 255}},
		}}
	case "Container.name":
		return fmt.Sprint("container-", f.count)
	case "ResourceRequirements.cpu_idle":
		return f.count%2 == 0
	case "EmptyDirVolumeSource.medium":
		return protoreflect.EnumNumber(f.variant % 3) // 2 has no name
	case "SecretVolumeSource.secret", "SecretKeySelector.secret":
		return []string{"mine", "projects/123/secrets/theirs", "projects/456/secrets/theirs", "projects/1/secrets/mine"}[f.count%4]
	}
	return nil
}

func (f *v2Filler) condition(kind string, state runpb.Condition_State) *runpb.Condition {
	c := &runpb.Condition{}
	(&v2Filler{variant: f.variant, skipped: f.skipped}).fill(c.ProtoReflect())
	c.Type, c.State = kind, state
	return c
}
