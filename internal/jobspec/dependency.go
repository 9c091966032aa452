package jobspec

import "cloud.google.com/go/run/apiv2/runpb"

// validateDependencies checks that depends_on names containers of the same task and
// has no cycles.
func validateDependencies(p Place, containers []*runpb.Container) {
	byName := make(map[string]int, len(containers))
	for i, c := range containers {
		if c.GetName() != "" {
			byName[c.GetName()] = i
		}
	}
	next := make([][]int, len(containers))
	for i, c := range containers {
		for j, name := range c.GetDependsOn() {
			to, known := byName[name]
			if !known {
				p.Index(i).Field("depends_on").Index(j).Addf("there is no container named %s", Quote(name))
				continue
			}
			next[i] = append(next[i], to)
		}
	}
	for _, i := range cyclic(next) {
		p.Index(i).Field("depends_on").Addf("must not lead into a cycle, because a container starts after its dependencies")
	}
}

// cyclic returns, in order, the nodes of a graph that are on a cycle or lead to one.
// It repeatedly removes nodes without edges and returns the rest. It does not
// recurse, because the caller controls the depth of the graph.
func cyclic(next [][]int) []int {
	waiting := make([]int, len(next)) // remaining edges of each node
	previous := make([][]int, len(next))
	for i, to := range next {
		waiting[i] = len(to)
		for _, j := range to {
			previous[j] = append(previous[j], i)
		}
	}
	var ready []int
	for i, n := range waiting {
		if n == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		done := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		for _, i := range previous[done] {
			if waiting[i]--; waiting[i] == 0 {
				ready = append(ready, i)
			}
		}
	}
	var left []int
	for i, n := range waiting {
		if n > 0 {
			left = append(left, i)
		}
	}
	return left
}
