package knative

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// TaskSpec is the specification of a task.
// https://cloud.google.com/run/docs/reference/rest/v1/TaskSpec
type TaskSpec struct {
	Containers         []Container       `json:"containers,omitempty"`
	Volumes            []Volume          `json:"volumes,omitempty"`
	MaxRetries         *int32            `json:"maxRetries,omitempty"` // 0 means no retries; nil the default
	TimeoutSeconds     *Int64            `json:"timeoutSeconds,omitempty"`
	ServiceAccountName string            `json:"serviceAccountName,omitempty"`
	NodeSelector       map[string]string `json:"nodeSelector,omitempty"`

	Sandboxes *SandboxConfiguration `json:"sandboxes,omitempty"`
}

// acceleratorSelector is the only selector of Cloud Run.
const acceleratorSelector = group + "accelerator"

// templateAnnotations are the annotations of an execution's template with v2 fields. Cloud
// SQL instances and aliases of secrets have their own code.
var templateAnnotations = annotations[*runpb.TaskTemplate]{
	text("encryption-key", func(t *runpb.TaskTemplate) *string { return &t.EncryptionKey }),
	{group + "execution-environment", environment, readEnvironment},
	{group + "gpu-zonal-redundancy-disabled", gpuZonalRedundancyDisabled, readGPUZonalRedundancyDisabled},
	{group + "vpc-access-connector", connector, readConnector},
	{group + "vpc-access-egress", egress, readEgress},
	{group + "network-interfaces", networkInterfaces, readNetworkInterfaces},
	{group + "container-dependencies", dependencies, readDependencies},
	{group + "base-images", baseImages, readBaseImages},
	{group + "sources", sources, readSources},
	{group + "cpu-throttling", cpuIdle, readCPUIdle},
	{group + "startup-cpu-boost", cpuBoost, readCPUBoost},
	{cloudSQLAnnotation, func(*runpb.TaskTemplate) string { return "" }, readCloudSQL},                                       // shown by splitCloudSQL
	{secretsAnnotation, func(*runpb.TaskTemplate) string { return "" }, func(jobspec.Place, string, *runpb.TaskTemplate) {}}, // see aliases
}

// keptNamespace is the namespace in which v2 has those annotations of a template that have
// no v2 field and that v2 refuses under their own names.
const keptNamespace = "v1.runwith/"

// isKept reports whether an annotation of a template is stored in keptNamespace. gcloud
// sends the first two.
func isKept(key string) bool {
	return slices.Contains([]string{group + "client-name", group + "client-version", secretsAnnotation}, key)
}

// shownAnnotations returns a template's annotations with v1's names.
func shownAnnotations(stored map[string]string) map[string]string {
	shown := map[string]string{}
	for key, value := range stored {
		shown[cmp.Or(shownKey(key), key)] = value
	}
	return shown
}

// shownKey returns v1's name of a kept annotation, or "".
func shownKey(stored string) string {
	if name, ok := strings.CutPrefix(stored, keptNamespace); ok && isKept(group+name) {
		return group + name
	}
	return ""
}

// storedAnnotations returns the annotations of a template without v2 fields, with v2's
// names.
func storedAnnotations(p jobspec.Place, given map[string]string, into *runpb.TaskTemplate) map[string]string {
	own := map[string]string{}
	var kept map[string]string
	for _, key := range slices.Sorted(maps.Keys(given)) {
		switch shown := shownKey(key); {
		case shown != "":
			p.Key(key).Addf("is v2's name for %s, set that instead", shown)
		case isKept(key) && key != secretsAnnotation:
			kept = with(kept, keptNamespace+key[len(group):], given[key])
		default:
			own[key] = given[key]
		}
	}
	stored := templateAnnotations.read(p, own, into)
	if stored == nil {
		return kept
	}
	maps.Copy(stored, kept)
	return stored
}

