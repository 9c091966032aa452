package container

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/jobspec"
)

// checkVolumes refuses, by field name, volumes that the runner does not have.
func (r *Runner) checkVolumes(t *runpb.TaskTemplate) error {
	for i, v := range t.GetVolumes() {
		field := fmt.Sprintf("volumes[%d]", i)
		switch v.GetVolumeType().(type) {
		case *runpb.Volume_Secret:
			if err := r.checkSecret(field+".secret", v.GetSecret()); err != nil {
				return err
			}
		case *runpb.Volume_Gcs:
			if _, err := r.bucketPath(v.GetGcs(), ""); err != nil {
				return runner.Refuse(field+".gcs.bucket", "%v", err)
			}
		case *runpb.Volume_EmptyDir:
		case *runpb.Volume_Nfs:
			return runner.Refuse(field+".nfs", "the container runner mounts no NFS; use a bucket (--buckets DIR) instead")
		case *runpb.Volume_CloudSqlInstance:
			return runner.Refuse(field+".cloud_sql_instance", "there is no Cloud SQL here; run its proxy, or a database, in a container beside the task's")
		default:
			return runner.Refuse(field, "the container runner does not know this kind of volume")
		}
	}
	return checkMounts(t)
}

func checkMounts(t *runpb.TaskTemplate) error {
	for i, c := range t.GetContainers() {
		for j, m := range c.GetVolumeMounts() {
			field := fmt.Sprintf("containers[%d].volume_mounts[%d].", i, j)
			switch {
			case !path.IsAbs(m.GetMountPath()) || path.Clean(m.GetMountPath()) == "/":
				return runner.Refuse(field+"mount_path", "must be an absolute path other than /, not %q", m.GetMountPath())
			case m.GetSubPath() != "" && volumeOf(t, m).GetEmptyDir() != nil:
				return runner.Refuse(field+"sub_path", "an empty volume is mounted whole here; leave it out")
			case m.GetSubPath() != "" && !filepath.IsLocal(m.GetSubPath()):
				return runner.Refuse(field+"sub_path", "must stay within the volume, which %q does not", m.GetSubPath())
			}
		}
	}
	return nil
}

func volumeOf(t *runpb.TaskTemplate, m *runpb.VolumeMount) *runpb.Volume {
	i := slices.IndexFunc(t.GetVolumes(), func(v *runpb.Volume) bool { return v.GetName() == m.GetName() })
	if i < 0 {
		return nil // jobspec refuses it
	}
	return t.GetVolumes()[i]
}

// mountsOf counts the containers that mount a volume.
func mountsOf(t *runpb.TaskTemplate, volume string) (n int) {
	for _, c := range t.GetContainers() {
		if slices.ContainsFunc(c.GetVolumeMounts(), func(m *runpb.VolumeMount) bool { return m.GetName() == volume }) {
			n++
		}
	}
	return n
}

// makeVolumes makes the volumes on disk, and the in-memory ones that several containers
// share.
func (l *launch) makeVolumes(ctx context.Context) error {
	t := l.spec.Template
	for _, v := range t.GetVolumes() {
		if v.GetEmptyDir() == nil || !onDisk(v) && mountsOf(t, v.GetName()) < 2 {
			continue
		}
		made, err := l.daemon.VolumeCreate(ctx, client.VolumeCreateOptions{
			Name: nameOf(l.spec.ID, v.GetName()), Labels: l.labels(l.spec.ID, nil), Driver: "local", DriverOpts: driverOptions(t, v),
		})
		if err != nil {
			return unavailable(err)
		}
		if l.shared == nil {
			l.shared = make(map[string]string)
		}
		l.shared[v.GetName()] = made.Volume.Name
		l.attempt.volumes = append(l.attempt.volumes, made.Volume.Name)
	}
	return nil
}

// onDisk reports whether an empty volume is on the daemon's disk.
func onDisk(v *runpb.Volume) bool {
	return v.GetEmptyDir().GetMedium() == runpb.EmptyDirVolumeSource_DISK
}

// driverOptions returns the options of a new volume.
//
// Deviation: the size of a volume on disk is not limited, because most file systems have no
// quota for a folder.
func driverOptions(t *runpb.TaskTemplate, v *runpb.Volume) map[string]string {
	if onDisk(v) {
		return nil
	}
	// In blocks, because Podman reads a size as a disk quota.
	return map[string]string{"type": "tmpfs", "device": "tmpfs", "o": fmt.Sprintf("nr_blocks=%d,mode=1777", blocks(sizeOf(t, v)))}
}

