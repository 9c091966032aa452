package api

import (
	"net/http"
	"net/url"
	"testing"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/runwith/runwith"
)

func TestParameters(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]proto.Message{
		"pageSize=5&pageToken=x&showDeleted=true":                &runpb.ListJobsRequest{PageSize: 5, PageToken: "x", ShowDeleted: true},
		"updateMask=bindings,requested_policy.version":           &iampb.SetIamPolicyRequest{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"bindings", "requested_policy.version"}}},
		"job.launchStage=beta":                                   &runpb.UpdateJobRequest{Job: &runpb.Job{LaunchStage: 3}},
		"job.launch_stage=3":                                     &runpb.UpdateJobRequest{Job: &runpb.Job{LaunchStage: 3}},
		"page_size=5":                                            &runpb.ListJobsRequest{PageSize: 5},
		"timeout=1.5s":                                           &longrunningpb.WaitOperationRequest{Timeout: durationpb.New(1500e6)},
		"updateMask=bindings,etag&resource=r":                    &iampb.SetIamPolicyRequest{Resource: "r", UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"bindings", "etag"}}},
		"job.launchStage=BETA&job.template.taskCount=3":          &runpb.UpdateJobRequest{Job: &runpb.Job{LaunchStage: 3, Template: &runpb.ExecutionTemplate{TaskCount: 3}}},
		"options.requestedPolicyVersion=3&$alt=json&key=ignored": &iampb.GetIamPolicyRequest{Options: &iampb.GetPolicyOptions{RequestedPolicyVersion: 3}},
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		_, fields, err := systemParameters(&http.Request{}, values)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		got := want.ProtoReflect().New().Interface()
		q := parameters{into: got.ProtoReflect()}
		if err := q.setAll(fields); err != nil {
			t.Errorf("%s: %v", query, err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s: request differs (-want +got):\n%s", query, diff)
		}
	}
}

// FuzzParameters sets arbitrary fields, including durations and field masks, to arbitrary
// values. The result is success or INVALID_ARGUMENT, never a panic.
func FuzzParameters(f *testing.F) {
	for path, value := range map[string]string{
		"pageSize": "1", "job.template.template.timeout": "9s", "updateMask": "a.b,c", "job.labels": "x", "job..name": "",
		"policy.bindings": "x", "job.conditions.type": "x", "options.requestedPolicyVersion": "-1", ".": ".",
	} {
		f.Add(path, value)
	}
	f.Fuzz(func(t *testing.T, path, value string) {
		for _, m := range []proto.Message{&runpb.ListJobsRequest{}, &runpb.UpdateJobRequest{}, &iampb.SetIamPolicyRequest{}, &longrunningpb.WaitOperationRequest{}} {
			q := parameters{into: m.ProtoReflect()}
			if err := q.setAll(url.Values{path: {value}}); err != nil && runwith.CodeOf(err) != runwith.InvalidArgument {
				t.Fatalf("set %q of %T to %q: %v, want INVALID_ARGUMENT", path, m, value, err)
			}
		}
	})
}
