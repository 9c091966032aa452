//go:build unix

package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/secret"
	"github.com/runwith/runwith/internal/testneed"
)

// argsOf returns the arguments in the output of the sample job.
func argsOf(stdout string) (args []string) {
	for text := range strings.Lines(stdout) {
		if arg, ok := strings.CutPrefix(text, "  ARG: "); ok {
			args = append(args, strings.TrimSuffix(arg, "\n"))
		}
	}
	return args
}

// TestCommandAndArgs checks that a command replaces the image's entrypoint and command, and that
// arguments replace only its command.
func TestCommandAndArgs(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{})
	for name, test := range map[string]struct {
		command, args, want []string
	}{
		"Image":   {nil, nil, []string{"of-the-image"}},
		"Args":    {nil, []string{"a b", ""}, []string{"a b", ""}},
		"Command": {[]string{"/test-job"}, nil, nil},
		"Both":    {[]string{"/test-job", "-x"}, []string{"y"}, []string{"-x", "y"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := specOf(t, &runpb.Container{Image: jobImage, Command: test.command, Args: test.args})
			stdout, _, result := run(t, r, spec)
			if diff := cmp.Diff(test.want, argsOf(stdout)); diff != "" || result != (runner.Result{}) {
				t.Errorf("ended with %+v, arguments (-want +got):\n%s", result, diff)
			}
		})
	}
}

func TestWorkingDirAndLimits(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Buckets: "/"})
	c := shell("pwd; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null")
	c.WorkingDir = "/usr/lib"
	c.Resources = &runpb.ResourceRequirements{Limits: map[string]string{"memory": "256Mi", "cpu": "8"}}
	stdout, _, _ := run(t, r, hosted(specOf(t, c)))
	if want := fmt.Sprintf("/usr/lib\n%d\n", 256<<20); stdout != want {
		t.Errorf("folder and limit of memory = %q, want %q", stdout, want)
	}
}

// TestOutOfMemory checks that an attempt over its memory limit is killed, and its result says so.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Buckets: "/"})
	c := self("hog", fmt.Sprint(512<<20))
	c.Resources = &runpb.ResourceRequirements{Limits: map[string]string{"memory": "128Mi"}}
	_, _, result := run(t, r, hosted(specOf(t, c)))
	if want := (runner.Result{ExitCode: exitKilled, OutOfMemory: true}); result != want {
		t.Errorf("ended with %+v, want %+v", result, want)
	}
}

// TestStoppedIsNotOutOfMemory checks that a stopped attempt is not reported as out of memory.
func TestStoppedIsNotOutOfMemory(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Buckets: "/"})
	spec := hosted(specOf(t, shell("echo up; while :; do sleep 1; done")))
	stdout, _ := start(t, r, spec)
	stdout.await(t, "up")
	stop(t, r, spec.ID)
	if got, want := waitStopped(t, r, spec.ID), (runner.Result{ExitCode: exitKilled}); got != want {
		t.Errorf("ended with %+v, want %+v", got, want)
	}
}

// TestStartFails checks that the error names the field, and that no container is left.
func TestStartFails(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Buckets: "/", Pull: PullNever})
	for name, test := range map[string]struct {
		container *runpb.Container
		want      []string
	}{
		"NoCommand": {&runpb.Container{Image: bareImage}, []string{"containers[0].command", bareImage, "neither an entrypoint nor a command"}},
		"NotFound":  {&runpb.Container{Image: jobImage, Command: []string{"/none"}}, []string{"containers[0].command", "/none"}},
		"NoImage":   {&runpb.Container{Image: "localhost/runwith-test/none:1"}, []string{"localhost/runwith-test/none:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := startFails(t, r, specOf(t, test.container))
			if runwith.CodeOf(err) != runwith.FailedPrecondition {
				t.Errorf("Start = %v with code %v, want FAILED_PRECONDITION", err, runwith.CodeOf(err))
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Start = %q, want %q in it", err, want)
				}
			}
		})
	}
	none(t, r)
}