// fromTaskTemplate translates a template from v2 to a task's spec and to the annotations of
// the surrounding template or object.
func fromTaskTemplate(t *runpb.TaskTemplate, stored map[string]string) (TaskSpec, map[string]string) {
	shown := shownAnnotations(stored)
	t, instances := splitCloudSQL(t)
	names := newAliases(t, shown[secretsAnnotation])
	spec := TaskSpec{
		Containers:         fromContainers(t.GetContainers(), names),
		Volumes:            fromVolumes(t.GetVolumes(), names),
		ServiceAccountName: t.GetServiceAccount(),
		Sandboxes:          fromSandboxes(t.GetSandboxes(), names),
	}
	if retries, set := t.GetRetries().(*runpb.TaskTemplate_MaxRetries); set {
		spec.MaxRetries = new(retries.MaxRetries)
	}
	if t.GetTimeout() != nil {
		spec.TimeoutSeconds = new(Int64(t.GetTimeout().GetSeconds())) // jobspec accepts only whole seconds
	}
	if accelerator := t.GetNodeSelector().GetAccelerator(); accelerator != "" {
		spec.NodeSelector = map[string]string{acceleratorSelector: accelerator}
	}
	templateAnnotations.show(t, shown)
	delete(shown, secretsAnnotation)
	putAll(shown, map[string]string{cloudSQLAnnotation: instances, secretsAnnotation: names.annotation()})
	return spec, shown
}

// taskPlaces are the places of a task's spec and annotations in an object.
type taskPlaces struct{ spec, annotations jobspec.Place }

// v2 is the inverse of fromTaskTemplate.
func (s *TaskSpec) v2(p taskPlaces, given map[string]string) (*runpb.TaskTemplate, map[string]string) {
	names := readAliases(p.annotations.Key(secretsAnnotation), given[secretsAnnotation])
	t := &runpb.TaskTemplate{
		Containers:     toContainers(p.spec.Field("containers"), s.Containers, names),
		Volumes:        toVolumes(p.spec.Field("volumes"), s.Volumes, names),
		ServiceAccount: s.ServiceAccountName,
		NodeSelector:   toNodeSelector(p.spec.Field("nodeSelector"), s.NodeSelector),
		Sandboxes:      s.Sandboxes.v2(p.spec.Field("sandboxes"), names),
	}
	if s.MaxRetries != nil {
		t.Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: *s.MaxRetries}
	}
	if s.TimeoutSeconds != nil {
		t.Timeout = &durationpb.Duration{Seconds: int64(*s.TimeoutSeconds)}
	}
	stored := storedAnnotations(p.annotations, given, t)
	if kept := given[secretsAnnotation]; kept != newAliases(t, "").annotation() {
		stored = with(stored, keptNamespace+"secrets", kept)
	}
	return t, stored
}

func toNodeSelector(p jobspec.Place, given map[string]string) *runpb.NodeSelector {
	var selector *runpb.NodeSelector
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if key != acceleratorSelector {
			p.Key(key).Addf("only %s is supported", acceleratorSelector)
			continue
		}
		selector = &runpb.NodeSelector{Accelerator: given[key]}
	}
	return selector
}

func environments() []string { return []string{"", "gen1", "gen2"} }

func environment(t *runpb.TaskTemplate) string {
	return enumText(int32(t.GetExecutionEnvironment()), environments())
}

func readEnvironment(p jobspec.Place, value string, t *runpb.TaskTemplate) {
	t.ExecutionEnvironment = runpb.ExecutionEnvironment(enumValue(p, value, environments()))
}

func gpuZonalRedundancyDisabled(t *runpb.TaskTemplate) string {
	if t.GpuZonalRedundancyDisabled == nil {
		return ""
	}
	return strconv.FormatBool(t.GetGpuZonalRedundancyDisabled())
}

func readGPUZonalRedundancyDisabled(p jobspec.Place, value string, t *runpb.TaskTemplate) {
	disabled, err := strconv.ParseBool(value) // gcloud writes True and False
	if err != nil {
		p.Addf("must be true or false, not %s", jobspec.Quote(value))
	}
	t.GpuZonalRedundancyDisabled = &disabled
}
