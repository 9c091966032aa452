package jobspec_test

import (
	"path"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// referenceCase is a field with the name of something outside the job.
type referenceCase struct {
	path     string
	set      func(*runpb.Job, string)
	valid    []string
	invalid  []string
	mustHave string // the message, before the quoted name
}

// TestValidateReferences checks every field with the name of something outside the job.
func TestValidateReferences(t *testing.T) {
	t.Parallel()
	const task = "template.template."
	volume := func(v *runpb.Volume) func(*runpb.Job) {
		return onTask(func(t *runpb.TaskTemplate) { t.Volumes = []*runpb.Volume{v} })
	}
	secret := func(s *runpb.SecretVolumeSource) func(*runpb.Job) {
		return volume(&runpb.Volume{Name: "v", VolumeType: &runpb.Volume_Secret{Secret: s}})
	}
	env := func(ref *runpb.SecretKeySelector) func(*runpb.Job) {
		return onContainer(func(c *runpb.Container) {
			c.Env = []*runpb.EnvVar{{Name: "A", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{SecretKeyRef: ref}}}}
		})
	}
	secrets := []string{"s", "my-secret_1", "projects/p/secrets/s", "projects/123/secrets/s", "projects/example.com:p/secrets/s"}
	noSecrets := []string{"wrong/path", "../s", "..", ".", "a/../b", "projects/../../etc/secrets/a", "projects/p/secrets/", "projects/p/secrets/../s",
		"projects/p/secrets/s/versions/1", "s.t", "s t", "s\x00", "s\n", "ü", strings.Repeat("s", 256)}
	versions := []string{"latest", "1", "42", "prod", "blue_green-2"}
	noVersions := []string{"?", "../1", "..", "1/2", "1.5", "-1", "v 1", "1\n", strings.Repeat("a", 64)}
	const mustBeSecret, mustBeVersion = "must be a secret's name, or projects/PROJECT/secrets/SECRET, not ", "must be latest, a number or an alias, not "
	for _, c := range []referenceCase{
		{
			task + "service_account", func(j *runpb.Job, s string) { j.Template.Template.ServiceAccount = s },
			[]string{"", "sa@demo.iam.gserviceaccount.com", "123-compute@developer.gserviceaccount.com", "sa@example.com.demo.iam.gserviceaccount.com"},
			[]string{"bad@@example", "bad", "@example.com", "sa@", "sa @example.com", "sa@example..com", "sa@example.com\n"},
			"must be the email address of a service account, not ",
		},
		{
			task + "encryption_key", func(j *runpb.Job, s string) { j.Template.Template.EncryptionKey = s },
			[]string{"", "projects/p/locations/us-east4/keyRings/r/cryptoKeys/k"},
			[]string{"bad", "projects/p/locations/us-east4/keyRings/r", "projects/p/locations/us-east4/keyRings/r/cryptoKeys/", "projects/p/locations/l/keyRings/r/cryptoKeys/k/x"},
			"must have the form projects/PROJECT/locations/REGION/keyRings/KEYRING/cryptoKeys/KEY, not ",
		},
		{
			task + "vpc_access.connector", func(j *runpb.Job, s string) { j.Template.Template.VpcAccess = &runpb.VpcAccess{Connector: s} },
			[]string{"", "projects/p/locations/us-east4/connectors/c", "projects/123/locations/us-east4/connectors/c"},
			[]string{"c", "connectors/c", "projects/p/locations//connectors/c", "projects/../locations/l/connectors/c"},
			"must have the form projects/PROJECT/locations/REGION/connectors/CONNECTOR, not ",
		},
		{
			container0 + "env[0].value_source.secret_key_ref.secret", func(j *runpb.Job, s string) { env(&runpb.SecretKeySelector{Secret: s})(j) },
			secrets, noSecrets, mustBeSecret,
		},
		{
			container0 + "env[0].value_source.secret_key_ref.version", func(j *runpb.Job, s string) { env(&runpb.SecretKeySelector{Secret: "s", Version: s})(j) },
			append(versions, ""), noVersions, mustBeVersion,
		},
		{
			task + "volumes[0].secret.secret", func(j *runpb.Job, s string) { secret(&runpb.SecretVolumeSource{Secret: s})(j) },
			secrets, noSecrets, mustBeSecret,
		},
		{
			task + "volumes[0].secret.items[0].version", func(j *runpb.Job, s string) {
				secret(&runpb.SecretVolumeSource{Secret: "s", Items: []*runpb.VersionToPath{{Path: "p", Version: s}}})(j)
			},
			versions, noVersions, mustBeVersion,
		},
		{
			task + "volumes[0].secret.items[0].path", func(j *runpb.Job, s string) {
				secret(&runpb.SecretVolumeSource{Secret: "s", Items: []*runpb.VersionToPath{{Path: s, Version: "1"}}})(j)
			},
			[]string{"p", "a/b.txt", "a..b"},
			[]string{"/p", "..", "../p", "a/../b", "..data"},
			"must be a path within the volume, without .., not ",
		},
		{
			task + "volumes[0].gcs.bucket", func(j *runpb.Job, s string) {
				volume(&runpb.Volume{Name: "v", VolumeType: &runpb.Volume_Gcs{Gcs: &runpb.GCSVolumeSource{Bucket: s}}})(j)
			},
			[]string{"b", "my-bucket_1.example.com", "projects/p/buckets/b", "projects/_/buckets/b"},
			[]string{"..", ".", "a..b", "../b", "a/b", "projects/p/buckets/..", "projects/p/buckets/b/c", "B", "b ", "b\x00", "gs://b", strings.Repeat("b", 223)},
			"must be a bucket's name, or projects/PROJECT/buckets/BUCKET, not ",
		},
		{
			task + "volumes[0].cloud_sql_instance.instances[0]", func(j *runpb.Job, s string) {
				volume(&runpb.Volume{Name: "cloudsql", VolumeType: &runpb.Volume_CloudSqlInstance{
					CloudSqlInstance: &runpb.CloudSqlInstance{Instances: []string{s}},
				}})(j)
			},
			[]string{"p:us-east4:i", "example.com:p:us-east4:i"},
			[]string{"", "bad", "p:i", "p::i", "p:r:i:x:y", "p:r:../i"},
			"must have the form PROJECT:REGION:INSTANCE, not ",
		},
		{
			container0 + "image", func(j *runpb.Job, s string) { j.Template.Template.Containers[0].Image = s },
			[]string{
				"job", "job:v1", "x/y", "localhost:5000/x", "Example.com/x", "[::1]:5000/x", "us-docker.pkg.dev/cloudrun/container/job:latest",
				"x/y@sha256:" + strings.Repeat("0a", 32), "x/y:v1@sha256:" + strings.Repeat("0a", 32),
			},
			[]string{
				"x/y@sha256:bad", "x/y@sha256:" + strings.Repeat("0A", 32), "x/y@md5:" + strings.Repeat("0a", 16), "x/y@", "x/y:", "X/Y Z", "x/Y", "x//y",
				"/x", "x/", "x:" + strings.Repeat("t", 129), strings.Repeat("x", 256), "x\n", "https://x/y",
			},
			"must be an image path like [host/]repo-path[:tag and/or @digest], not ",
		},
	} {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			for _, name := range c.valid {
				job := newJob()
				c.set(job, name)
				wantViolations(t, "with "+jobspec.Quote(name), jobspec.ValidateJob(job), "")
			}
			for _, name := range c.invalid {
				job := newJob()
				c.set(job, name)
				wantViolations(t, "with "+jobspec.Quote(name), jobspec.ValidateJob(job), c.path+": "+c.mustHave+jobspec.Quote(name))
			}
		})
	}
}

// FuzzReferences checks that a name that becomes a path on this machine is one clean
// element of it.
func FuzzReferences(f *testing.F) {
	for _, name := range []string{"s", "..", "../s", "a/../b", "projects/p/secrets/s", "projects/p/secrets/..", "projects/../../etc/buckets/a", "latest", "1", ".", "", "a\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		secret, ok := jobspec.CutSecret(name)
		wantElement(t, "CutSecret", name, secret, ok)
		bucket, ok := jobspec.CutBucket(name)
		wantElement(t, "CutBucket", name, bucket, ok)
		wantElement(t, "IsSecretVersion", name, name, jobspec.IsSecretVersion(name))
	})
}

func wantElement(t *testing.T, call, name, id string, ok bool) {
	t.Helper()
	if ok && (id == "" || id == "." || id == ".." || path.Base(id) != id || strings.ContainsAny(id, "/\\\x00")) {
		t.Errorf("%s(%q) = %q, want one element of a path", call, name, id)
	}
}