// TestPrepare checks that Prepare refuses a template whose image cannot run.
func TestPrepare(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Pull: PullNever})
	for _, test := range []struct {
		image   string
		command []string
		want    []string // none for no error
	}{
		{jobImage, nil, nil},
		{bareImage, []string{"/test-job"}, nil},
		{bareImage, nil, []string{"containers[0].command", "neither an entrypoint nor a command"}},
		{foreignImage, nil, []string{"containers[0].image", foreignImage, "is for linux/", "this machine runs linux/" + r.daemon.arch}},
		{"localhost/runwith-test/none:1", nil, []string{"Image 'localhost/runwith-test/none:1' not found."}},
	} {
		template := &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: test.image, Command: test.command}}}
		err := r.Prepare(t.Context(), template)
		if len(test.want) == 0 && err != nil {
			t.Errorf("Prepare of %s = %v, want no error", test.image, err)
		}
		for _, want := range test.want {
			if runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), want) {
				t.Errorf("Prepare of %s = %v, want a FAILED_PRECONDITION with %q", test.image, err, want)
			}
		}
	}
}

func secretVolume(name, secret string, items ...*runpb.VersionToPath) *runpb.Volume {
	return &runpb.Volume{Name: name, VolumeType: &runpb.Volume_Secret{Secret: &runpb.SecretVolumeSource{Secret: secret, Items: items}}}
}

func bucketVolume(name string, readOnly bool) *runpb.Volume {
	return &runpb.Volume{Name: name, VolumeType: &runpb.Volume_Gcs{Gcs: &runpb.GCSVolumeSource{Bucket: name, ReadOnly: readOnly}}}
}

// onlyDirVolume returns the volume with one folder of its bucket.
func onlyDirVolume(v *runpb.Volume, dir string) *runpb.Volume {
	v.GetGcs().MountOptions = []string{"only-dir=" + dir}
	return v
}

func diskVolume(name string) *runpb.Volume {
	return &runpb.Volume{Name: name, VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{
		Medium: runpb.EmptyDirVolumeSource_DISK, SizeLimit: "10Gi",
	}}}
}

func memoryVolume(name, size string) *runpb.Volume {
	return &runpb.Volume{Name: name, VolumeType: &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{
		Medium: runpb.EmptyDirVolumeSource_MEMORY, SizeLimit: size,
	}}}
}

