package secret

import (
	"errors"
	"fmt"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// Env returns the variables of a template's container by name, with the values of
// secrets. Its errors name the field.
func (s *Store) Env(index int, container *runpb.Container) (map[string]string, error) {
	env := make(map[string]string, len(container.GetEnv()))
	for i, v := range container.GetEnv() {
		ref := v.GetValueSource().GetSecretKeyRef()
		if ref == nil {
			env[v.GetName()] = v.GetValue()
			continue
		}
		value, err := s.Read(ref.GetSecret(), ref.GetVersion())
		if err != nil {
			return nil, refuseEnv(index, i, v, err)
		}
		env[v.GetName()] = string(value)
	}
	return env, nil
}

// CheckEnv returns the error that Env would return.
func (s *Store) CheckEnv(index int, container *runpb.Container) error {
	for i, v := range container.GetEnv() {
		source := v.GetValueSource()
		if source == nil {
			continue
		}
		ref := source.GetSecretKeyRef()
		if err := s.Check(ref.GetSecret(), ref.GetVersion()); err != nil {
			return refuseEnv(index, i, v, err)
		}
	}
	return nil
}

func refuseEnv(container, i int, v *runpb.EnvVar, err error) error {
	e := runner.Refuse(fmt.Sprintf("containers[%d].env[%d].value_source", container, i), "%s: %v", v.GetName(), err)
	e.Err = errors.Join(e.Err, err) // keeps the field, which APIs spell differently, and the cause
	return e
}
