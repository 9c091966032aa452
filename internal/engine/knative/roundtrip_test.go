package knative_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/runwith/runwith/internal/engine/knative"
	"github.com/runwith/runwith/internal/jobspec"
)

var here = jobspec.Location{Project: "demo", Region: "us-east4"}

const namespace = "123456789012"

// systemLabels adds the labels that the server sets on every object.
func systemLabels(into map[string]string) map[string]string {
	into["cloud.googleapis.com/location"] = "us-east4"
	into["run.googleapis.com/lastUpdatedTime"] = "2026-11-23T07:51:11.500000Z"
	into["run.googleapis.com/satisfiesPzs"] = "true"
	return into
}

// jobAnnotations returns a job's annotations for v2 fields, each with a value.
func jobAnnotations() map[string]string {
	return map[string]string{
		"example.com/note":                                   "hi",
		"run.googleapis.com/client-name":                     "gcloud",
		"run.googleapis.com/client-version":                  "528.0.0",
		"run.googleapis.com/launch-stage":                    "BETA",
		"run.googleapis.com/creator":                         "me@example.com",
		"run.googleapis.com/lastModifier":                    "you@example.com",
		"run.googleapis.com/binary-authorization":            "projects/p/platforms/cloudRun/policies/x",
		"run.googleapis.com/binary-authorization-breakglass": "it burns",
	}
}

func templateAnnotations(first, second string) map[string]string {
	return map[string]string{
		"example.com/note":                                 "ho",
		"run.googleapis.com/client-name":                   "gcloud",
		"run.googleapis.com/client-version":                "528.0.0",
		"run.googleapis.com/execution-environment":         "gen2",
		"run.googleapis.com/encryption-key":                "projects/p/locations/l/keyRings/k/cryptoKeys/c",
		"run.googleapis.com/vpc-access-connector":          "projects/p/locations/l/connectors/c",
		"run.googleapis.com/vpc-access-egress":             "all-traffic",
		"run.googleapis.com/network-interfaces":            `[{"network":"default","subnetwork":"sub1","tags":["t1","t2"]}]`,
		"run.googleapis.com/cloudsql-instances":            "p:r:i,p:r:j",
		"run.googleapis.com/gpu-zonal-redundancy-disabled": "true",
		"run.googleapis.com/secrets":                       "unused:projects/1/secrets/a,mine:projects/2/secrets/b",
		"run.googleapis.com/container-dependencies":        `{"` + first + `":["` + second + `"]}`,
		"run.googleapis.com/base-images":                   `{"` + second + `":"base&image"}`,
		"run.googleapis.com/sources":                       `{"` + first + `":"gs://b/o/p#7"}`,
		"run.googleapis.com/cpu-throttling":                `["` + first + `"]`,
		"run.googleapis.com/startup-cpu-boost":             "true",
	}
}

// newV1Job returns a job with every field set.
func newV1Job(variant int) *knative.Job {
	job := &knative.Job{}
	(&v1Filler{variant: variant}).fill(reflect.ValueOf(job).Elem())
	job.Metadata.Labels = systemLabels(map[string]string{"team": "infra"})
	job.Metadata.Annotations = jobAnnotations()
	job.Metadata.SelfLink = "/apis/run.googleapis.com/v1/namespaces/123456789012/jobs/hello"
	job.Status.Conditions[0].Type = "Ready"
	template := &job.Spec.Template
	template.Metadata.Labels = map[string]string{"client.knative.dev/nonce": "fer_bib_nex", "team": "infra"}
	fillTask(&template.Spec.Template.Spec, &template.Metadata.Annotations)
	return job
}

// fillTask makes a task match its annotations.
func fillTask(spec *knative.TaskSpec, annotations *map[string]string) {
	spec.Containers[0].Env = append(spec.Containers[0].Env, knative.EnvVar{
		Name: "SECRET", ValueFrom: &knative.EnvVarSource{SecretKeyRef: &knative.SecretKeySelector{Name: "mine", Key: "latest"}},
	})
	*annotations = templateAnnotations(spec.Containers[0].Name, spec.Containers[1].Name)
}

func TestJobRoundTripThroughV2(t *testing.T) {
	t.Parallel()
	for variant := range variants {
		sent := newV1Job(variant)
		job, err := sent.V2(here)
		if err != nil {
			t.Fatalf("V2() = %v", err)
		}
		if diff := cmp.Diff(sent, knative.FromJob(job, namespace)); diff != "" {
			t.Errorf("variant %d: job (-sent +got):\n%s", variant, diff)
		}
	}
}

