package knative_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/knative"
	"github.com/runwith/runwith/internal/jobspec"
)

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	const task = `{"spec":{"template":{"spec":{"template":{"spec":`
	const end = `}}}}}`
	for _, test := range []struct {
		name, body string
		want       string // message of the error
	}{
		{"nothing", "", ""},
		{"white space", " \n", ""},
		{"an empty object", "{}", ""},
		{"null anywhere", `{"metadata":null,"spec":{"template":{"spec":{"taskCount":null}}}}`, ""},
		{"numbers as numbers and as strings", task + `{"timeoutSeconds":"900","maxRetries":"1"}` + end, ""},
		{"64 bits as a number", task + `{"timeoutSeconds":900,"maxRetries":1.0}` + end, ""},
		{"booleans in strings", `{"spec":{"template":{"spec":{"template":{"spec":{"volumes":[{"nfs":{"readOnly":"Yes"}}]}}}}}}`, ""},
		{"names of the proto", `{"api_version":"run.googleapis.com/v1","spec":{"template":{"spec":{"task_count":1}}}}`, ""},
		{"as shells quote it", `{'metadata':{name:'x',},}`, ""},
		{"empty values, refused or not", `{"metadata":{"finalizers":[],"clusterName":"","generateName":null},"status":{"latestCreatedExecution":{}}}`, ""},
		{"what Cloud Run ignores", task + `{"containers":[{"image":"i","imagePullPolicy":"Always","terminationMessagePath":"/dev/log","terminationMessagePolicy":"File",` +
			`"volumeMounts":[{"name":"s","mountPath":"/s","readOnly":true}],"resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"1000m","memory":"64Mi"}}}]}` + end, ""},
		{"empty values of gcloud", task + `{"nodeSelector":{},"containers":[{"name":"","resources":{"requests":{}},"securityContext":{}}]}` + end, ""},
		{"the only value of a fixed field", task + `{"containers":[{"ports":[{"protocol":"TCP"}],"startupProbe":{"successThreshold":1}}]}` + end, ""},

		{"no JSON", `{"spec":`, "body: line 1:9: expected a value"},
		{"no JSON on another line", "{\n  \"spec\": }", "body: line 2:11: expected a value"},
		{"more than one value", `{} {}`, "body: line 1:4: text after the end of the value"},
		{"no UTF-8", "{\"kind\":\"\xff\"}", "body: is not valid UTF-8"},
		{"no object", `[]`, "body: must be an object, not a list"},
		{"unknown fields", `{"sepc":{},"spec":{"template":{"sepc":{"a":[{}]}}}}`,
			"sepc: is not a field of Job, did you mean spec? (its fields: apiVersion, kind, metadata, spec, status); spec.template.sepc: is not a field of ExecutionTemplateSpec, did you mean spec? (its fields: metadata, spec)"},
		{"an unknown field in a list", task + `{"containers":[{},{"imagee":"x"}]}` + end,
			"spec.template.spec.template.spec.containers[1].imagee: is not a field of Container, did you mean image? " +
				"(its fields: name, image, command, args, env, resources, ports, volumeMounts, workingDir, startupProbe, livenessProbe, readinessProbe, sandboxLauncher)"},
		{"a field in capitals", `{"Spec":{}}`, "Spec: is not a field of Job, did you mean spec? (its fields: apiVersion, kind, metadata, spec, status)"},
		{"an unprintable name", `{"a\nb":1}`, `"a\nb": is not a field of Job (its fields: apiVersion, kind, metadata, spec, status)`},
		{"a duplicate field", `{"kind":"Job","kind":"Job"}`, "kind: occurs twice"},
		{"a field in both spellings", `{"apiVersion":"run.googleapis.com/v1","api_version":"run.googleapis.com/v1"}`, "api_version: occurs twice"},
		{"a single surrogate", `{"kind":"\ud800"}`, `body: line 1:10: expected \u and four hexadecimal digits of a character, two of them for a pair of surrogates`},
		{"a number in a list of strings", task + `{"containers":{"args":7}}` + end, "spec.template.spec.template.spec.containers.args: must be a list of strings, not 7"},
		{"a duplicate label", `{"metadata":{"labels":{"a":"1","a":"2"}}}`, `metadata.labels["a"]: occurs twice`},
		{"wrong types", task + `{"containers":"x","maxRetries":"many","serviceAccountName":7,"timeoutSeconds":1.5}` + end,
			"spec.template.spec.template.spec.containers: must be a list of objects, not a string; " +
				"spec.template.spec.template.spec.maxRetries: must be a whole number of 32 bits, not a string; " +
				"spec.template.spec.template.spec.serviceAccountName: must be a string, not 7; " +
				"spec.template.spec.template.spec.timeoutSeconds: must be a whole number of 64 bits, not 1.5"},
		{"numbers that are too large", task + `{"maxRetries":2147483648,"timeoutSeconds":1e300}` + end,
			"spec.template.spec.template.spec.maxRetries: must be a whole number of 32 bits, not 2147483648; " +
				"spec.template.spec.template.spec.timeoutSeconds: must be a whole number of 64 bits, not 1e300"},
		{"numbers as Go writes them", task + `{"maxRetries":"0x1p3","timeoutSeconds":"1_0"}` + end,
			"spec.template.spec.template.spec.maxRetries: must be a whole number of 32 bits, not a string; " +
				"spec.template.spec.template.spec.timeoutSeconds: must be a whole number of 64 bits, not a string"},
		{"not a boolean", `{"spec":{"template":{"spec":{"template":{"spec":{"volumes":[{"nfs":{"readOnly":"maybe"}}]}}}}}}`,
			"spec.template.spec.template.spec.volumes[0].nfs.readOnly: must be true or false, not a string"},
		{"refused fields", `{"metadata":{"generateName":"x"},` + task[1:] + `{"containers":[{"envFrom":[{}],"securityContext":{"runAsUser":1}}]}` + end,
			"metadata.generateName: names are not generated, set name; " +
				"spec.template.spec.template.spec.containers[0].envFrom: is not supported by Cloud Run, set env; " +
				"spec.template.spec.template.spec.containers[0].securityContext: is not supported by Cloud Run"},
		{"a Kubernetes Job", `{"apiVersion":"batch/v1","kind":"Job","spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"image":"i"}]}}}}`,
			`apiVersion: must be run.googleapis.com/v1, not "batch/v1", which is Kubernetes'`},
		{"a Knative Service", `{"apiVersion":"serving.knative.dev/v1","kind":"Service","spec":{"template":{"spec":{"containers":[{"image":"i"}]}}}}`,
			`apiVersion: must be run.googleapis.com/v1, not "serving.knative.dev/v1", which is Knative's: a service is no job; kind: must be Job, not "Service"`},
		{"a Config Connector object, its version last", `{"spec":{"location":"us-east4"},"kind":"RunJob","apiVersion":"run.cnrm.cloud.google.com/v1beta1"}`,
			`apiVersion: must be run.googleapis.com/v1, not "run.cnrm.cloud.google.com/v1beta1", which is Config Connector's; kind: must be Job, not "RunJob"`},
		{"another kind", `{"apiVersion":"run.googleapis.com/v1","kind":"Execution","spec":{"x":1}}`, `kind: must be Job, not "Execution"`},
		{"another value than the one", task + `{"containers":[{"ports":[{"protocol":"UDP"}]}]}` + end,
			"spec.template.spec.template.spec.containers[0].ports[0].protocol: must be TCP or left out"},
	} {
		err := knative.Unmarshal([]byte(test.body), &knative.Job{})
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: Unmarshal(%s) = %v, want nil", test.name, test.body, err)
			}
			continue
		}
		if err == nil || err.Error() != test.want || runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("%s: Unmarshal(%s) = %v, want %q", test.name, test.body, err, test.want)
		}
	}
}

