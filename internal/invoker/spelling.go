package invoker

import (
	"fmt"
	"regexp"
	"strconv"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// containerPath and variablePath match places in the overrides of a run request.
var (
	containerPath = regexp.MustCompile(`^overrides\.container_overrides\[(\d+)\]\.?(.*)$`)
	variablePath  = regexp.MustCompile(`^env\[(\d+)\]`)
)

// spelled returns an error about overrides with the names of the fields that the caller
// sent: Cloud Run's overrides.container_overrides[0].env[2].value is env.NAME of a job with
// one container.
func spelled(o *runpb.RunJobRequest_Overrides, err error) error {
	return jobspec.Respell(err, func(path string) string {
		switch path {
		case "overrides.task_count":
			return "taskCount"
		case "overrides.timeout":
			return "timeout"
		}
		m := containerPath.FindStringSubmatch(path)
		if m == nil {
			return path
		}
		i, _ := strconv.Atoi(m[1]) // it is digits
		return containerField(o.GetContainerOverrides(), i, m[2])
	})
}

// containerField returns the caller's name for a field of a container's override.
func containerField(all []*runpb.RunJobRequest_Overrides_ContainerOverride, i int, field string) string {
	if i >= len(all) {
		return "containers"
	}
	c, place := all[i], fmt.Sprintf("containers[%d].", i)
	if c.GetName() == "" {
		place = ""
	}
	if m := variablePath.FindStringSubmatch(field); m != nil {
		n, _ := strconv.Atoi(m[1])
		return place + variableField(c.GetEnv(), n)
	}
	if field == "name" && place == "" { // the job has several containers, and the caller named none
		return "containers"
	}
	return place + field
}

// plainName matches the name of a variable that needs no quotes, up to maxPlainName.
var plainName = regexp.MustCompile(`^\w+$`)

const maxPlainName = 80

// variableField returns the caller's name for a variable.
func variableField(env []*runpb.EnvVar, n int) string {
	if n >= len(env) {
		return "env"
	}
	name := env[n].GetName()
	if len(name) <= maxPlainName && plainName.MatchString(name) {
		return "env." + name
	}
	return "env[" + jobspec.Quote(name) + "]"
}
