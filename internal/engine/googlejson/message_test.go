package googlejson_test

import (
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/googlejson"
)

// overrides is a request that overrides one container's settings.
func overrides(o *runpb.RunJobRequest_Overrides_ContainerOverride) *runpb.RunJobRequest {
	return &runpb.RunJobRequest{Overrides: &runpb.RunJobRequest_Overrides{ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{o}}}
}

func variable(name, value string) *runpb.EnvVar {
	return &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_Value{Value: value}}
}

func inTemplate(c *runpb.Container) *runpb.Job {
	return &runpb.Job{Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{c}}}}
}

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	type override = runpb.RunJobRequest_Overrides_ContainerOverride
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, body string
		want       proto.Message
	}{
		{"nothing", "", &runpb.RunJobRequest{}},
		{"an empty object", "{}", &runpb.RunJobRequest{}},

		{"one message for a list", `{"overrides":{"containerOverrides":{"args":["a"]}}}`, overrides(&override{Args: []string{"a"}})},
		{"one string for a list", `{"overrides":{"containerOverrides":[{"args":"a"}]}}`, overrides(&override{Args: []string{"a"}})},
		{"one variable for a list", `{"overrides":{"containerOverrides":[{"env":{"name":"K","value":"V"}}]}}`, overrides(&override{Env: []*runpb.EnvVar{variable("K", "V")}})},
		{"one value for a list everywhere", `{"resourceNames":"projects/demo"}`, &loggingpb.ListLogEntriesRequest{ResourceNames: []string{"projects/demo"}}},

		{"names of the proto", `{"overrides":{"container_overrides":[{"clear_args":true}],"task_count":2}}`,
			&runpb.RunJobRequest{Overrides: &runpb.RunJobRequest_Overrides{ContainerOverrides: []*override{{ClearArgs: true}}, TaskCount: 2}}},

		{"numbers in strings", `{"template":{"taskCount":"3","template":{"maxRetries":"1"}}}`,
			&runpb.Job{Template: &runpb.ExecutionTemplate{TaskCount: 3, Template: &runpb.TaskTemplate{Retries: &runpb.TaskTemplate_MaxRetries{MaxRetries: 1}}}}},
		{"numbers with a fraction of zero", `{"template":{"taskCount":3.0,"parallelism":2e0}}`, &runpb.Job{Template: &runpb.ExecutionTemplate{TaskCount: 3, Parallelism: 2}}},
		{"64 bits as a number and in a string", `{"generation":1,"observedGeneration":"9007199254740993"}`, &runpb.Job{Generation: 1, ObservedGeneration: 9007199254740993}},
		{"booleans in strings", `{"reconciling":"true","template":{"template":{"gpuZonalRedundancyDisabled":"no"}}}`,
			&runpb.Job{Reconciling: true, Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{GpuZonalRedundancyDisabled: new(false)}}}},

		{"an enum by name", `{"launchStage":"BETA"}`, &runpb.Job{LaunchStage: api.LaunchStage_BETA}},
		{"an enum by number", `{"launchStage":3}`, &runpb.Job{LaunchStage: api.LaunchStage_BETA}},
		{"an enum by number in a string", `{"launchStage":"3"}`, &runpb.Job{LaunchStage: api.LaunchStage_BETA}},
		{"an enum in other letters", `{"launchStage":"early-access"}`, &runpb.Job{LaunchStage: api.LaunchStage_EARLY_ACCESS}},
		{"an enum of a later API, by number", `{"launchStage":99}`, &runpb.Job{LaunchStage: 99}},

		{"base64", `{"etag":"+/8="}`, &iampb.Policy{Etag: []byte{0xfb, 0xff}}},
		{"base64 for URLs", `{"etag":"-_8="}`, &iampb.Policy{Etag: []byte{0xfb, 0xff}}},
		{"base64 without padding", `{"etag":"-_8"}`, &iampb.Policy{Etag: []byte{0xfb, 0xff}}},
		{"no bytes", `{"etag":""}`, &iampb.Policy{}},

		{"null for fields", `{"name":null,"labels":null,"template":{"taskCount":null,"template":null},"launchStage":null,"createTime":null,"runExecutionToken":null}`,
			&runpb.Job{Template: &runpb.ExecutionTemplate{}}},
		{"null for elements", `{"overrides":{"containerOverrides":[null,{"args":["a",null,"b"]}]}}`, overrides(&override{Args: []string{"a", "b"}})},
		{"null for entries", `{"labels":{"a":null,"b":"x"}}`, &runpb.Job{Labels: map[string]string{"a": "", "b": "x"}}},
		{"null is a value", `{"jsonPayload":{"a":null,"b":[null]}}`, &loggingpb.LogEntry{Payload: &loggingpb.LogEntry_JsonPayload{JsonPayload: &structpb.Struct{Fields: map[string]*structpb.Value{
			"a": structpb.NewNullValue(), "b": structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewNullValue()}}),
		}}}}},
		{"an empty value", `{"template":{"template":{"containers":[{"env":[{"name":"A","value":""}]}]}}}`, inTemplate(&runpb.Container{Env: []*runpb.EnvVar{variable("A", "")}})},

		{"a duration", `{"timeout":"1.5s"}`, &longrunningpb.WaitOperationRequest{Timeout: durationpb.New(1500e6)}},
		{"a duration by its fields", `{"timeout":{"seconds":"1","nanos":5e8}}`, &longrunningpb.WaitOperationRequest{Timeout: durationpb.New(1500e6)}},
		{"a time by its fields", `{"createTime":{"seconds":1769860800}}`, &runpb.Job{CreateTime: timestamppb.New(at)}},
		{"a field mask by its fields", `{"updateMask":{"paths":"bindings"}}`, &iampb.SetIamPolicyRequest{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"bindings"}}}},
		{"a time in another zone", `{"createTime":"2026-01-31T14:00:00+02:00"}`, &runpb.Job{CreateTime: timestamppb.New(at)}},
		{"a field mask", `{"updateMask":"bindings,requestedPolicy.version"}`, &iampb.SetIamPolicyRequest{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"bindings", "requested_policy.version"}}}},
		{"a field mask in the proto's names", `{"updateMask":"requested_policy.version"}`, &iampb.SetIamPolicyRequest{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"requested_policy.version"}}}},
		{"Google's samples in shells", `{'overrides': {containerOverrides: [{'args': ['a',]},],}}`, overrides(&override{Args: []string{"a"}})},
	} {
		got := test.want.ProtoReflect().New().Interface()
		err := googlejson.Unmarshal([]byte(test.body), got)
		if diff := cmp.Diff(test.want, got, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("%s: Unmarshal(%s) = %v (-want +got):\n%s", test.name, test.body, err, diff)
		}
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	t.Parallel()
	request, job, policy := &runpb.RunJobRequest{}, &runpb.Job{}, &iampb.SetIamPolicyRequest{}
	for _, test := range []struct {
		name, body string
		into       proto.Message
		want       string
	}{
		{"no object", `[]`, request, "body: must be an object, not a list"},
		{"null", `null`, request, "body: must be an object, not null"},
		{"no list and no element of one", `{"overrides":{"containerOverrides":"a"}}`, request, "overrides.containerOverrides: must be a list of objects, not a string"},
		{"a number for a list of strings", `{"overrides":{"containerOverrides":[{"args":7}]}}`, request, "overrides.containerOverrides[0].args: must be a list of strings, not 7"},
		{"an object for a list of strings", `{"overrides":{"containerOverrides":[{"args":{"a":[1]}}]}}`, request, "overrides.containerOverrides[0].args: must be a list of strings, not an object"},
		{"a list in a list", `{"overrides":{"containerOverrides":[{"args":["a",["b"]]}]}}`, request, "overrides.containerOverrides[0].args[1]: must be a string, not a list"},
		{"a list for one value", `{"overrides":[{}]}`, request, "overrides: must be an object, not a list"},
		{"a number for a string", `{"name":7}`, job, "name: must be a string, not 7"},
		{"a word for a number", `{"overrides":{"taskCount":"many"}}`, request, "overrides.taskCount: must be a whole number of 32 bits, not a string"},
		{"a fraction", `{"overrides":{"taskCount":1.5}}`, request, "overrides.taskCount: must be a whole number of 32 bits, not 1.5"},
		{"too large a number", `{"overrides":{"taskCount":2147483648}}`, request, "overrides.taskCount: must be a whole number of 32 bits, not 2147483648"},
		{"a number in Go's notation", `{"overrides":{"taskCount":"0x10"}}`, request, "overrides.taskCount: must be a whole number of 32 bits, not a string"},
		{"a number for a boolean", `{"validateOnly":1}`, request, "validateOnly: must be true or false, not 1"},
		{"a word for a boolean", `{"validateOnly":"maybe"}`, request, "validateOnly: must be true or false, not a string"},
		{"a map that is a list", `{"labels":[]}`, job, "labels: must be an object, not a list"},
		{"a label that is a number", `{"labels":{"a":1}}`, job, `labels["a"]: must be a string, not 1`},
		{"an enum without such a name", `{"launchStage":"LATER"}`, job,
			`launchStage: must be one of LAUNCH_STAGE_UNSPECIFIED, UNIMPLEMENTED, PRELAUNCH, EARLY_ACCESS, ALPHA, BETA, GA, DEPRECATED, not "LATER", which this server does not know if a newer version of Cloud Run's API has it`},
		{"no base64", `{"policy":{"etag":"!"}}`, policy, "policy.etag: must be bytes in base64, not a string"},
		{"a duration without a unit", `{"overrides":{"timeout":"600"}}`, request, "overrides.timeout: must be a duration in seconds, such as 600s, not a string"},
		{"a duration that is a number", `{"overrides":{"timeout":600}}`, request, "overrides.timeout: must be a duration in seconds, such as 600s, not 600"},
		{"a duration out of bounds", `{"overrides":{"timeout":{"nanos":1000000000}}}`, request, "overrides.timeout: must be a duration in seconds, such as 600s, not an object"},
		{"a duration with another field", `{"overrides":{"timeout":{"second":1}}}`, request, "overrides.timeout.second: is not a field of Duration, did you mean seconds? (its fields: seconds, nanos)"},
		{"a time that is none", `{"createTime":"yesterday"}`, job, "createTime: must be a time, such as 2026-01-31T12:00:00Z, not a string"},
		{"a mask that is none", `{"updateMask":"a,,b"}`, policy, "updateMask: must be names of fields, separated by commas, not a string"},

		{"an unknown field", `{"overides":{"containerOverrides":[]}}`, request, "overides: is not a field of RunJobRequest, did you mean overrides? (its fields: name, validateOnly, etag, overrides)"},
		{"an unknown field that is like none", `{"overrides":{"image":"x"}}`, request, "overrides.image: is not a field of Overrides (its fields: containerOverrides, taskCount, timeout, delayExecution)"},
		{"a field in other letters", `{"Overrides":{}}`, request, "Overrides: is not a field of RunJobRequest, did you mean overrides? (its fields: name, validateOnly, etag, overrides)"},
		{"a field in other letters, within", `{"overrides":{"taskcount":1}}`, request,
			"overrides.taskcount: is not a field of Overrides, did you mean taskCount? (its fields: containerOverrides, taskCount, timeout, delayExecution)"},
		{"a name that cannot be printed", `{"a\nb":1}`, request, `"a\nb": is not a field of RunJobRequest (its fields: name, validateOnly, etag, overrides)`},
		{"a field twice", `{"name":"a","name":"a"}`, request, "name: occurs twice"},
		{"a field in both spellings", `{"validateOnly":true,"validate_only":true}`, request, "validate_only: occurs twice"},
		{"a label twice", `{"labels":{"a":"1","a":"2"}}`, job, `labels["a"]: occurs twice`},
		{"two fields of which one is allowed", `{"startExecutionToken":"a","runExecutionToken":"b"}`, job, "runExecutionToken: cannot be set together with startExecutionToken"},
		{"names as they were sent", `{"overrides":{"container_overrides":[{"args":7}],"taskCount":"x"}}`, request,
			"overrides.container_overrides[0].args: must be a list of strings, not 7; overrides.taskCount: must be a whole number of 32 bits, not a string"},
		{"no JSON", `{"overrides":`, request, "body: line 1:14: expected a value"},
	} {
		err := googlejson.Unmarshal([]byte(test.body), test.into.ProtoReflect().New().Interface())
		if err == nil || err.Error() != test.want || runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("%s: Unmarshal(%s) = %v, want %q", test.name, test.body, err, test.want)
		}
	}
}

