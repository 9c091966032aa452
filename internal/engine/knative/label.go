package knative

import (
	"maps"
	"slices"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// Labels that only the server sets. gcloud reads the region from the first one.
const (
	locationLabel    = "cloud.googleapis.com/location"
	updatedLabel     = group + "lastUpdatedTime"
	jobLabel         = group + "job"
	executionLabel   = group + "execution"
	stateLabel       = group + "runningState"
	servingLabel     = group + "servingState"
	satisfiesPzLabel = group + "satisfiesPzs"

	// servingActive is the servingState of an execution that has not ended.
	servingActive = "Active"
)

// The labels that select items of a list without reading the items.
const (
	// LabelLocation is the region.
	LabelLocation = locationLabel
	// LabelJob is the ID of an execution's or a task's job.
	LabelJob = jobLabel
	// LabelExecution is the ID of a task's execution.
	LabelExecution = executionLabel
)

// JobLabels returns the labels of a job in v1, for showing and selecting it.
func JobLabels(job *runpb.Job) map[string]string {
	name, _ := jobspec.ParseJob(job.GetName())
	labels := copied(job.GetLabels())
	putAll(labels, map[string]string{
		locationLabel:    name.Region,
		updatedLabel:     timeText(job.GetUpdateTime()),
		satisfiesPzLabel: truth(job.GetSatisfiesPzs()),
	})
	return labels
}

// serversLabels returns the labels that only the server sets. The engine does not set all
// labels of Cloud Run's executions.
func serversLabels() []string {
	return []string{
		locationLabel, updatedLabel, jobLabel, executionLabel, stateLabel, servingLabel, satisfiesPzLabel,
		group + "jobUid", group + "jobGeneration", group + "jobResourceVersion",
	}
}

// userLabels returns the labels that belong to the caller. It ignores the server's,
// because gcloud sends them back and copies a job's labels to its template.
func userLabels(p jobspec.Place, given map[string]string) map[string]string {
	servers := serversLabels()
	var rest map[string]string
	for _, key := range slices.Sorted(maps.Keys(given)) {
		switch {
		case slices.Contains(servers, key):
		case isReserved(key):
			p.Key(key).Addf("has no meaning for a job, leave it out")
		default:
			rest = with(rest, key, given[key])
		}
	}
	return rest
}

// lastID returns the last part of a resource name.
func lastID(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func selfLink(namespace, collection, id string) string {
	return "/apis/" + APIVersion + "/namespaces/" + namespace + "/" + collection + "/" + id
}

// checkType checks the apiVersion and kind of an object, if set.
func checkType(p jobspec.Place, version, kind, want string) {
	if version != "" && version != APIVersion {
		p.Field("apiVersion").Addf("must be %s, not %s%s", APIVersion, jobspec.Quote(version), foreign(version))
	}
	if kind != "" && kind != want {
		p.Field("kind").Addf("must be %s, not %s", want, jobspec.Quote(kind))
	}
}

// foreign names the owner of a version of another API whose objects look like Cloud Run's.
func foreign(version string) string {
	group, _, _ := strings.Cut(version, "/")
	switch {
	case group == "batch":
		return ", which is Kubernetes'"
	case strings.HasSuffix(group, ".knative.dev"):
		return ", which is Knative's: a service is no job"
	case strings.HasSuffix(group, ".cnrm.cloud.google.com"):
		return ", which is Config Connector's"
	}
	return ""
}