// blocks returns a number of bytes in pages, at least one.
func blocks(bytes int64) int64 { return max(1, bytes/int64(os.Getpagesize())) }

// sizeOf returns the size of an in-memory volume: its limit, but at most the memory of
// all containers.
// https://cloud.google.com/run/docs/configuring/jobs/in-memory-volume-mounts
func sizeOf(t *runpb.TaskTemplate, v *runpb.Volume) (size int64) {
	for _, c := range t.GetContainers() {
		_, memory := jobspec.CPUAndMemory(c.GetResources())
		size += memory
	}
	if limit, ok := jobspec.Bytes(v.GetEmptyDir().GetSizeLimit()); ok && limit > 0 {
		return min(size, limit)
	}
	return size
}

// mount adds a container's volumes, and returns the files of its secrets.
func (l *launch) mount(host *container.HostConfig, i int) (files []file, err error) {
	t := l.spec.Template
	for j, m := range t.GetContainers()[i].GetVolumeMounts() {
		v := volumeOf(t, m)
		switch {
		case v.GetEmptyDir() != nil:
			host.Mounts = append(host.Mounts, l.emptyDir(v, m.GetMountPath()))
			if onDisk(v) { // the daemon gives a new volume to root
				files = append(files, file{path: m.GetMountPath(), mode: everybodys, folder: true})
			}
		case v.GetGcs() != nil:
			source, err := l.bucketPath(v.GetGcs(), m.GetSubPath())
			if err != nil {
				return nil, runner.Refuse(fmt.Sprintf("containers[%d].volume_mounts[%d]", i, j), "%v", err)
			}
			host.Mounts = append(host.Mounts, mount.Mount{
				Type: mount.TypeBind, Source: source, Target: m.GetMountPath(), ReadOnly: v.GetGcs().GetReadOnly(),
			})
		case v.GetSecret() != nil:
			more, err := l.secretFiles(v.GetSecret(), path.Join(m.GetMountPath(), m.GetSubPath()))
			if err != nil {
				return nil, runner.Refuse(fmt.Sprintf("containers[%d].volume_mounts[%d]", i, j), "%v", err)
			}
			files = append(files, more...)
		}
	}
	return files, nil
}

func (l *launch) emptyDir(v *runpb.Volume, target string) mount.Mount {
	if name, ok := l.shared[v.GetName()]; ok {
		return mount.Mount{Type: mount.TypeVolume, Source: name, Target: target, VolumeOptions: &mount.VolumeOptions{NoCopy: true}}
	}
	return mount.Mount{Type: mount.TypeTmpfs, Target: target, TmpfsOptions: &mount.TmpfsOptions{
		SizeBytes: sizeOf(l.spec.Template, v), Mode: 0o777 | os.ModeSticky,
	}}
}

// onlyDir is the only mount option that changes what a task sees of a bucket.
// https://cloud.google.com/storage/docs/cloud-storage-fuse/cli-options
const onlyDir = "only-dir"

// bucketPath returns this machine's folder for a bucket, or for the folder sub in it. It
// looks for the folder inside an os.Root, and returns a path without symbolic links, which
// stays within the root too.
//
// The daemon resolves that path once more when it mounts it. A task that may write to the
// folder above, and replaces a folder by a link in between, chooses what the daemon mounts.
func (r *Runner) bucketPath(v *runpb.GCSVolumeSource, sub string) (string, error) {
	if r.bucket == nil {
		return "", fmt.Errorf("bucket %q: the server was started without buckets; start it with --buckets DIR, and make the folder DIR/%[1]s", v.GetBucket())
	}
	rel, ok := jobspec.CutBucket(v.GetBucket())
	if !ok {
		return "", fmt.Errorf("%s is not the name of a bucket", jobspec.Quote(v.GetBucket()))
	}
	for _, option := range v.GetMountOptions() {
		dir, ok := strings.CutPrefix(strings.TrimLeft(option, "-"), onlyDir+"=")
		if ok && !filepath.IsLocal(dir) {
			return "", fmt.Errorf("%s must stay within the bucket, which %s does not", onlyDir, jobspec.Quote(dir))
		}
		if ok {
			rel = filepath.Join(rel, filepath.FromSlash(dir))
		}
	}
	rel = filepath.Join(rel, filepath.FromSlash(sub))
	info, err := r.bucket.Stat(rel)
	switch shown := filepath.Join(r.config.Buckets, rel); {
	case err != nil && os.IsNotExist(err):
		return "", fmt.Errorf("there is no bucket %s; make that folder", shown)
	case err != nil:
		return "", fmt.Errorf("bucket %s cannot be used: %w", shown, rootCause(err))
	case !info.IsDir():
		return "", fmt.Errorf("bucket %s cannot be used: it is no folder", shown)
	}
	return resolveBelow(r.bucket.Name(), rel)
}

