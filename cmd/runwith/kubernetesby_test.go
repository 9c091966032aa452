//go:build unix

package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
	"github.com/runwith/runwith/internal/kubetest"
	"github.com/runwith/runwith/internal/testneed"
)

// mappedJob has a bucket, a secret and a service account that the flags of the test map.
func mappedJob() *runpb.Job {
	job := script("echo never", 1, 0)
	template := job.Template.Template
	template.ServiceAccount = "etl@demo.iam.gserviceaccount.com"
	template.Volumes = []*runpb.Volume{{Name: "reports", VolumeType: &runpb.Volume_Gcs{Gcs: &runpb.GCSVolumeSource{Bucket: "monthly"}}}}
	template.Containers[0].VolumeMounts = []*runpb.VolumeMount{{Name: "reports", MountPath: "/reports"}}
	template.Containers[0].Env = []*runpb.EnvVar{{Name: "PASSWORD", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{
		SecretKeyRef: &runpb.SecretKeySelector{Secret: "DB_PASSWORD", Version: "latest"},
	}}}}
	return job
}

// freeAddress returns an address at which no server of this machine listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestKubernetesByFlags checks what the flags of Kubernetes make of a job's Pod.
func TestKubernetesByFlags(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	n := kubetest.Use(t).Namespace(t)
	n.Kubectl(t, "create", "serviceaccount", "loader")
	address := freeAddress(t)
	e := startPodsBy(t, n, "up",
		"--kubernetes-bucket", "monthly=pvc/claim", "--kubernetes-secret", "DB_PASSWORD=db-password",
		"--kubernetes-service-account", "etl@demo.iam.gserviceaccount.com=loader", "--kubernetes-queue", "batch",
		"--metadata-addr", address, "--kubernetes-metadata", "metadata.runwith:8081")
	x := e.execute(t, "mapped", mappedJob(), nil)
	e.awaitReason(t, x, `persistentvolumeclaim "claim" not found`)

	var pod kube.Pod
	text := n.Kubectl(t, "get", "pod", e.pod(t, x, "t0-a0-i0"), "--output=json")
	if err := json.Unmarshal([]byte(text), &pod); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"queue": pod.Metadata.Labels["kueue.x-k8s.io/queue-name"], "service account": pod.Spec.ServiceAccountName,
		"volume": pod.Spec.Volumes[0].PersistentVolumeClaim.ClaimName,
	}
	for _, v := range pod.Spec.Containers[0].Env {
		switch {
		case v.Name == "PASSWORD":
			got[v.Name] = v.ValueFrom.SecretKeyRef.Name + "/" + v.ValueFrom.SecretKeyRef.Key
		case v.Name == "GCE_METADATA_HOST":
			got[v.Name] = v.Value
		}
	}
	want := map[string]string{
		"queue": "batch", "service account": "loader", "volume": "claim",
		"PASSWORD": "db-password/latest", "GCE_METADATA_HOST": "metadata.runwith:8081",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the Pod (-want +got):\n%s", diff)
	}
	if project := metadataOf(t, address, "metadata.runwith:8081"); project != "demo" {
		t.Errorf("the metadata server's project = %q, want demo", project)
	}

	operation, err := e.executions(t).CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: x})
	if err != nil {
		t.Fatal(err)
	}
	if end, err := operation.Wait(t.Context()); err != nil || end.GetCancelledCount() != 1 {
		t.Errorf("the cancelled execution = %v, %v, want one cancelled task", end, err)
	}
	e.checkNoPods(t)
}

// metadataOf asks the metadata server at an address for the project, as a Pod that knows the server
// by a host name.
func metadataOf(t *testing.T, address, host string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/computeMetadata/v1/project/project-id", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	request.Header.Set("Metadata-Flavor", "Google")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