func TestUnmarshalOverrides(t *testing.T) {
	t.Parallel()
	var got knative.RunJobRequest
	err := knative.Unmarshal([]byte(`{"overrides":{"containerOverrides":[{"args":["a",""],"env":[{"name":"A","value":""},{"name":"B"}],"clearArgs":false}],"taskCount":"4"}}`), &got)
	want := knative.RunJobRequest{Overrides: &knative.Overrides{
		ContainerOverrides: []knative.ContainerOverride{{Args: []string{"a", ""}, Env: []knative.EnvVar{{Name: "A", Value: new("")}, {Name: "B"}}}},
		TaskCount:          4,
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Unmarshal() = %v (-want +got):\n%s", err, diff)
	}
}

// Google's JSON takes one value for a list of one, and null for no element.
func TestUnmarshalOneForAList(t *testing.T) {
	t.Parallel()
	want := knative.RunJobRequest{Overrides: &knative.Overrides{ContainerOverrides: []knative.ContainerOverride{
		{Args: []string{"a"}, Env: []knative.EnvVar{{Name: "K", Value: new("V")}}},
	}}}
	for _, body := range []string{
		`{"overrides":{"containerOverrides":[{"args":["a"],"env":[{"name":"K","value":"V"}]}]}}`,
		`{"overrides":{"containerOverrides":{"args":["a"],"env":[{"name":"K","value":"V"}]}}}`,
		`{"overrides":{"containerOverrides":{"args":"a","env":{"name":"K","value":"V"}}}}`,
		`{"overrides":{"container_overrides":[null,{"args":[null,"a"],"env":[{"name":"K","value":"V"},null]}]}}`,
	} {
		var got knative.RunJobRequest
		err := knative.Unmarshal([]byte(body), &got)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Unmarshal(%s) = %v (-want +got):\n%s", body, err, diff)
		}
	}
}

// FuzzUnmarshal checks that no body makes Unmarshal panic, and that an accepted job
// survives a round trip through v2.
func FuzzUnmarshal(f *testing.F) {
	for variant := range variants {
		raw, err := json.Marshal(newV1Job(variant))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for name, body := range recorded {
		if strings.HasPrefix(name, "jobs") {
			f.Add([]byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var sent knative.Job
		if knative.Unmarshal(raw, &sent) != nil {
			return
		}
		job, err := sent.V2(here)
		if err != nil {
			return
		}
		jobspec.ClearOutputOnly(job)
		if jobspec.ValidateJob(job) != nil {
			return
		}
		shown := knative.FromJob(job, namespace)
		again, err := shown.V2(here)
		if err != nil {
			t.Fatalf("FromJob(%v).V2() = %v", job, err)
		}
		jobspec.ClearOutputOnly(again)
		if diff := cmp.Diff(job, again, protocmp.Transform()); diff != "" {
			t.Errorf("job after a round trip (-first +second):\n%s", diff)
		}
	})
}
