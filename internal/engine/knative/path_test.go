package knative_test

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/runwith/runwith/internal/engine/knative"
)

func TestPaths(t *testing.T) {
	t.Parallel()
	for v2, want := range map[string]string{
		"job_id":                                      "metadata.name",
		"etag":                                        "metadata.resourceVersion",
		`labels["example.com/my_label"]`:              `metadata.labels["example.com/my_label"]`,
		`template.annotations["a\"b_c"]`:              `spec.template.metadata.annotations["a\"b_c"]`,
		"launch_stage":                                `metadata.annotations["run.googleapis.com/launch-stage"]`,
		"start_execution_token":                       "spec.startExecutionToken",
		"template":                                    "spec.template",
		"template.task_count":                         "spec.template.spec.taskCount",
		"template.template":                           "spec.template.spec.template.spec",
		"template.template.max_retries":               "spec.template.spec.template.spec.maxRetries",
		"template.template.timeout":                   "spec.template.spec.template.spec.timeoutSeconds",
		"template.template.containers":                "spec.template.spec.template.spec.containers",
		"template.template.volumes[1]":                "spec.template.spec.template.spec.volumes[1]",
		"page_token":                                  "continue",
		"page_size":                                   "limit",
		"overrides.timeout":                           "overrides.timeoutSeconds",
		"overrides.task_count":                        "overrides.taskCount",
		"template.template.containers[0].source_code": `spec.template.metadata.annotations["run.googleapis.com/sources"]`,
		"template.template.containers[0].env[5].value_source":   "spec.template.spec.template.spec.containers[0].env[5].valueFrom",
		"template.template.execution_environment":               `spec.template.metadata.annotations["run.googleapis.com/execution-environment"]`,
		`template.annotations["v1.runwith/client-name"]`:        `spec.template.metadata.annotations["run.googleapis.com/client-name"]`,
		`template.template.containers[2].depends_on[0]`:         `spec.template.metadata.annotations["run.googleapis.com/container-dependencies"]`,
		`template.template.containers[0].resources.limits["c"]`: `spec.template.spec.template.spec.containers[0].resources.limits["c"]`,
		"overrides.container_overrides[0].env[5].value":         "overrides.containerOverrides[0].env[5].value",
	} {
		if got := knative.Path(v2); got != want {
			t.Errorf("Path(%q) = %q, want %q", v2, got, want)
		}
	}
}

// withoutPath matches fields that no error names, or whose errors name an annotation.
var withoutPath = regexp.MustCompile(`^(client|client_version|build_info|functional_type|workload_identity_config|cpu_idle|startup_cpu_boost|binary_authorization|gpu_zonal_redundancy_disabled)$`)

// TestEveryPathExistsInV1 checks that Path converts every v2 field that an error may name
// to an existing v1 field.
func TestEveryPathExistsInV1(t *testing.T) {
	t.Parallel()
	var walk func(m protoreflect.MessageDescriptor, path string, of reflect.Type)
	walk = func(m protoreflect.MessageDescriptor, path string, of reflect.Type) {
		for i := range m.Fields().Len() {
			field := m.Fields().Get(i)
			if outputOnly(field) || withoutPath.MatchString(string(field.Name())) {
				continue
			}
			at := strings.TrimPrefix(path+"."+string(field.Name()), ".")
			if field.IsList() {
				at += "[3]"
			}
			if field.IsMap() {
				at += `["example.com/key"]`
			}
			if got := knative.Path(at); !leadsTo(of, got) {
				t.Errorf("Path(%q) = %q, want a field of %s", at, got, of)
			}
			if field.Message() != nil && !field.IsMap() && field.Message().ParentFile().Package() == "google.cloud.run.v2" {
				walk(field.Message(), at, of)
			}
		}
	}
	walk((&runpb.Job{}).ProtoReflect().Descriptor(), "", reflect.TypeFor[knative.Job]())
	walk((&runpb.RunJobRequest_Overrides{}).ProtoReflect().Descriptor(), "overrides", reflect.TypeFor[knative.RunJobRequest]())
}

func outputOnly(field protoreflect.FieldDescriptor) bool {
	behavior, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY)
}

var step = regexp.MustCompile(`^\.?(\w+)|^\[\d+\]|^\["[^"]*"\]`)

// leadsTo reports whether a type has a field at a v1 path.
func leadsTo(of reflect.Type, path string) bool {
	for path != "" {
		m := step.FindStringSubmatch(path)
		if m == nil {
			return false
		}
		path = path[len(m[0]):]
		for of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		switch {
		case m[1] == "":
			if of.Kind() != reflect.Slice && of.Kind() != reflect.Map {
				return false
			}
			of = of.Elem()
		case of.Kind() != reflect.Struct:
			return false
		default:
			field, ok := fieldOf(of, m[1])
			if !ok {
				return false
			}
			of = field.Type
		}
	}
	return true
}

func fieldOf(of reflect.Type, name string) (reflect.StructField, bool) {
	for field := range of.Fields() {
		if jsonName(field) == name {
			return field, true
		}
	}
	return reflect.StructField{}, false
}
