package kubernetes

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
	"github.com/runwith/runwith/internal/jobspec"
)

// volumes returns the volumes of a Pod.
func (c *Config) volumes(t *runpb.TaskTemplate) (all []kube.Volume, err error) {
	for i, v := range t.GetVolumes() {
		made, err := c.volume(fmt.Sprintf("volumes[%d]", i), v)
		if err != nil {
			return nil, err
		}
		made.Name = volumeName(t, i)
		all = append(all, made)
	}
	return all, nil
}

// volumeName returns the name that a volume of the template has in a Pod.
func volumeName(t *runpb.TaskTemplate, i int) string {
	names := make([]string, len(t.GetVolumes()))
	for j, v := range t.GetVolumes() {
		names[j] = v.GetName()
	}
	return nameIn(names, i, "volume")
}

func (c *Config) volume(field string, v *runpb.Volume) (made kube.Volume, err error) {
	switch kind := v.GetVolumeType().(type) {
	case *runpb.Volume_EmptyDir:
		made.EmptyDir = emptyDir(kind.EmptyDir)
	case *runpb.Volume_Secret:
		made.Secret, err = c.secretVolume(field+".secret", kind.Secret)
	case *runpb.Volume_Gcs:
		made.PersistentVolumeClaim, err = c.bucket(field+".gcs.bucket", kind.Gcs)
	case *runpb.Volume_Nfs:
		made.NFS, err = nfs(field+".nfs", kind.Nfs)
	case *runpb.Volume_CloudSqlInstance:
		err = runner.Refuse(field+".cloud_sql_instance", "Pods have no Cloud SQL sockets; run Cloud SQL's proxy in a container beside the task's")
	default:
		err = runner.Refuse(field, "the Kubernetes runner does not know this kind of volume")
	}
	return made, err
}

// emptyDir returns an empty folder, in memory unless the template says otherwise. What is in
// memory counts towards the limits of the containers, as on Cloud Run.
func emptyDir(v *runpb.EmptyDirVolumeSource) *kube.EmptyDir {
	made := &kube.EmptyDir{SizeLimit: v.GetSizeLimit()}
	if v.GetMedium() != runpb.EmptyDirVolumeSource_DISK {
		made.Medium = "Memory"
	}
	return made
}

// noWrite is the umask that Cloud Run applies to a mode, and readAll its default mode.
const (
	noWrite = 0o222
	readAll = 0o444
)

// secretVolume returns the files of a secret: the listed versions, or the latest one under
// the secret's own name.
func (c *Config) secretVolume(field string, s *runpb.SecretVolumeSource) (*kube.SecretVolume, error) {
	name, err := c.secret(field+".secret", s.GetSecret())
	if err != nil {
		return nil, err
	}
	made := &kube.SecretVolume{SecretName: name, DefaultMode: mode(cmp.Or(s.GetDefaultMode(), readAll))}
	for i, item := range s.GetItems() {
		if !filepath.IsLocal(item.GetPath()) {
			return nil, runner.Refuse(fmt.Sprintf("%s.items[%d].path", field, i), "must stay within the volume, which %q does not", item.GetPath())
		}
		file := kube.KeyPath{Key: keyOf(item.GetVersion()), Path: item.GetPath()}
		if item.GetMode() != 0 {
			file.Mode = mode(item.GetMode())
		}
		made.Items = append(made.Items, file)
	}
	if len(made.Items) == 0 {
		made.Items = []kube.KeyPath{{Key: latestVersion, Path: path.Base(s.GetSecret())}}
	}
	return made, nil
}

// mode returns a mode without the right to write, or the default if no right is left.
func mode(m int32) *int32 { return new(cmp.Or(m&^noWrite, readAll)) }

// bucket returns the claim that stands for a bucket.
func (c *Config) bucket(field string, v *runpb.GCSVolumeSource) (*kube.Claim, error) {
	id, ok := jobspec.CutBucket(v.GetBucket())
	if !ok {
		return nil, runner.Refuse(field, "%s is not the name of a bucket", jobspec.Quote(v.GetBucket()))
	}
	claim := c.Buckets[id]
	if claim == "" {
		return nil, runner.Refuse(field, "no PersistentVolumeClaim stands for bucket %s; start the server with --kubernetes-bucket %[1]s=pvc/NAME", id)
	}
	return &kube.Claim{ClaimName: claim}, nil
}

func nfs(field string, v *runpb.NFSVolumeSource) (*kube.NFS, error) {
	if !path.IsAbs(v.GetPath()) {
		return nil, runner.Refuse(field+".path", "must be an absolute path, not %q", v.GetPath())
	}
	return &kube.NFS{Server: v.GetServer(), Path: v.GetPath(), ReadOnly: v.GetReadOnly()}, nil
}

// mounts returns the mounts of a container.
func mounts(t *runpb.TaskTemplate, i int) (all []kube.VolumeMount, err error) {
	for j, m := range t.GetContainers()[i].GetVolumeMounts() {
		field := fmt.Sprintf("containers[%d].volume_mounts[%d].", i, j)
		at := slices.IndexFunc(t.GetVolumes(), func(v *runpb.Volume) bool { return v.GetName() == m.GetName() })
		switch {
		case at < 0:
			return nil, runner.Refuse(field+"name", "there is no volume named %q", m.GetName())
		case !path.IsAbs(m.GetMountPath()) || path.Clean(m.GetMountPath()) == "/":
			return nil, runner.Refuse(field+"mount_path", "must be an absolute path other than /, not %q", m.GetMountPath())
		case m.GetSubPath() != "" && !filepath.IsLocal(m.GetSubPath()):
			return nil, runner.Refuse(field+"sub_path", "must stay within the volume, which %q does not", m.GetSubPath())
		}
		v := t.GetVolumes()[at]
		made := kube.VolumeMount{
			Name: volumeName(t, at), MountPath: m.GetMountPath(), SubPath: m.GetSubPath(),
			ReadOnly: v.GetGcs().GetReadOnly() || v.GetNfs().GetReadOnly(),
		}
		dir, err := onlyDir(v.GetGcs())
		if err != nil {
			return nil, runner.Refuse(fmt.Sprintf("volumes[%d].gcs.mount_options", at), "%v", err)
		}
		made.SubPath = path.Join(dir, made.SubPath)
		all = append(all, made)
	}
	return all, nil
}

// onlyDir returns the folder of a bucket that a task sees, or "" for all of it. Other mount
// options have no effect.
// https://cloud.google.com/storage/docs/cloud-storage-fuse/cli-options
func onlyDir(v *runpb.GCSVolumeSource) (dir string, err error) {
	const option = "only-dir"
	for _, o := range v.GetMountOptions() {
		value, ok := strings.CutPrefix(strings.TrimLeft(o, "-"), option+"=")
		switch {
		case ok && !filepath.IsLocal(value):
			return "", fmt.Errorf("%s must stay within the bucket, which %s does not", option, jobspec.Quote(value))
		case ok:
			dir = path.Join(dir, value)
		}
	}
	return dir, nil
}
