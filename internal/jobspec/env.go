package jobspec

import (
	"slices"
	"strings"
	"unicode/utf8"

	"cloud.google.com/go/run/apiv2/runpb"
)

const (
	// maxEnv is the maximum number of variables of all containers of a task together.
	maxEnv = 1000
	// maxEnvText is the maximum length of a variable's name or value, in characters.
	maxEnvText = 32768
)

// validateEnv checks the variables of one container, or of one override. A variable may be
// set twice; its last value counts, as in Kubernetes.
//
// See https://cloud.google.com/run/docs/configuring/jobs/environment-variables.
func validateEnv(p Place, env []*runpb.EnvVar) {
	if len(env) > maxEnv {
		p.Addf("at most %d variables are allowed, not %d", maxEnv, len(env))
	}
	for i, v := range env {
		at := p.Index(i)
		validateEnvName(at.Field("name"), v.GetName())
		validateEnvValue(at, v)
	}
}

// validateAllEnv checks the number of variables in a task whose containers, each on its own,
// have few enough. Cloud Run documents the limit for one container and applies it to all.
func validateAllEnv(p Place, containers []*runpb.Container) {
	if all, most := countEnv(containers); most <= maxEnv && all > maxEnv {
		p.Addf("at most %d variables are allowed in all containers together, not %d", maxEnv, all)
	}
}

// countEnv returns the number of variables of all containers, and of the one with most.
func countEnv(containers []*runpb.Container) (all, most int) {
	for _, c := range containers {
		all += len(c.GetEnv())
		most = max(most, len(c.GetEnv()))
	}
	return all, most
}

// validateEnvName accepts an empty name, because validateRequired reports it.
func validateEnvName(p Place, name string) {
	switch {
	case utf8.RuneCountInString(name) > maxEnvText:
		p.Addf("length cannot exceed %d", maxEnvText)
	case !isEnvName(name):
		p.Addf("must be printable ASCII without \"=\", not %s", Quote(name))
	case IsReservedEnv(name):
		p.Addf("%s is reserved, Cloud Run sets it", Quote(name))
	}
}

func validateEnvValue(p Place, v *runpb.EnvVar) {
	value := p.Field("value")
	if utf8.RuneCountInString(v.GetValue()) > maxEnvText {
		value.Addf("length cannot exceed %d", maxEnvText)
	}
	validateNoNUL(value, v.GetValue())
	source, ok := v.GetValues().(*runpb.EnvVar_ValueSource)
	if !ok {
		return
	}
	ref := p.Field("value_source.secret_key_ref")
	if source.ValueSource.GetSecretKeyRef() == nil {
		ref.Addf(required)
	}
	validateSecret(ref.Field("secret"), source.ValueSource.GetSecretKeyRef().GetSecret())
	validateSecretVersion(ref.Field("version"), source.ValueSource.GetSecretKeyRef().GetVersion())
}

// validateNoNUL refuses NUL, because a process cannot receive it.
func validateNoNUL(p Place, s string) {
	if strings.ContainsRune(s, 0) {
		p.Addf("cannot contain a NUL character")
	}
}

// isEnvName accepts every name that both a process environment and Kubernetes allow.
func isEnvName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c < ' ' || c > '~' || c == '=' {
			return false
		}
	}
	return true
}

// IsReservedEnv reports whether only Cloud Run may set a variable.
//
// See https://cloud.google.com/run/docs/container-contract#env-vars.
func IsReservedEnv(name string) bool {
	return strings.HasPrefix(name, "X_GOOGLE_") || slices.Contains([]string{
		"CLOUD_RUN_EXECUTION",
		"CLOUD_RUN_JOB",
		"CLOUD_RUN_REVISION",
		"CLOUD_RUN_TASK_ATTEMPT",
		"CLOUD_RUN_TASK_COUNT",
		"CLOUD_RUN_TASK_INDEX",
		"CLOUD_RUN_WORKER_POOL",
		"K_CONFIGURATION",
		"K_REVISION",
		"K_SERVICE",
		"PORT",
	}, name)
}
