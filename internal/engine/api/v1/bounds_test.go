package v1_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// boundsCase is a job of v1, by the annotations of its template and the fields of its task
// and of its only container.
type boundsCase struct {
	name                         string
	annotations, task, container string
	says                         string // the refusal, after the path of the task; empty if the job is accepted
}

// v1 refuses what Cloud Run refuses, by v1's names, and takes what Cloud Run takes.
func TestBoundsInV1(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const (
		spec       = "spec.template.spec.template.spec."
		annotation = `spec.template.metadata.annotations["run.googleapis.com/`
		gpu        = `"resources":{"limits":{"cpu":"4","memory":"16Gi","nvidia.com/gpu":"1"}}`
		l4         = `"nodeSelector":{"run.googleapis.com/accelerator":"nvidia-l4"}`
		zonal      = `"run.googleapis.com/gpu-zonal-redundancy-disabled":"true"`
	)
	mount := func(volume, mount string) boundsCase {
		return boundsCase{task: `"volumes":[{"name":"v",` + volume + `}]`, container: `"volumeMounts":[{"name":"v",` + mount + `}]`}
	}
	with := func(c boundsCase, name, says string) boundsCase {
		c.name, c.says = name, says
		return c
	}
	for _, c := range []boundsCase{
		{name: "the least job"},
		{name: "a connector by its ID", annotations: `"run.googleapis.com/vpc-access-connector":"c"`},
		{name: "a connector of another form", annotations: `"run.googleapis.com/vpc-access-connector":"x/c"`,
			says: annotation + `vpc-access-connector"]: must have the form projects/PROJECT/locations/REGION/connectors/CONNECTOR`},
		{name: "a connector and an interface", annotations: `"run.googleapis.com/vpc-access-connector":"c","run.googleapis.com/network-interfaces":"[{\"network\":\"n\"}]"`,
			says: annotation + `network-interfaces"]: cannot be set together with connector`},
		{name: "a key", annotations: `"run.googleapis.com/encryption-key":"bad"`, says: annotation + `encryption-key"]: must have the form projects/`},
		{name: "CPU only during requests", annotations: `"run.googleapis.com/cpu-throttling":"true"`, says: annotation + `cpu-throttling"]: must be false or left out`},
		{name: "CPU always", annotations: `"run.googleapis.com/cpu-throttling":"false"`},
		{name: "Cloud SQL", annotations: `"run.googleapis.com/cloudsql-instances":"p:r:i"`},
		{name: "Cloud SQL without its region", annotations: `"run.googleapis.com/cloudsql-instances":"p:i"`, says: `csi.volumeAttributes["instances"]: must have the form PROJECT:REGION:INSTANCE`},
		{name: "a GPU", annotations: zonal, task: l4, container: gpu},
		{name: "a GPU without the zonal setting", task: l4, container: gpu, says: annotation + `gpu-zonal-redundancy-disabled"]: must be true`},
		{name: "the zonal setting without a GPU", annotations: zonal, says: annotation + `gpu-zonal-redundancy-disabled"]: needs a GPU`},
		{name: "a GPU for two hours", annotations: zonal, task: l4 + `,"timeoutSeconds":"7200"`, container: gpu, says: spec + "timeoutSeconds: must be at most 3600s (1 hour) with a GPU"},
		{name: "an account", task: `"serviceAccountName":"bad@@example"`, says: spec + "serviceAccountName: must be the email address"},
		{name: "a liveness probe", container: `"livenessProbe":{"tcpSocket":{"port":1}}`, says: spec + "containers[0].livenessProbe: is not supported for jobs"},
		{name: "an empty probe", container: `"startupProbe":{}`, says: spec + "containers[0].startupProbe: must have one of "},
		{name: "a probe's port", container: `"startupProbe":{"tcpSocket":{"port":65536}}`, says: spec + "containers[0].startupProbe.tcpSocket.port: must be between"},
		{name: "a probe's timeout above its period", container: `"startupProbe":{"periodSeconds":2,"timeoutSeconds":6,"tcpSocket":{"port":1}}`},
		{name: "a digest", container: `"image":"x/y@sha256:bad"`, says: spec + "containers[0].image: must be an image path like"},
		{name: "a name with a dot", container: `"name":"app.v2"`},
		{name: "a version", container: `"env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"s","key":"?"}}}]`,
			says: spec + "containers[0].env[0].valueFrom.secretKeyRef.key: must be latest, a number or an alias"},
		{name: "a secret", container: `"env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"../s","key":"1"}}}]`,
			says: spec + "containers[0].env[0].valueFrom.secretKeyRef.name: must be a secret's name"},
		with(mount(`"emptyDir":{}`, `"mountPath":"data"`), "a relative path", spec+"containers[0].volumeMounts[0].mountPath: must be an absolute path"),
		with(mount(`"emptyDir":{}`, `"mountPath":"/data/../proc"`), "a path with ..", spec+"containers[0].volumeMounts[0].mountPath: must not contain .."),
		with(mount(`"emptyDir":{"medium":"Disk"}`, `"mountPath":"/data","readOnly":true`), "a volume on disk", ""),
		with(mount(`"secret":{"secretName":"s"}`, `"mountPath":"/data","subPath":"x"`), "a part of a secret", spec+"containers[0].volumeMounts[0].subPath: is not supported for secrets"),
		with(mount(`"secret":{"secretName":"a/b"}`, `"mountPath":"/data"`), "a secret's path", spec+"volumes[0].secret.secretName: must be a secret's name"),
		with(mount(`"csi":{"driver":"gcsfuse.run.googleapis.com","volumeAttributes":{"bucketName":"../b"}}`, `"mountPath":"/data"`), "a bucket",
			spec+`volumes[0].csi.volumeAttributes["bucketName"]: must be a bucket's name`),
		with(mount(`"csi":{"driver":"cloudsql.run.googleapis.com","volumeAttributes":{"instances":"p:r:i"}}`, `"mountPath":"/cloudsql"`), "Cloud SQL under another name",
			spec+`volumes[0].name: must be cloudsql for a Cloud SQL volume`),
		{name: "sandboxes", task: `"sandboxes":{"templates":[{"name":"s","image":"i"}]}`, container: `"sandboxLauncher":true`},
		{name: "requests unlike limits", container: `"resources":{"limits":{"memory":"1Gi"},"requests":{"cpu":"500m","memory":"64Mi"}}`},
		{name: "the amounts of other spellings", container: `"resources":{"limits":{"cpu":"1e0","memory":"1024Mi"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res, raw := s.call(t, http.MethodPost, "namespaces/demo/jobs?dryRun=all", c.body())
			if want := c.says == ""; (res.StatusCode == http.StatusOK) != want || !strings.Contains(unquoted(raw), c.says) {
				t.Errorf("a job with %s = %d %s, want it accepted: %t, or %q in the error", c.body(), res.StatusCode, raw, want, c.says)
			}
		})
	}
}

// body returns the job.
func (c boundsCase) body() string {
	container := c.container
	if !strings.Contains(container, `"image"`) {
		container = join(`"image":"i"`, container)
	}
	return fmt.Sprintf(`{"metadata":{"name":"x"},"spec":{"template":{"metadata":{"annotations":{%s}},"spec":{"template":{"spec":{%s}}}}}}`,
		c.annotations, join(c.task, `"containers":[{`+container+`}]`))
}

func join(fields ...string) string {
	return strings.Trim(strings.Join(fields, ","), ",")
}

// unquoted undoes the quotes of a message in JSON.
func unquoted(raw string) string { return strings.ReplaceAll(raw, `\"`, `"`) }