// writeTree writes files by path below a folder.
func writeTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVolumes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{
		"secrets/key/1": "one", "secrets/key/2": "two",
		"buckets/data/in": "input\n", "buckets/data/deep/in": "deep\n", "buckets/fixed/in": "fixed\n",
	})
	if err := os.Symlink("/usr", filepath.Join(dir, "buckets/usr")); err != nil {
		t.Fatal(err)
	}
	secrets, err := secret.Open(filepath.Join(dir, "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	// The container needs a shell, so the machine's /usr is mounted as a bucket. The test's
	// folders are below /tmp.
	tmp := strings.TrimPrefix(dir, "/")
	r := openTest(t, Config{Buckets: "/", Secrets: secrets})
	spec := hosted(specOf(t, shell(`
		cat /in/in /sub/in; echo of the task >/in/out && echo wrote
		echo x 2>/dev/null >/fixed/out || echo read-only
		cat /keys/key; stat -c ' %a' /keys/key; cat /keys2/a/b; echo
		df -k --output=size /scratch | tail -1; head -c 2000000 /dev/zero 2>/dev/null >/scratch/big || echo full
		head -c 2000000 /dev/zero >/disk/big && stat -f -c %T /disk | grep -c tmpfs; stat -c %a /disk
		echo $KEY`)))
	c := spec.Template.Containers[0]
	c.Env = []*runpb.EnvVar{{Name: "KEY", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{
		SecretKeyRef: &runpb.SecretKeySelector{Secret: "projects/p/secrets/key", Version: "1"},
	}}}}
	root := func(name string, readOnly bool, below string) *runpb.Volume {
		v := bucketVolume("tmp", readOnly)
		v.Name = name
		v.GetGcs().MountOptions = []string{"implicit-dirs", "only-dir=" + strings.TrimPrefix(tmp, "tmp/") + "/buckets/" + below}
		return v
	}
	spec.Template.Volumes = append(spec.Template.Volumes,
		root("data", false, "data"), root("fixed", true, "fixed"), memoryVolume("scratch", "1Mi"),
		diskVolume("disk"), secretVolume("keys", "key"), secretVolume("keys2", "key", &runpb.VersionToPath{Version: "1", Path: "a/b", Mode: 0o640}))
	c.VolumeMounts = append(c.VolumeMounts,
		&runpb.VolumeMount{Name: "data", MountPath: "/in"}, &runpb.VolumeMount{Name: "data", MountPath: "/sub", SubPath: "deep"},
		&runpb.VolumeMount{Name: "fixed", MountPath: "/fixed"}, &runpb.VolumeMount{Name: "scratch", MountPath: "/scratch"},
		&runpb.VolumeMount{Name: "disk", MountPath: "/disk/"},
		&runpb.VolumeMount{Name: "keys", MountPath: "/keys"}, &runpb.VolumeMount{Name: "keys2", MountPath: "/keys2"})
	stdout, stderr, _ := run(t, r, spec)
	want := "input\ndeep\nwrote\nread-only\ntwo 444\none\n 1024\nfull\n0\n1777\none\n"
	if diff := cmp.Diff(strings.Fields(want), strings.Fields(stdout)); diff != "" {
		t.Errorf("printed %q, and (-want +got):\n%s", stderr, diff)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "buckets/data/out")); err != nil || string(got) != "of the task\n" {
		t.Errorf("the bucket has %q, %v, want the task's file", got, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"secrets/key/1": "", "buckets/data/x": "", "buckets/file": "", "outside/x": ""})
	if err := os.Symlink("../outside", filepath.Join(dir, "buckets/leaves")); err != nil {
		t.Fatal(err)
	}
	secrets, err := secret.Open(filepath.Join(dir, "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	r := openTest(t, Config{Buckets: filepath.Join(dir, "buckets"), Secrets: secrets})
	bare := openTest(t, Config{})
	mounted := func(path, sub string, v *runpb.Volume) func(*runpb.TaskTemplate) {
		return func(t *runpb.TaskTemplate) {
			t.Volumes = []*runpb.Volume{v}
			t.Containers[0].VolumeMounts = []*runpb.VolumeMount{{Name: v.Name, MountPath: path, SubPath: sub}}
		}
	}
	for name, test := range map[string]struct {
		runner *Runner
		change func(*runpb.TaskTemplate)
		want   []string // none for no error
	}{
		"Bucket":          {r, mounted("/d", "", bucketVolume("data", false)), nil},
		"BucketMissing":   {r, mounted("/d", "", bucketVolume("none", false)), []string{"volumes[0].gcs.bucket", "make that folder"}},
		"BucketFile":      {r, mounted("/d", "", bucketVolume("file", false)), []string{"volumes[0].gcs.bucket", "is no folder"}},
		"BucketLeaves":    {r, mounted("/d", "", bucketVolume("leaves", false)), []string{"volumes[0].gcs.bucket", "escapes"}},
		"BucketInProject": {r, mounted("/d", "", bucketVolume("projects/p/buckets/data", false)), nil},
		"BucketAbove":     {r, mounted("/d", "", bucketVolume("..", false)), []string{"volumes[0].gcs.bucket", "not the name of a bucket"}},
		"BucketPath":      {r, mounted("/d", "", bucketVolume("a/../..", false)), []string{"volumes[0].gcs.bucket", "not the name of a bucket"}},
		"NoBuckets":       {bare, mounted("/d", "", bucketVolume("data", false)), []string{"volumes[0].gcs.bucket", "--buckets DIR"}},
		"Secret":          {r, mounted("/d", "", secretVolume("key", "key")), nil},
		"SecretMissing":   {r, mounted("/d", "", secretVolume("key", "none")), []string{"volumes[0].secret", "there is no secret"}},
		"SecretLeaves":    {r, mounted("/d", "", secretVolume("key", "key", &runpb.VersionToPath{Path: "../x", Version: "1"})), []string{"volumes[0].secret.items[0].path"}},
		"NoSecrets":       {bare, mounted("/d", "", secretVolume("key", "key")), []string{"volumes[0].secret", "--secrets DIR"}},
		"Memory":          {r, mounted("/d", "", memoryVolume("m", "")), nil},
		"Disk":            {r, mounted("/d", "", diskVolume("m")), nil},
		"BucketOnlyDir":   {r, mounted("/d", "", onlyDirVolume(bucketVolume("data", false), "../data")), []string{"volumes[0].gcs.bucket", "must stay within the bucket"}},
		"MemorySubPath":   {r, mounted("/d", "x", memoryVolume("m", "")), []string{"containers[0].volume_mounts[0].sub_path"}},
		"SubPathLeaves":   {r, mounted("/d", "../x", bucketVolume("data", false)), []string{"containers[0].volume_mounts[0].sub_path"}},
		"MountAtRoot":     {r, mounted("/", "", memoryVolume("m", "")), []string{"containers[0].volume_mounts[0].mount_path"}},
		"MountIsRelative": {r, mounted("d", "", memoryVolume("m", "")), []string{"containers[0].volume_mounts[0].mount_path"}},
		"NFS":             {r, mounted("/d", "", &runpb.Volume{Name: "n", VolumeType: &runpb.Volume_Nfs{}}), []string{"volumes[0].nfs"}},
		"CloudSQL":        {r, mounted("/d", "", &runpb.Volume{Name: "n", VolumeType: &runpb.Volume_CloudSqlInstance{}}), []string{"volumes[0].cloud_sql_instance"}},
		"NoImage":         {r, func(t *runpb.TaskTemplate) { t.Containers[0].Image = "" }, []string{"containers[0].image"}},
		"NoContainer":     {r, func(t *runpb.TaskTemplate) { t.Containers = nil }, []string{"containers: "}},
		"SourceCode":      {r, func(t *runpb.TaskTemplate) { t.Containers[0].SourceCode = &runpb.SourceCode{} }, []string{"containers[0].source_code"}},
		"GPU": {r, func(t *runpb.TaskTemplate) {
			t.Containers[0].Resources = &runpb.ResourceRequirements{Limits: map[string]string{gpu: "1"}}
		}, []string{"containers[0].resources.limits", gpu}},
	} {
		t.Run(name, func(t *testing.T) {
			template := &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: jobImage}}}
			test.change(template)
			err := test.runner.Check(template)
			if len(test.want) == 0 {
				if err != nil {
					t.Errorf("Check = %v, want no error", err)
				}
				return
			}
			if runwith.CodeOf(err) != runwith.FailedPrecondition {
				t.Fatalf("Check = %v, want a FAILED_PRECONDITION", err)
			}
			for _, want := range append(test.want, "template.template.") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Check = %q, want %q in it", err, want)
				}
			}
		})
	}
}

// TestMany runs forty containers, four at a time, and checks that none is left over.
func TestMany(t *testing.T) {
	testneed.Long(t)
	r := openTest(t, Config{})
	r.config.Network = "none" // without a network it takes half the time
	tasks := make(chan int)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for task := range tasks {
				spec := specOf(t, &runpb.Container{Image: jobImage, Args: []string{fmt.Sprint("task ", task)}})
				spec.ID.Task = task
				stdout := new(printed)
				if err := r.Start(t.Context(), spec, runner.Output{Stdout: stdout, Stderr: stdout}); err != nil {
					t.Errorf("Start(%v) = %v, want no error", spec.ID, err)
					continue
				}
				result, err := r.Wait(t.Context(), spec.ID)
				if err != nil || !result.Succeeded() {
					t.Errorf("task %d ended with %+v, %v, want success", task, result, err)
				}
				if diff := cmp.Diff([]string{fmt.Sprint("task ", task)}, argsOf(stdout.String())); diff != "" {
					t.Errorf("task %d printed (-want +got):\n%s", task, diff)
				}
			}
		})
	}
	for task := range 40 {
		tasks <- task
	}
	close(tasks)
	group.Wait()
	none(t, r)
}
