package kubernetes

import (
	"encoding/json"
	"fmt"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// object is a JSON object. Patches work on these, because they may have fields that the
// types of package kube do not.
type object = map[string]any

// podJSON returns a Pod as JSON, with the patch of the configuration applied.
func (c *Config) podJSON(pod *kube.Pod) ([]byte, error) {
	text, err := json.Marshal(pod)
	if err != nil || len(c.Patch) == 0 {
		return text, err
	}
	patch, err := parsePatch(c.Patch)
	if err != nil {
		return nil, err
	}
	made, err := parseObject(text)
	if err != nil {
		return nil, fmt.Errorf("patch pod: %w", err)
	}
	merge(made, patch)
	return json.Marshal(made)
}

// merge applies a strategic merge patch: objects merge, null removes a field, and lists
// replace each other, except those with a merge key.
// https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
func merge(into, patch object) {
	for field, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(into, field)
		case object:
			below, ok := into[field].(object)
			if !ok {
				below = object{}
			}
			merge(below, value)
			into[field] = below
		case []any:
			into[field] = mergeList(field, into[field], value)
		default:
			into[field] = value
		}
	}
}

// mergeKey returns the field that tells the elements of a list apart, or "" for a list that
// a patch replaces.
func mergeKey(list string) string {
	switch list {
	case containers, initContainers, "volumes", env, "imagePullSecrets":
		return "name"
	case "volumeMounts":
		return "mountPath"
	}
	return ""
}

// mergeList returns a list with a patch applied.
func mergeList(field string, list any, patch []any) []any {
	key := mergeKey(field)
	into, _ := list.([]any)
	if key == "" {
		into = nil
	}
	before := into
	for _, element := range patch {
		change, isObject := element.(object)
		switch at := find(into, key, change[key]); {
		case isContainers(field) && change[key] == everyContainer:
			mergeAll(before, change)
		case key != "" && at != nil:
			merge(at, change)
		case !isObject:
			into = append(into, element)
		case !isContainers(field) || change[image] != nil:
			into = append(into, withoutNulls(change))
		}
	}
	return into
}

// find returns the element of a list whose key has a value, or nil.
func find(list []any, key string, value any) object {
	for _, element := range list {
		if o, ok := element.(object); ok && o[key] == value {
			return o
		}
	}
	return nil
}

// mergeAll applies the change of everyContainer.
func mergeAll(into []any, change object) {
	for _, element := range into {
		if o, ok := element.(object); ok {
			name := o["name"]
			merge(o, change)
			o["name"] = name
		}
	}
}

// withoutNulls returns a copy of a patch for what is not there yet.
func withoutNulls(patch object) object {
	made := object{}
	merge(made, patch)
	return made
}