func TestSpell(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ body, path, want string }{
		{`{}`, "template.task_count", "template.taskCount"},
		{`{"template":{"task_count":0}}`, "template.task_count", "template.task_count"},
		{`{"template":{"taskCount":0}}`, "template.task_count", "template.taskCount"},
		{`{"template":{"template":{"max_retries":11,"containers":{"volumeMounts":[]}}}}`, "template.template.containers[0].volume_mounts", "template.template.containers[0].volumeMounts"},
		{`{"template":{"template":{"max_retries":11}}}`, "template.template.max_retries", "template.template.max_retries"},
		{`{"overrides":{"container_overrides":[{},{}]}}`, "overrides.container_overrides[1].clear_args", "overrides.container_overrides[1].clear_args"},
		{`{"spec":{"service_account_name":"x"}}`, "spec.serviceAccountName", "spec.service_account_name"},
		{`{"labels":{"my_label":"x"}}`, `labels["my_label"].task_count`, `labels["my_label"].taskCount`},
		{``, "job_id", "jobId"},
	} {
		if got := googlejson.NewSpeller([]byte(test.body)).Spell(test.path); got != test.want {
			t.Errorf("Spell(%q) for %s = %q, want %q", test.path, test.body, got, test.want)
		}
	}
	query := googlejson.NewSpeller(nil)
	query.Sent = []string{"job_id"}
	if got := query.Spell("job_id"); got != "job_id" {
		t.Errorf("Spell(job_id) = %q, want the name in the query", got)
	}
}

