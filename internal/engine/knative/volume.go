package knative

import (
	"maps"
	"slices"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// Volume is a volume for containers.
type Volume struct {
	Name     string                `json:"name,omitempty"`
	Secret   *SecretVolumeSource   `json:"secret,omitempty"`
	EmptyDir *EmptyDirVolumeSource `json:"emptyDir,omitempty"`
	NFS      *NFSVolumeSource      `json:"nfs,omitempty"`
	CSI      *CSIVolumeSource      `json:"csi,omitempty"`

	ConfigMap refused `json:"configMap,omitzero" refused:"is not supported by Cloud Run"`
}

// SecretVolumeSource is a volume with versions of a secret.
type SecretVolumeSource struct {
	SecretName  string      `json:"secretName,omitempty"` // or its alias in run.googleapis.com/secrets
	Items       []KeyToPath `json:"items,omitempty"`
	DefaultMode int32       `json:"defaultMode,omitempty"`

	Optional fixed `json:"optional,omitzero" fixed:"false"`
}

// KeyToPath is a version of a secret and its file.
type KeyToPath struct {
	Key  string `json:"key,omitempty"` // the version
	Path string `json:"path,omitempty"`
	Mode int32  `json:"mode,omitempty"`
}

// EmptyDirVolumeSource is an empty volume in memory, or on disk.
type EmptyDirVolumeSource struct {
	Medium    string `json:"medium,omitempty"`
	SizeLimit string `json:"sizeLimit,omitempty"`
}

// NFSVolumeSource is a volume on an NFS server.
type NFSVolumeSource struct {
	Server   string `json:"server,omitempty"`
	Path     string `json:"path,omitempty"`
	ReadOnly bool   `json:"readOnly,omitempty"`
}

// CSIVolumeSource is a volume of a driver: a bucket, or instances of Cloud SQL.
type CSIVolumeSource struct {
	Driver           string            `json:"driver,omitempty"`
	ReadOnly         bool              `json:"readOnly,omitempty"`
	VolumeAttributes map[string]string `json:"volumeAttributes,omitempty"`
}

// Drivers of volumes, and their attributes.
const (
	gcsDriver        = "gcsfuse.run.googleapis.com"
	bucketAttribute  = "bucketName"
	optionsAttribute = "mountOptions"

	sqlDriver          = "cloudsql.run.googleapis.com"
	instancesAttribute = "instances"
)

func fromVolumes(volumes []*runpb.Volume, names *aliases) []Volume {
	var all []Volume
	for _, v := range volumes {
		volume := Volume{Name: v.GetName()}
		switch kind := v.GetVolumeType().(type) {
		case *runpb.Volume_Secret:
			volume.Secret = fromSecretVolume(kind.Secret, names)
		case *runpb.Volume_EmptyDir:
			volume.EmptyDir = &EmptyDirVolumeSource{enumText(int32(kind.EmptyDir.GetMedium()), media()), kind.EmptyDir.GetSizeLimit()}
		case *runpb.Volume_Nfs:
			volume.NFS = &NFSVolumeSource{kind.Nfs.GetServer(), kind.Nfs.GetPath(), kind.Nfs.GetReadOnly()}
		case *runpb.Volume_Gcs:
			volume.CSI = fromBucket(kind.Gcs)
		case *runpb.Volume_CloudSqlInstance:
			volume.CSI = &CSIVolumeSource{Driver: sqlDriver, VolumeAttributes: map[string]string{
				instancesAttribute: strings.Join(kind.CloudSqlInstance.GetInstances(), ","),
			}}
		}
		all = append(all, volume)
	}
	return all
}

func media() []string { return []string{"", "Memory", "Disk"} }

func fromSecretVolume(s *runpb.SecretVolumeSource, names *aliases) *SecretVolumeSource {
	source := &SecretVolumeSource{SecretName: names.of(s.GetSecret()), DefaultMode: s.GetDefaultMode()}
	for _, item := range s.GetItems() {
		source.Items = append(source.Items, KeyToPath{item.GetVersion(), item.GetPath(), item.GetMode()})
	}
	return source
}

func fromBucket(b *runpb.GCSVolumeSource) *CSIVolumeSource {
	source := &CSIVolumeSource{Driver: gcsDriver, ReadOnly: b.GetReadOnly(), VolumeAttributes: map[string]string{bucketAttribute: b.GetBucket()}}
	if len(b.GetMountOptions()) > 0 {
		source.VolumeAttributes[optionsAttribute] = strings.Join(b.GetMountOptions(), ",")
	}
	return source
}

func toVolumes(p jobspec.Place, volumes []Volume, names *aliases) []*runpb.Volume {
	var all []*runpb.Volume
	for i, v := range volumes {
		volume := &runpb.Volume{Name: v.Name}
		v.setType(p.Index(i), volume, names)
		all = append(all, volume)
	}
	return all
}

func (v Volume) setType(p jobspec.Place, volume *runpb.Volume, names *aliases) {
	kinds := 0
	if v.Secret != nil {
		volume.VolumeType = &runpb.Volume_Secret{Secret: v.Secret.v2(names)}
		kinds++
	}
	if v.EmptyDir != nil {
		volume.VolumeType = &runpb.Volume_EmptyDir{EmptyDir: &runpb.EmptyDirVolumeSource{
			Medium:    runpb.EmptyDirVolumeSource_Medium(enumValue(p.Field("emptyDir").Field("medium"), v.EmptyDir.Medium, media())),
			SizeLimit: v.EmptyDir.SizeLimit,
		}}
		kinds++
	}
	if v.NFS != nil {
		volume.VolumeType = &runpb.Volume_Nfs{Nfs: &runpb.NFSVolumeSource{Server: v.NFS.Server, Path: v.NFS.Path, ReadOnly: v.NFS.ReadOnly}}
		kinds++
	}
	if v.CSI != nil {
		v.CSI.setType(p.Field("csi"), volume)
		kinds++
	}
	if kinds != 1 {
		p.Addf("must have one of secret, emptyDir, nfs and csi")
	}
}

func (s *SecretVolumeSource) v2(names *aliases) *runpb.SecretVolumeSource {
	source := &runpb.SecretVolumeSource{Secret: names.path(s.SecretName), DefaultMode: s.DefaultMode}
	for _, item := range s.Items {
		source.Items = append(source.Items, &runpb.VersionToPath{Version: item.Key, Path: item.Path, Mode: item.Mode})
	}
	return source
}

func (s *CSIVolumeSource) setType(p jobspec.Place, volume *runpb.Volume) {
	switch s.Driver {
	case gcsDriver:
		checkAttributes(p, s.VolumeAttributes, bucketAttribute, optionsAttribute)
		volume.VolumeType = &runpb.Volume_Gcs{Gcs: &runpb.GCSVolumeSource{
			Bucket: s.VolumeAttributes[bucketAttribute], ReadOnly: s.ReadOnly, MountOptions: splitList(s.VolumeAttributes[optionsAttribute]),
		}}
	case sqlDriver:
		checkAttributes(p, s.VolumeAttributes, instancesAttribute)
		if s.ReadOnly {
			p.Field("readOnly").Addf("has no meaning for Cloud SQL, leave it out")
		}
		volume.VolumeType = &runpb.Volume_CloudSqlInstance{CloudSqlInstance: &runpb.CloudSqlInstance{
			Instances: splitList(s.VolumeAttributes[instancesAttribute]),
		}}
	default:
		p.Field("driver").Addf("must be %s or %s, not %s", gcsDriver, sqlDriver, jobspec.Quote(s.Driver))
	}
}

func checkAttributes(p jobspec.Place, given map[string]string, known ...string) {
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, key) {
			p.Field("volumeAttributes").Key(key).Addf("must be %s", strings.Join(known, " or "))
		}
	}
}

// splitList splits a comma-separated list. An empty text is an empty list.
func splitList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