// resolveBelow returns the path of a folder below root without symbolic links. It fails if a link
// leads out of root.
func resolveBelow(root, rel string) (string, error) {
	top, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(filepath.Join(root, rel))
	if err != nil {
		return "", err
	}
	if below, err := filepath.Rel(top, resolved); err != nil || !filepath.IsLocal(below) {
		return "", fmt.Errorf("bucket %s cannot be used: a link leads out of %s", filepath.Join(root, rel), root)
	}
	return resolved, nil
}

// file is a file or folder to copy into a container before it starts.
type file struct {
	path   string // absolute, in the container
	mode   fs.FileMode
	text   []byte
	folder bool
}

// header returns the file's header in an archive.
func (f file) header() *tar.Header {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: path.Clean(f.path)[1:], Mode: int64(f.mode), Size: int64(len(f.text))}
	if f.folder {
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
	}
	return h
}

// everybodys is the mode of a folder that all users may write to, such as /tmp.
const everybodys = 0o1777

// defaultMode is the mode of a secret's files.
const defaultMode = 0o444

// noWrite is the umask that Cloud Run applies to an explicit mode.
const noWrite = 0o222

// secretItems returns the files of a secret volume: the listed ones, or the latest
// version under the secret's own name.
func secretItems(s *runpb.SecretVolumeSource) []*runpb.VersionToPath {
	if len(s.GetItems()) > 0 {
		return s.GetItems()
	}
	return []*runpb.VersionToPath{{Path: path.Base(s.GetSecret()), Version: "latest"}}
}

func (r *Runner) checkSecret(field string, s *runpb.SecretVolumeSource) error {
	for i, item := range secretItems(s) {
		if !filepath.IsLocal(item.GetPath()) {
			return runner.Refuse(fmt.Sprintf("%s.items[%d].path", field, i), "must stay within the volume, which %q does not", item.GetPath())
		}
		if err := r.config.Secrets.Check(s.GetSecret(), item.GetVersion()); err != nil {
			return runner.Refuse(field, "%v", err)
		}
	}
	return nil
}

func (l *launch) secretFiles(s *runpb.SecretVolumeSource, dir string) (files []file, err error) {
	for _, item := range secretItems(s) {
		text, err := l.config.Secrets.Read(s.GetSecret(), item.GetVersion())
		if err != nil {
			return nil, err
		}
		mode := fs.FileMode(item.GetMode())
		if mode == 0 {
			mode = fs.FileMode(s.GetDefaultMode())
		}
		if mode &^= noWrite; mode == 0 {
			mode = defaultMode
		}
		files = append(files, file{path: path.Join(dir, item.GetPath()), mode: mode, text: text})
	}
	return files, nil
}

// copyFiles copies files into a container before it starts.
//
// Deviation: a secret's folder is one of the container's own and not a mount, so that
// the task can change it for itself.
func (l *launch) copyFiles(ctx context.Context, m *member, files []file) error {
	if len(files) == 0 {
		return nil
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, f := range files { // the daemon makes missing folders
		if err := w.WriteHeader(f.header()); err != nil {
			return err
		}
		if _, err := w.Write(f.text); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err := l.daemon.CopyToContainer(ctx, m.id, client.CopyToContainerOptions{DestinationPath: "/", Content: &archive})
	return err
}

func rootCause(err error) error {
	if e, ok := err.(*fs.PathError); ok { //nolint:errorlint // the outermost is the one that names the path
		return e.Err
	}
	return err
}
