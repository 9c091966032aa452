package knative_test

import (
	"encoding/json"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith/internal/engine/knative"
)

// recorded are request bodies of gcloud 528, by command.
var recorded = map[string]string{
	"jobs create with common flags": `{"apiVersion":"run.googleapis.com/v1","kind":"Job","metadata":{"annotations":{"run.googleapis.com/client-name":"gcloud","run.googleapis.com/client-version":"528.0.0"},"labels":{"env":"dev","team":"infra"},"name":"hello","namespace":"demo"},"spec":{"template":{"metadata":{"annotations":{"run.googleapis.com/client-name":"gcloud","run.googleapis.com/client-version":"528.0.0"},"labels":{"client.knative.dev/nonce":"fer_bib_nex","env":"dev","team":"infra"}},"spec":{"parallelism":2,"taskCount":3,"template":{"spec":{"containers":[{"args":["echo hi","--x=1"],"command":["/bin/sh","-c"],"env":[{"name":"A","value":"1"},{"name":"SEC","valueFrom":{"secretKeyRef":{"key":"latest","name":"mysecret"}}}],"image":"us-docker.pkg.dev/demo/r/img:v1","name":"","resources":{"limits":{"cpu":"2","memory":"1Gi"},"requests":{}},"volumeMounts":[{"mountPath":"/mnt/s","name":"filesecret-fax-dus-ked"}]}],"maxRetries":1,"nodeSelector":{},"serviceAccountName":"sa@demo.iam.gserviceaccount.com","timeoutSeconds":"900","volumes":[{"name":"filesecret-fax-dus-ked","secret":{"items":[{"key":"3","path":"key"}],"secretName":"filesecret"}}]}}}}},"status":{"latestCreatedExecution":{}}}`,
	"jobs create with an image":     `{"apiVersion":"run.googleapis.com/v1","kind":"Job","metadata":{"annotations":{"run.googleapis.com/client-name":"gcloud","run.googleapis.com/client-version":"528.0.0"},"labels":{},"name":"tiny","namespace":"demo"},"spec":{"template":{"metadata":{"annotations":{"run.googleapis.com/client-name":"gcloud","run.googleapis.com/client-version":"528.0.0"},"labels":{"client.knative.dev/nonce":"jod_jaf_wun"}},"spec":{"template":{"spec":{"containers":[{"image":"img","name":""}],"nodeSelector":{}}}}}},"status":{"latestCreatedExecution":{}}}`,
	"jobs create of beta":           `{"apiVersion":"run.googleapis.com/v1","kind":"Job","metadata":{"annotations":{"run.googleapis.com/binary-authorization":"default","run.googleapis.com/client-name":"gcloud","run.googleapis.com/client-version":"528.0.0","run.googleapis.com/launch-stage":"BETA"},"labels":{},"name":"allf","namespace":"demo"},"spec":{"template":{"metadata":{"annotations":{"run.googleapis.com/client-name":"gcloud","run.googleapis.com/client-version":"528.0.0","run.googleapis.com/cloudsql-instances":"p:r:i","run.googleapis.com/encryption-key":"projects/p/locations/l/keyRings/k/cryptoKeys/c","run.googleapis.com/vpc-access-connector":"conn1","run.googleapis.com/vpc-access-egress":"all-traffic"},"labels":{"client.knative.dev/nonce":"mex_cex_xum"}},"spec":{"template":{"spec":{"containers":[{"image":"img","name":"","volumeMounts":[{"mountPath":"/mem","name":"mem"}]}],"nodeSelector":{},"volumes":[{"emptyDir":{"medium":"Memory","sizeLimit":"64Mi"},"name":"mem"},{"csi":{"driver":"gcsfuse.run.googleapis.com","readOnly":true,"volumeAttributes":{"bucketName":"b1"}},"name":"gcs"}]}}}}},"status":{"latestCreatedExecution":{}}}`,
	"jobs create with two":          `{"apiVersion":"run.googleapis.com/v1","kind":"Job","metadata":{"annotations":{},"labels":{},"name":"multi","namespace":"demo"},"spec":{"template":{"metadata":{"annotations":{"run.googleapis.com/container-dependencies":"{\"main\": [\"side\"]}"},"labels":{}},"spec":{"taskCount":2,"template":{"spec":{"containers":[{"args":["a"],"image":"img","name":"main"},{"env":[{"name":"X","value":"1"}],"image":"side:1","name":"side"}],"nodeSelector":{}}}}}},"status":{"latestCreatedExecution":{}}}`,
	"jobs update":                   `{"apiVersion":"run.googleapis.com/v1","kind":"Job","metadata":{"annotations":{"run.googleapis.com/client-name":"gcloud","run.googleapis.com/creator":"me@example.com","run.googleapis.com/lastModifier":"me@example.com","run.googleapis.com/operation-id":"b8c26c27-7dd7-42ac-a029-a02f3c2153b0"},"creationTimestamp":"2026-11-23T07:51:11.897390Z","generation":1,"labels":{"cloud.googleapis.com/location":"us-east4","env":"dev","run.googleapis.com/lastUpdatedTime":"2026-11-23T07:51:11.897452Z","x":"y"},"name":"hello","namespace":"123456789012","resourceVersion":"v8KflrEsRKK4","selfLink":"/apis/run.googleapis.com/v1/namespaces/123456789012/jobs/hello","uid":"aaece868-f8e9-4247-91a4-be6a74e7ec6a"},"spec":{"template":{"metadata":{"annotations":{},"labels":{"cloud.googleapis.com/location":"us-east4","run.googleapis.com/lastUpdatedTime":"2026-11-23T07:51:11.897452Z","x":"y"}},"spec":{"parallelism":0,"taskCount":3,"template":{"spec":{"containers":[{"image":"img:v3","name":""}],"maxRetries":0,"timeoutSeconds":"3600"}}}}},"status":{"conditions":[{"lastTransitionTime":"2026-11-23T07:51:11.897539Z","status":"True","type":"Ready"}],"executionCount":0,"observedGeneration":1}}`,
}

