package kubernetes

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
	"github.com/runwith/runwith/internal/jobspec"
)

// env returns the environment of a container by name: the template's, the metadata server's
// where the template has no other, and the platform's over all. A secret's value comes from
// a Secret when the container starts.
func (c *Config) env(spec runner.Spec, i int) ([]kube.EnvVar, error) {
	values, secrets := map[string]string{}, map[string]*kube.EnvVarSource{}
	for j, v := range spec.Template.GetContainers()[i].GetEnv() {
		values[v.GetName()] = v.GetValue()
		delete(secrets, v.GetName())
		ref := v.GetValueSource().GetSecretKeyRef()
		if ref == nil {
			continue
		}
		name, err := c.secret(fmt.Sprintf("containers[%d].env[%d].value_source", i, j), ref.GetSecret())
		if err != nil {
			return nil, err
		}
		secrets[v.GetName()] = &kube.EnvVarSource{SecretKeyRef: &kube.SecretKey{Name: name, Key: keyOf(ref.GetVersion())}}
	}
	runner.AddMetadata(values, c.Metadata)
	if c.MetadataProxy {
		runner.AddMetadataProxy(values, c.Metadata)
	}
	for name, value := range spec.Env {
		values[name] = value
		delete(secrets, name)
	}
	all := make([]kube.EnvVar, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, kube.EnvVar{Name: name, Value: literal(values[name]), ValueFrom: secrets[name]})
	}
	return all, nil
}

// latestVersion is the version of a secret that names none. It is the key of that name: nobody
// reads a Secret to find its highest version.
const latestVersion = "latest"

// keyOf returns the key of a Secret for a version of a secret.
func keyOf(version string) string { return cmp.Or(version, latestVersion) }

// secret returns the name of the Secret for a secret of the template, whose name may contain
// a project.
func (c *Config) secret(field, name string) (string, error) {
	id, ok := jobspec.CutSecret(name)
	mapped := cmp.Or(c.Secrets[name], c.Secrets[id])
	switch {
	case mapped != "":
		return mapped, nil
	case !ok:
		return "", runner.Refuse(field, "%s is not the name of a secret", jobspec.Quote(name))
	case !IsObjectName(id):
		return "", runner.Refuse(field, "no Secret can have the name %s; start the server with --kubernetes-secret %s=NAME, the name of its Secret", jobspec.Quote(id), id)
	}
	return id, nil
}

// maxObjectName is the length of an object's name, in bytes.
const maxObjectName = 253

// objectName matches the names of objects: DNS labels with dots between.
var objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// nodeLabel matches KEY=VALUE, where a domain may be before the key.
var nodeLabel = regexp.MustCompile(`^([a-z0-9]([-.a-z0-9]*[a-z0-9])?/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?=[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$`)

// IsNodeLabel reports whether a node can have a label, which is KEY=VALUE.
func IsNodeLabel(label string) bool { return nodeLabel.MatchString(label) }

// IsObjectName reports whether a Secret, a claim, a service account or a queue can have a name.
func IsObjectName(name string) bool {
	return len(name) <= maxObjectName && objectName.MatchString(name)
}
