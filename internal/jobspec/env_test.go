package jobspec_test

import (
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

func envVar(name, value string) *runpb.EnvVar {
	return &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_Value{Value: value}}
}

func secretVar(name string, ref *runpb.SecretKeySelector) *runpb.EnvVar {
	return &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{SecretKeyRef: ref}}}
}

// manyVars returns n variables, from V0.
func manyVars(n int) []*runpb.EnvVar {
	env := make([]*runpb.EnvVar, n)
	for i := range env {
		env[i] = envVar(fmt.Sprintf("V%d", i), "")
	}
	return env
}

func TestValidateEnv(t *testing.T) {
	env := func(env ...*runpb.EnvVar) func(*runpb.Job) {
		return onContainer(func(c *runpb.Container) { c.Env = env })
	}
	named := func(name string) func(*runpb.Job) { return env(envVar(name, "v")) }
	const at = container0 + "env"
	tests := []jobCase{
		{"variables", env(envVar("A", "1"), envVar("b.c-d_1", ""), &runpb.EnvVar{Name: "NO_VALUE"}), ""},
		{"1,000 variables", env(manyVars(1000)...), ""},
		{"1,001 variables", env(manyVars(1001)...), at + ": at most 1000 variables are allowed, not 1001"},
		{"a value of 32,768 characters", env(envVar("A", strings.Repeat("é", 32768))), ""},
		{"a value of 32,769 characters", env(envVar("A", strings.Repeat("v", 32769))), at + "[0].value: length cannot exceed 32768"},
		{"a name of 32,769 characters", named(strings.Repeat("A", 32769)), at + "[0].name: length cannot exceed 32768"},
		{"NUL in a value", env(envVar("A", "secret\x00")), at + "[0].value: cannot contain a NUL character"},
		{"no name", named(""), at + "[0].name: required field not present"},
		{"no names", env(envVar("", ""), envVar("", "")), at + "[0].name: required field not present; " + at + "[1].name: required field not present"},
		{"= in a name", named("A=B"), at + `[0].name: must be printable ASCII without "=", not "A=B"`},
		{"a name in other letters", named("É"), at + `[0].name: must be printable ASCII without "=", not "É"`},
		{"NUL in a name", named("A\x00"), at + `[0].name: must be printable ASCII without "=", not "A\x00"`},
		{"the same name", env(envVar("A", "1"), envVar("B", "2"), envVar("A", "3")), ""},
		{"names differ by case", env(envVar("a", "1"), envVar("A", "2")), ""},
		{"a name of runwith's", named("RUNWITH_INVOCATION"), ""},
		{"a name that only resembles", env(envVar("CLOUD_RUN_TASK", ""), envVar("XX_GOOGLE_", ""), envVar("port", "")), ""},
		{"a secret", env(secretVar("A", &runpb.SecretKeySelector{Secret: "s", Version: "latest"})), ""},
		{"a secret without a name", env(secretVar("A", &runpb.SecretKeySelector{})), at + "[0].value_source.secret_key_ref.secret: required field not present"},
		{"a source without a secret", env(secretVar("A", nil)), at + "[0].value_source.secret_key_ref: required field not present"},
	}
	for _, name := range []string{
		"CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT", "CLOUD_RUN_TASK_COUNT",
		"K_SERVICE", "K_REVISION", "K_CONFIGURATION", "CLOUD_RUN_WORKER_POOL", "CLOUD_RUN_REVISION", "PORT", "X_GOOGLE_", "X_GOOGLE_A",
	} {
		tests = append(tests, jobCase{name, named(name), fmt.Sprintf("%s[0].name: %q is reserved, Cloud Run sets it", at, name)})
	}
	runJobCases(t, tests)
}
