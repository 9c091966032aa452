package runner

import (
	"slices"
	"strconv"

	"cloud.google.com/go/run/apiv2/runpb"
)

// MainOf returns the index of the main container, whose end is the task's end: the only
// one with a port, or else the first.
func MainOf(containers []*runpb.Container) int {
	var with []int
	for i, c := range containers {
		if len(c.GetPorts()) > 0 {
			with = append(with, i)
		}
	}
	if len(with) == 1 {
		return with[0]
	}
	return 0
}

// StartOrder returns the indices of containers in their order, but each after those that
// it depends on. There is no cycle: jobspec refuses one.
func StartOrder(containers []*runpb.Container) []int {
	order := make([]int, 0, len(containers))
	started := make(map[string]bool, len(containers))
	ready := func(i int) bool {
		return !slices.Contains(order, i) &&
			!slices.ContainsFunc(containers[i].GetDependsOn(), func(name string) bool { return !started[name] })
	}
	for range containers {
		for i := range containers {
			if ready(i) {
				order = append(order, i)
				started[nameIn(containers, i)] = true
				break
			}
		}
	}
	return order
}

// nameIn returns the name of a container. A container without a name gets a number, on
// which nothing can depend.
func nameIn(containers []*runpb.Container, i int) string {
	if name := containers[i].GetName(); name != "" {
		return name
	}
	return strconv.Itoa(i)
}
