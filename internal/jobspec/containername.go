package jobspec

import (
	"slices"
	"strconv"

	"cloud.google.com/go/run/apiv2/runpb"
)

// defaultNames names the unnamed containers of a task that has several, by the job's ID and
// their position, as Cloud Run does. The only container of a task stays without a name, and
// so do those of a task that has too many: no name is compared with so many others.
func defaultNames(containers []*runpb.Container, id string) {
	if len(containers) < 2 || len(containers) > maxContainers {
		return
	}
	taken := make([]string, 0, 2*len(containers))
	for _, c := range containers {
		taken = append(taken, c.GetName())
	}
	for i, c := range containers {
		if c == nil || c.GetName() != "" {
			continue
		}
		n := i + 1
		for slices.Contains(taken, positionName(id, n)) {
			n += len(containers)
		}
		c.Name = positionName(id, n)
		taken = append(taken, c.Name)
	}
}

// positionName returns a container's name of at most 63 characters. id may be empty.
func positionName(id string, n int) string {
	suffix := "-" + strconv.Itoa(n)
	if id == "" {
		id = "container"
	}
	return id[:min(len(id), maxLabel-len(suffix))] + suffix
}