// FuzzUnmarshal checks that the reader takes everything that the standard's does, with the
// same result, and that it always ends with a message or a violation.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"overrides":{"containerOverrides":{"args":"a"}}}`, `{"template":{"template":{"timeout":"9s","maxRetries":1}},"labels":{"a":"b"}}`,
		`{"launchStage":3,"createTime":"2026-01-31T12:00:00Z"}`, `{"jsonPayload":{"a":[1,null,{}]},"severity":"ERROR"}`, `{"etag":"AA=="}`,
		`{"policy":{"bindings":[{"role":"r","condition":{"title":"t"}}],"etag":"-_"},"updateMask":"a,b"}`, `{"protoPayload":{"@type":"type.googleapis.com/google.protobuf.Empty"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, kind := range []proto.Message{&runpb.RunJobRequest{}, &runpb.Job{}, &iampb.SetIamPolicyRequest{}, &loggingpb.LogEntry{}, &loggingpb.ListLogEntriesRequest{}} {
			got, want := kind.ProtoReflect().New().Interface(), kind.ProtoReflect().New().Interface()
			err := googlejson.Unmarshal(body, got)
			if err != nil && runwith.CodeOf(err) != runwith.InvalidArgument {
				t.Fatalf("Unmarshal(%q) = %v, want INVALID_ARGUMENT", body, err)
			}
			if protojson.Unmarshal(body, want) != nil {
				continue
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); err != nil || diff != "" {
				t.Errorf("Unmarshal(%q) into %T = %v, want what protojson reads (-want +got):\n%s", body, kind, err, diff)
			}
		}
	})
}