func TestExecutionRoundTripThroughV2(t *testing.T) {
	t.Parallel()
	for variant := range variants {
		sent := &knative.Execution{}
		(&v1Filler{variant: variant}).fill(reflect.ValueOf(sent).Elem())
		sent.Metadata.Labels = systemLabels(map[string]string{"team": "infra", "run.googleapis.com/job": "job-1"})
		sent.Metadata.SelfLink = "/apis/run.googleapis.com/v1/namespaces/123456789012/executions/hello"
		sent.Spec.DelayExecution = nil // only a job has it
		fillTask(&sent.Spec.Template.Spec, &sent.Metadata.Annotations)
		sent.Metadata.Annotations["run.googleapis.com/creator"] = "me@example.com"
		sent.Metadata.Annotations["run.googleapis.com/launch-stage"] = "BETA"
		if variant%2 == 0 {
			sent.Metadata.Labels["run.googleapis.com/servingState"] = "Active"
		}
		x, err := sent.V2(here)
		if err != nil {
			t.Fatalf("V2() = %v", err)
		}
		if diff := cmp.Diff(sent, knative.FromExecution(x, namespace)); diff != "" {
			t.Errorf("variant %d: execution (-sent +got):\n%s", variant, diff)
		}
	}
}

func TestTaskRoundTripThroughV2(t *testing.T) {
	t.Parallel()
	for variant := range variants {
		sent := &knative.Task{}
		(&v1Filler{variant: variant}).fill(reflect.ValueOf(sent).Elem())
		sent.Metadata.Name = "job-1-abcde-task7"
		sent.Metadata.SelfLink = "/apis/run.googleapis.com/v1/namespaces/123456789012/tasks/job-1-abcde-task7"
		sent.Metadata.Labels = systemLabels(map[string]string{
			"team": "infra", "run.googleapis.com/job": "job-1", "run.googleapis.com/execution": "job-1-abcde", "run.googleapis.com/runningState": "Running",
		})
		fillTask(&sent.Spec, &sent.Metadata.Annotations)
		task, err := sent.V2(here)
		if err != nil {
			t.Fatalf("V2() = %v", err)
		}
		if diff := cmp.Diff(sent, knative.FromTask(task, namespace)); diff != "" {
			t.Errorf("variant %d: task (-sent +got):\n%s", variant, diff)
		}
	}
}

func TestV2RoundTripThroughV1(t *testing.T) {
	t.Parallel()
	skipped := map[string]bool{}
	for variant := range variants {
		f := &v2Filler{variant: variant, skipped: skipped}
		job, x, task := &runpb.Job{}, &runpb.Execution{}, &runpb.Task{}
		f.fill(job.ProtoReflect())
		f.fill(x.ProtoReflect())
		f.fill(task.ProtoReflect())
		nameDependencies(job.GetTemplate().GetTemplate().GetContainers(), x.GetTemplate().GetContainers(), task.GetContainers())

		gotJob, err := knative.FromJob(job, namespace).V2(here)
		if diff := cmp.Diff(job, gotJob, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("variant %d: job: %v (-sent +got):\n%s", variant, err, diff)
		}
		gotX, err := knative.FromExecution(x, namespace).V2(here)
		if diff := cmp.Diff(x, gotX, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("variant %d: execution: %v (-sent +got):\n%s", variant, err, diff)
		}
		gotTask, err := knative.FromTask(task, namespace).V2(here)
		if diff := cmp.Diff(task, gotTask, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("variant %d: task: %v (-sent +got):\n%s", variant, err, diff)
		}
	}
	for field := range untold {
		if !skipped[string(field)] {
			t.Errorf("untold contains %s, which does not exist", field)
		}
	}
}

// nameDependencies makes each container depend on its neighbour.
func nameDependencies(tasks ...[]*runpb.Container) {
	for _, containers := range tasks {
		for i, c := range containers {
			c.DependsOn = []string{containers[1-i].GetName()}
		}
	}
}

// TestJSONRoundTrip checks that Unmarshal restores a job from its JSON.
func TestJSONRoundTrip(t *testing.T) {
	t.Parallel()
	for variant := range variants {
		sent := newV1Job(variant)
		raw, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		got := &knative.Job{}
		if err := knative.Unmarshal(raw, got); err != nil {
			t.Errorf("Unmarshal(%s) = %v", raw, err)
		}
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Errorf("variant %d: job (-sent +got):\n%s", variant, diff)
		}
	}
}
