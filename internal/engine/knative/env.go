package knative

import (
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// EnvVar is an environment variable.
type EnvVar struct {
	Name      string        `json:"name,omitempty"`
	Value     *string       `json:"value,omitempty"` // empty is a value; nil is unset
	ValueFrom *EnvVarSource `json:"valueFrom,omitempty"`
}

// EnvVarSource is the source of a variable's value.
type EnvVarSource struct {
	SecretKeyRef *SecretKeySelector `json:"secretKeyRef,omitempty"`

	ConfigMapKeyRef refused `json:"configMapKeyRef,omitzero" refused:"is not supported by Cloud Run"`
}

// SecretKeySelector names a version of a secret.
type SecretKeySelector struct {
	Name string `json:"name,omitempty"` // or its alias in run.googleapis.com/secrets
	Key  string `json:"key,omitempty"`  // the version

	Optional             fixed   `json:"optional,omitzero" fixed:"false"`
	LocalObjectReference refused `json:"localObjectReference,omitzero" refused:"is deprecated, set name"`
}

func fromEnv(env []*runpb.EnvVar, names *aliases) []EnvVar {
	var all []EnvVar
	for _, v := range env {
		variable := EnvVar{Name: v.GetName()}
		switch value := v.GetValues().(type) {
		case *runpb.EnvVar_Value:
			variable.Value = new(value.Value)
		case *runpb.EnvVar_ValueSource:
			variable.ValueFrom = &EnvVarSource{}
			if ref := value.ValueSource.GetSecretKeyRef(); ref != nil {
				variable.ValueFrom.SecretKeyRef = &SecretKeySelector{Name: names.of(ref.GetSecret()), Key: ref.GetVersion()}
			}
		}
		all = append(all, variable)
	}
	return all
}

func toEnv(p jobspec.Place, env []EnvVar, names *aliases) []*runpb.EnvVar {
	var all []*runpb.EnvVar
	for i, v := range env {
		variable := &runpb.EnvVar{Name: v.Name}
		switch {
		case v.ValueFrom != nil:
			if v.Value != nil && *v.Value != "" {
				p.Index(i).Field("value").Addf("cannot be set together with valueFrom")
			}
			source := &runpb.EnvVarSource{}
			if ref := v.ValueFrom.SecretKeyRef; ref != nil {
				source.SecretKeyRef = &runpb.SecretKeySelector{Secret: names.path(ref.Name), Version: ref.Key}
			}
			variable.Values = &runpb.EnvVar_ValueSource{ValueSource: source}
		case v.Value != nil:
			variable.Values = &runpb.EnvVar_Value{Value: *v.Value}
		}
		all = append(all, variable)
	}
	return all
}