// kept returns v2's annotations for v1's annotations without v2 fields.
func kept() map[string]string {
	return map[string]string{"v1.runwith/client-name": "gcloud", "v1.runwith/client-version": "528.0.0"}
}

// least returns a job with one container.
func least(name string) *runpb.Job {
	return &runpb.Job{
		Name:        "projects/demo/locations/us-east4/jobs/" + name,
		LaunchStage: api.LaunchStage_GA,
		Template:    &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: "img"}}}},
	}
}

func TestRequestsOfGcloud(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]func() *runpb.Job{
		"jobs create with an image": func() *runpb.Job {
			job := least("tiny")
			job.Client, job.ClientVersion = "gcloud", "528.0.0"
			job.Template.Labels = map[string]string{"client.knative.dev/nonce": "jod_jaf_wun"}
			job.Template.Annotations = kept()
			return job
		},
		"jobs create with common flags": func() *runpb.Job {
			job := least("hello")
			job.Client, job.ClientVersion = "gcloud", "528.0.0"
			job.Labels = map[string]string{"env": "dev", "team": "infra"}
			job.Template.Labels = map[string]string{"client.knative.dev/nonce": "fer_bib_nex", "env": "dev", "team": "infra"}
			job.Template.Annotations = kept()
			job.Template.Parallelism, job.Template.TaskCount = 2, 3
			job.Template.Template = &runpb.TaskTemplate{
				Containers: []*runpb.Container{{
					Image: "us-docker.pkg.dev/demo/r/img:v1", Command: []string{"/bin/sh", "-c"}, Args: []string{"echo hi", "--x=1"},
					Env: []*runpb.EnvVar{
						{Name: "A", Values: &runpb.EnvVar_Value{Value: "1"}},
						{Name: "SEC", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{
							SecretKeyRef: &runpb.SecretKeySelector{Secret: "mysecret", Version: "latest"},
						}}},
					},
					Resources:    &runpb.ResourceRequirements{Limits: map[string]string{"cpu": "2", "memory": "1Gi"}},
					VolumeMounts: []*runpb.VolumeMount{{Name: "filesecret-fax-dus-ked", MountPath: "/mnt/s"}},
				}},
				Retries:        &runpb.TaskTemplate_MaxRetries{MaxRetries: 1},
				Timeout:        &durationpb.Duration{Seconds: 900},
				ServiceAccount: "sa@demo.iam.gserviceaccount.com",
				Volumes: []*runpb.Volume{{Name: "filesecret-fax-dus-ked", VolumeType: &runpb.Volume_Secret{Secret: &runpb.SecretVolumeSource{
					Secret: "filesecret", Items: []*runpb.VersionToPath{{Version: "3", Path: "key"}},
				}}}},
			}
			return job
		},
		"jobs create of beta": func() *runpb.Job {
			job := least("allf")
			job.Client, job.ClientVersion, job.LaunchStage = "gcloud", "528.0.0", api.LaunchStage_BETA
			job.BinaryAuthorization = &runpb.BinaryAuthorization{BinauthzMethod: &runpb.BinaryAuthorization_UseDefault{UseDefault: true}}
			job.Template.Labels = map[string]string{"client.knative.dev/nonce": "mex_cex_xum"}
			job.Template.Annotations = kept()
			task := job.Template.Template
			task.EncryptionKey = "projects/p/locations/l/keyRings/k/cryptoKeys/c"
			task.VpcAccess = &runpb.VpcAccess{Connector: "projects/demo/locations/us-east4/connectors/conn1", Egress: runpb.VpcAccess_ALL_TRAFFIC}
			task.Containers[0].VolumeMounts = []*runpb.VolumeMount{{Name: "mem", MountPath: "/mem"}, {Name: "cloudsql", MountPath: "/cloudsql"}}
			task.Volumes = []*runpb.Volume{
				{Name: "mem", VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{Medium: runpb.EmptyDirVolumeSource_MEMORY, SizeLimit: "64Mi"}}},
				{Name: "gcs", VolumeType: &runpb.Volume_Gcs{Gcs: &runpb.GCSVolumeSource{Bucket: "b1", ReadOnly: true}}},
				{Name: "cloudsql", VolumeType: &runpb.Volume_CloudSqlInstance{CloudSqlInstance: &runpb.CloudSqlInstance{Instances: []string{"p:r:i"}}}},
			}
			return job
		},
		"jobs create with two": func() *runpb.Job {
			job := least("multi")
			job.Template.TaskCount = 2
			job.Template.Template.Containers = []*runpb.Container{
				{Name: "main", Image: "img", Args: []string{"a"}, DependsOn: []string{"side"}},
				{Name: "side", Image: "side:1", Env: []*runpb.EnvVar{{Name: "X", Values: &runpb.EnvVar_Value{Value: "1"}}}},
			}
			return job
		},
	} {
		sent := &knative.Job{}
		if err := knative.Unmarshal([]byte(recorded[name]), sent); err != nil {
			t.Errorf("%s: Unmarshal() = %v", name, err)
			continue
		}
		got, err := sent.V2(here)
		if diff := cmp.Diff(want(), got, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("%s: V2() = %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// TestUpdateIgnoresTheServersFields checks that an update ignores the server's fields,
// which gcloud sends back.
func TestUpdateIgnoresTheServersFields(t *testing.T) {
	t.Parallel()
	sent := &knative.Job{}
	if err := knative.Unmarshal([]byte(recorded["jobs update"]), sent); err != nil {
		t.Fatal(err)
	}
	job, err := sent.V2(here)
	if err != nil {
		t.Fatalf("V2() = %v", err)
	}
	if diff := cmp.Diff(map[string]string{"env": "dev", "x": "y"}, job.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"x": "y"}, job.Template.Labels); diff != "" {
		t.Errorf("labels of the template (-want +got):\n%s", diff)
	}
	if job.Annotations != nil || job.Etag != "v8KflrEsRKK4" {
		t.Errorf("annotations, etag = %v, %q; want no annotations, and the resourceVersion as etag", job.Annotations, job.Etag)
	}
	retries, set := job.Template.Template.Retries.(*runpb.TaskTemplate_MaxRetries)
	if !set || retries.MaxRetries != 0 || job.Template.Parallelism != 0 {
		t.Errorf("retries, parallelism = %v, %d; want retries set to 0", job.Template.Template.Retries, job.Template.Parallelism)
	}
}

// TestFieldsThatGcloudNeeds checks the fields without which gcloud crashes.
func TestFieldsThatGcloudNeeds(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(knative.FromJob(least("tiny"), namespace))
	if err != nil {
		t.Fatal(err)
	}
	var job struct {
		Spec struct {
			Template struct{ Metadata, Spec *struct{} }
		}
		Status *struct{}
	}
	if err := json.Unmarshal(raw, &job); err != nil {
		t.Fatal(err)
	}
	for field, missing := range map[string]bool{
		"status": job.Status == nil, "spec.template.metadata": job.Spec.Template.Metadata == nil, "spec.template.spec": job.Spec.Template.Spec == nil,
	} {
		if missing {
			t.Errorf("job %s has no %s", raw, field)
		}
	}
	raw, err = json.Marshal(knative.FromTask(&runpb.Task{LastAttemptResult: &runpb.TaskAttemptResult{}}, namespace))
	if err != nil {
		t.Fatal(err)
	}
	var task struct {
		Status struct {
			Index             *int
			LastAttemptResult struct {
				Status   *struct{}
				ExitCode *int
			}
		}
	}
	if err := json.Unmarshal(raw, &task); err != nil {
		t.Fatal(err)
	}
	last := task.Status.LastAttemptResult
	for field, missing := range map[string]bool{
		"index": task.Status.Index == nil, "lastAttemptResult.status": last.Status == nil, "lastAttemptResult.exitCode": last.ExitCode == nil,
	} {
		if missing {
			t.Errorf("task %s has no status.%s", raw, field)
		}
	}
}
