package runner

import (
	"slices"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

func TestStartOrder(t *testing.T) {
	t.Parallel()
	c := func(name string, dependsOn ...string) *runpb.Container {
		return &runpb.Container{Name: name, DependsOn: dependsOn}
	}
	for _, test := range []struct {
		containers []*runpb.Container
		want       []int
	}{
		{[]*runpb.Container{c("")}, []int{0}},
		{[]*runpb.Container{c("a"), c("b"), c("c")}, []int{0, 1, 2}},
		{[]*runpb.Container{c("a", "c"), c("b"), c("c")}, []int{1, 2, 0}},
		{[]*runpb.Container{c("a", "b"), c("b", "c"), c("c")}, []int{2, 1, 0}},
	} {
		if got := StartOrder(test.containers); !slices.Equal(got, test.want) {
			t.Errorf("StartOrder(%v) = %v, want %v", test.containers, got, test.want)
		}
	}
}

func TestMainOf(t *testing.T) {
	t.Parallel()
	port := &runpb.Container{Ports: []*runpb.ContainerPort{{ContainerPort: 1}}}
	for _, test := range []struct {
		containers []*runpb.Container
		want       int
	}{
		{[]*runpb.Container{{}}, 0},
		{[]*runpb.Container{{}, {}}, 0},
		{[]*runpb.Container{{}, port}, 1},
		{[]*runpb.Container{{}, port, port}, 0},
	} {
		if got := MainOf(test.containers); got != test.want {
			t.Errorf("MainOf(%v) = %d, want %d", test.containers, got, test.want)
		}
	}
}
