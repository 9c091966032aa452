package knative

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// The annotations in this file map names of containers to values, as JSON. The only
// container of a task may have no name.

// byName returns the values by container, without empty ones.
func byName[V any](t *runpb.TaskTemplate, value func(*runpb.Container) (V, bool)) string {
	all := map[string]V{}
	for _, c := range t.GetContainers() {
		if v, ok := value(c); ok {
			all[c.GetName()] = v
		}
	}
	if len(all) == 0 {
		return ""
	}
	return jsonText(all)
}

// readByName is the inverse of byName.
func readByName[V any](p jobspec.Place, text string, t *runpb.TaskTemplate, set func(*runpb.Container, V)) {
	all := map[string]V{}
	readJSON(p, text, &all)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if c := containerNamed(p, t, name); c != nil {
			set(c, all[name])
		}
	}
}

// containerNamed returns the container with the name, or adds a violation. The empty name
// is that of the only container.
func containerNamed(p jobspec.Place, t *runpb.TaskTemplate, name string) *runpb.Container {
	if name == "" && len(t.GetContainers()) > 1 {
		p.Addf("must name containers, because the task has %d", len(t.GetContainers()))
		return nil
	}
	for _, c := range t.GetContainers() {
		if c.GetName() == name {
			return c
		}
	}
	p.Addf("there is no container named %s", jobspec.Quote(name))
	return nil
}

func dependencies(t *runpb.TaskTemplate) string {
	return byName(t, func(c *runpb.Container) ([]string, bool) { return c.GetDependsOn(), len(c.GetDependsOn()) > 0 })
}

func readDependencies(p jobspec.Place, text string, t *runpb.TaskTemplate) {
	readByName(p, text, t, func(c *runpb.Container, on []string) { c.DependsOn = on })
}

func baseImages(t *runpb.TaskTemplate) string {
	return byName(t, func(c *runpb.Container) (string, bool) { return c.GetBaseImageUri(), c.GetBaseImageUri() != "" })
}

func readBaseImages(p jobspec.Place, text string, t *runpb.TaskTemplate) {
	readByName(p, text, t, func(c *runpb.Container, uri string) { c.BaseImageUri = uri })
}

// sources returns objects in Cloud Storage as gs://BUCKET/OBJECT, optionally with
// #GENERATION.
func sources(t *runpb.TaskTemplate) string {
	return byName(t, func(c *runpb.Container) (string, bool) {
		object := c.GetSourceCode().GetCloudStorageSource()
		uri := "gs://" + object.GetBucket() + "/" + object.GetObject()
		if object.GetGeneration() != 0 || strings.Contains(uri, "#") {
			uri += fmt.Sprintf("#%d", object.GetGeneration())
		}
		return uri, object != nil
	})
}

var sourceURI = regexp.MustCompile(`(?s)^gs://([^/]*)/(.*?)(?:#(-?[0-9]+))?$`)

func readSources(p jobspec.Place, text string, t *runpb.TaskTemplate) {
	readByName(p, text, t, func(c *runpb.Container, uri string) {
		m := sourceURI.FindStringSubmatch(uri)
		if m == nil {
			p.Addf("%s must be gs://BUCKET/OBJECT or gs://BUCKET/OBJECT#GENERATION", jobspec.Quote(uri))
			return
		}
		generation, err := strconv.ParseInt(m[3], 10, 64)
		if m[3] != "" && err != nil {
			p.Addf("the generation of %s is too large", jobspec.Quote(uri))
		}
		c.SourceCode = &runpb.SourceCode{SourceType: &runpb.SourceCode_CloudStorageSource_{
			CloudStorageSource: &runpb.SourceCode_CloudStorageSource{Bucket: m[1], Object: m[2], Generation: generation},
		}}
	})
}

// flag returns "true" if a setting is on for every container, and a JSON list of names if
// it is on for some.
//
// Deviation: in Google's v1 a setting applies to all containers.
func flag(t *runpb.TaskTemplate, on func(*runpb.Container) bool) string {
	var names []string
	for _, c := range t.GetContainers() {
		if on(c) {
			names = append(names, c.GetName())
		}
	}
	switch len(names) {
	case 0:
		return ""
	case len(t.GetContainers()):
		return "true"
	}
	return jsonText(names)
}

// readFlag is the inverse of flag. It also accepts "false".
func readFlag(p jobspec.Place, text string, t *runpb.TaskTemplate, set func(*runpb.ResourceRequirements)) {
	on := t.GetContainers()
	if all, err := strconv.ParseBool(text); err != nil {
		var names []string
		readJSON(p, text, &names)
		on = nil
		for _, name := range names {
			if c := containerNamed(p, t, name); c != nil {
				on = append(on, c)
			}
		}
	} else if !all {
		return
	}
	for _, c := range on {
		if c.Resources == nil {
			c.Resources = &runpb.ResourceRequirements{}
		}
		set(c.Resources)
	}
}

func cpuIdle(t *runpb.TaskTemplate) string {
	return flag(t, func(c *runpb.Container) bool { return c.GetResources().GetCpuIdle() })
}

func readCPUIdle(p jobspec.Place, text string, t *runpb.TaskTemplate) {
	readFlag(p, text, t, func(r *runpb.ResourceRequirements) { r.CpuIdle = true })
}

func cpuBoost(t *runpb.TaskTemplate) string {
	return flag(t, func(c *runpb.Container) bool { return c.GetResources().GetStartupCpuBoost() })
}

func readCPUBoost(p jobspec.Place, text string, t *runpb.TaskTemplate) {
	readFlag(p, text, t, func(r *runpb.ResourceRequirements) { r.StartupCpuBoost = true })
}
