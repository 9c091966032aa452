package display

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/terminal"
)

// template adds what each task runs, including overrides.
func (v *view) template(t *runpb.TaskTemplate) {
	v.Row("Retries", strconv.Itoa(int(t.GetMaxRetries())))
	v.Row("Timeout", t.GetTimeout().AsDuration().String())
	v.Row("Service account", t.GetServiceAccount())
	for _, volume := range t.GetVolumes() {
		v.Row("Volume", volume.GetName())
	}
	for _, c := range t.GetContainers() {
		v.container(c)
	}
}

func (v *view) container(c *runpb.Container) {
	v.Begin(strings.TrimSpace("Container " + c.GetName()))
	v.Row("Image", c.GetImage())
	v.Row("Command", quoted(c.GetCommand()))
	v.Row("Arguments", quoted(c.GetArgs()))
	v.Row("Folder", c.GetWorkingDir())
	limits := c.GetResources().GetLimits()
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		v.Row("Limit", name+"="+limits[name])
	}
	for _, mount := range c.GetVolumeMounts() {
		v.Row("Mount", mount.GetName()+" at "+mount.GetMountPath())
	}
	for _, variable := range c.GetEnv() {
		if strings.HasPrefix(variable.GetName(), ledger.ReservedPrefix) {
			continue // the invoker's marker of its executions
		}
		value := variable.GetName() + "=" + variable.GetValue()
		if secret := variable.GetValueSource().GetSecretKeyRef(); secret != nil {
			value = fmt.Sprintf("%s from secret %s, version %s", variable.GetName(), secret.GetSecret(), secret.GetVersion())
		}
		v.Row("Environment", value)
	}
}

// quoted joins arguments, and quotes those that could be misread.
func quoted(args []string) string {
	shown := make([]string, len(args))
	for i, arg := range args {
		shown[i] = arg
		if arg == "" || strings.ContainsAny(arg, " \"'\\") || terminal.OneLine(arg) != arg {
			shown[i] = strconv.Quote(arg)
		}
	}
	return strings.Join(shown, " ")
}

func parallelism(n int32) string {
	if n == 0 {
		return "as many as possible"
	}
	return strconv.Itoa(int(n))
}
