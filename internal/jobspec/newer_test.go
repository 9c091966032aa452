package jobspec_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

func TestValidateKnown(t *testing.T) {
	unknown := protowire.AppendString(protowire.AppendTag(nil, 9999, protowire.BytesType), "x")
	const newer = "belongs to a newer version of Cloud Run's API than this server knows, leave it out"
	runJobCases(t, []jobCase{
		{
			"a newer field", func(j *runpb.Job) { j.ProtoReflect().SetUnknown(unknown) },
			"field number 9999 " + newer,
		},
		{
			"two newer fields in a list", onContainer(func(c *runpb.Container) { c.ProtoReflect().SetUnknown(append(unknown, unknown...)) }),
			"template.template.containers[0]: field number 9999 " + newer + "; template.template.containers[0]: field number 9999 " + newer,
		},
		{
			"a newer value", onTask(func(t *runpb.TaskTemplate) { t.ExecutionEnvironment = 99 }),
			"template.template.execution_environment: value 99 " + newer,
		},
		{"a known value", func(j *runpb.Job) { j.FunctionalType = runpb.FunctionalType_FUNCTIONAL_TYPE_AGENT }, ""},
	})
}

func TestOverridesOfANewerVersion(t *testing.T) {
	t.Parallel()
	o := &overrides{}
	o.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 9999, protowire.VarintType), 1))
	_, err := jobspec.ApplyOverrides(newJob().Template, o)
	wantViolations(t, "ApplyOverrides", err, "Violation in RunJobRequest.overrides: field number 9999 "+
		"belongs to a newer version of Cloud Run's API than this server knows, leave it out.")
}
