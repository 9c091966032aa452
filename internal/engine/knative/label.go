package knative

import (
	"maps"
	"slices"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// Labels that the server alone sets. gcloud reads the region from the first one.
const (
	locationLabel    = "cloud.googleapis.com/location"
	updatedLabel     = group + "lastUpdatedTime"
	jobLabel         = group + "job"
	executionLabel   = group + "execution"
	stateLabel       = group + "runningState"
	servingLabel     = group + "servingState"
	satisfiesPzLabel = group + "satisfiesPzs"

	// servingActive is the servingState of what has not ended.
	servingActive = "Active"
)

// The labels by which a list is narrowed without looking at what is in it.
const (
	// LabelLocation has the region.
	LabelLocation = locationLabel
	// LabelJob has the ID of an execution's or a task's job.
	LabelJob = jobLabel
	// LabelExecution has the ID of a task's execution.
	LabelExecution = executionLabel
)

// JobLabels are the labels of a job as v1 shows them, by which it is selected.
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

// serversLabels are those that the server alone sets. Cloud Run's executions have
// some that are not made here.
func serversLabels() []string {
	return []string{
		locationLabel, updatedLabel, jobLabel, executionLabel, stateLabel, servingLabel, satisfiesPzLabel,
		group + "jobUid", group + "jobGeneration", group + "jobResourceVersion",
	}
}

// userLabels are the labels that are a caller's own. Those of the server are
// ignored: gcloud sends them back, and copies a job's to its template.
func userLabels(p jobspec.Place, given map[string]string) map[string]string {
	servers := serversLabels()
	var rest map[string]string
	for _, key := range slices.Sorted(maps.Keys(given)) {
		switch {
		case slices.Contains(servers, key):
		case isReserved(key):
			p.Key(key).Addf("has no meaning to a job here, leave it out")
		default:
			rest = with(rest, key, given[key])
		}
	}
	return rest
}

// lastID is the last part of a resource name.
func lastID(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func selfLink(namespace, collection, id string) string {
	return "/apis/" + APIVersion + "/namespaces/" + namespace + "/" + collection + "/" + id
}

// checkType holds an object to what it says of itself.
func checkType(p jobspec.Place, version, kind, want string) {
	if version != "" && version != APIVersion {
		p.Field("apiVersion").Addf("must be %s, not %s", APIVersion, jobspec.Quote(version))
	}
	if kind != "" && kind != want {
		p.Field("kind").Addf("must be %s, not %s", want, jobspec.Quote(kind))
	}
}
