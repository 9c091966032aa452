package kubernetes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Fields of a Pod that a patch treats in its own way.
const (
	containers     = "containers"
	initContainers = "initContainers"
	env            = "env"
	image          = "image"
)

// everyContainer is the name, in a patch, of all containers that a list of the Pod has. An
// element without an image changes only a container that is there: jobs choose the names of
// their containers.
const everyContainer = "*"

func isContainers(list string) bool { return list == containers || list == initContainers }

// parsePatch parses a patch, and refuses one that would change what the Runner relies on.
func parsePatch(text []byte) (object, error) {
	patch, err := parseObject(text)
	if err != nil {
		return nil, fmt.Errorf("config.Patch: %w", err)
	}
	check := patchCheck{}
	check.object("", patch)
	return patch, errors.Join(check.faults...)
}

// parseObject parses one JSON object. Numbers keep their digits.
func parseObject(text []byte) (o object, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		return nil, fmt.Errorf("is no JSON object: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has text after its JSON object")
	}
	if o == nil {
		return nil, errors.New("is null, must be a JSON object")
	}
	return o, nil
}

// patchCheck collects the faults of a patch.
type patchCheck struct{ faults []error }

func (p *patchCheck) add(path, format string, args ...any) {
	p.faults = append(p.faults, fmt.Errorf("config.Patch: %s: %s", path, fmt.Sprintf(format, args...)))
}

// object checks an object, whose path ends with a dot unless it is the Pod itself.
func (p *patchCheck) object(path string, o object) {
	for _, field := range slices.Sorted(maps.Keys(o)) {
		p.field(path+field, field, o[field])
	}
}

// field checks one field of the patch and everything below.
func (p *patchCheck) field(path, field string, value any) {
	if why := fixed(path, value); why != "" {
		p.add(path, "%s", why)
		return
	}
	if strings.HasPrefix(field, "$") {
		p.add(path, "directives are not supported; set a field to null to remove it")
	}
	switch value := value.(type) {
	case object:
		p.object(path+".", value)
	case []any:
		p.list(path, field, value)
	default:
		if mergeKey(field) != "" {
			p.add(path, "must be a list")
		}
	}
}

// list checks a list and everything below. Elements with a merge key must have it.
func (p *patchCheck) list(path, field string, list []any) {
	key := mergeKey(field)
	for i, element := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		o, ok := element.(object)
		name, _ := o[key].(string)
		_, restarts := o["restartPolicy"]
		switch {
		case key == "":
		case !ok:
			p.add(at, "must be an object")
		case name == "":
			p.add(at+"."+key, "is required")
		case isContainers(field) && o[image] == nil && restarts:
			p.add(at+".restartPolicy", "is the runner's for a container of the job")
		case field == env && strings.HasPrefix(name, platformEnv):
			p.add(at+".name", "variables %s... are the platform's", platformEnv)
		}
		p.object(at+".", o)
	}
}

// platformEnv begins the names of the variables by which a task knows what it is.
const platformEnv = "CLOUD_RUN_"

// runners is why a patch may not set a field that the Runner relies on.
const runners = "is the runner's; leave it out"

// fixed returns why a patch may not set a field, or "".
func fixed(path string, value any) string {
	switch path {
	case "apiVersion":
		return unless(value == "v1", "must be v1 or left out")
	case "kind":
		return unless(value == "Pod", "must be Pod or left out")
	case "metadata", "metadata.labels", "metadata.annotations", "spec":
		_, ok := value.(object)
		return unless(ok, "must be an object")
	case "metadata.name", "metadata.generateName", "metadata.namespace", "metadata.uid", "metadata.resourceVersion", "metadata.finalizers",
		"spec.restartPolicy", "spec.schedulingGates", "spec.nodeName", "spec.activeDeadlineSeconds", "status":
		return runners
	}
	for _, marks := range []string{"metadata.labels.", "metadata.annotations."} {
		if key, ok := strings.CutPrefix(path, marks); ok && (strings.HasPrefix(key, ownPrefix) || key == managedByLabel) {
			return runners
		}
	}
	return ""
}

// ownPrefix begins the names of the runner's own labels and annotations.
const ownPrefix = "runwith.dev/"

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}
