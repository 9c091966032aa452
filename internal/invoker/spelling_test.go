package invoker

import (
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// Mistakes have the names of the fields that the caller sent, with the job and without it.
func TestMistakesAreSpelledAsSent(t *testing.T) {
	t.Parallel()
	two := []runwith.ContainerOverride{{Name: "main"}, {Name: "side", Env: map[string]string{"A": "a", "PORT": "1"}}}
	for name, test := range map[string]struct {
		sent runwith.Overrides
		want []string
	}{
		"task count":        {runwith.Overrides{TaskCount: 10001}, []string{"taskCount"}},
		"timeout":           {runwith.Overrides{Timeout: 1000 * 3600e9}, []string{"timeout"}},
		"variable":          {runwith.Overrides{Env: map[string]string{"A": "a", "PORT": "1"}}, []string{"env.PORT"}},
		"value":             {runwith.Overrides{Env: map[string]string{"LONG": strings.Repeat("x", 40000), "Z": "z"}}, []string{"env.LONG"}},
		"odd name":          {runwith.Overrides{Env: map[string]string{"A\n": "a"}}, []string{`env["A\n"]`}},
		"runwith's own":     {runwith.Overrides{Env: map[string]string{"RUNWITH_X": "a"}}, []string{"env.RUNWITH_X"}},
		"two at once":       {runwith.Overrides{TaskCount: 4, Env: map[string]string{"PORT": "1", "K_SERVICE": "s"}}, []string{"env.K_SERVICE", "env.PORT"}},
		"argument":          {runwith.Overrides{Args: []string{"a", "\x00"}}, []string{"args[1]"}},
		"another container": {runwith.Overrides{Containers: two}, []string{"containers[1].env.PORT"}},
	} {
		job := &runpb.Job{Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: "i"}}}}}
		if len(test.sent.Containers) > 0 {
			job.Template.Template.Containers = []*runpb.Container{{Name: "main", Image: "i"}, {Name: "side", Image: "i"}}
		}
		v := &cloud{job: func(string) (*runpb.Job, error) { return job, nil }}
		away := &cloud{job: func(string) (*runpb.Job, error) { return nil, errDial }}
		for where, c := range map[string]*cloud{"with the job": v, "without it": away} {
			_, _, err := open(t, c).Invoke(t.Context(), asks("report", "", test.sent))
			var got []string
			for _, fault := range jobspec.ViolationsOf(err) {
				got = append(got, fault.Path)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || runwith.CodeOf(err) != runwith.InvalidArgument {
				t.Errorf("%s, %s: %v (-want +got):\n%s", name, where, err, diff)
			}
		}
	}
}

// If a job has several containers, the error asks for a container's name, in the caller's
// spelling.
func TestContainersMustBeNamed(t *testing.T) {
	t.Parallel()
	job := &runpb.Job{Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
		Containers: []*runpb.Container{{Name: "main", Image: "i"}, {Name: "side", Image: "i"}},
	}}}
	v := open(t, &cloud{job: func(string) (*runpb.Job, error) { return job, nil }})
	_, _, err := v.Invoke(t.Context(), asks("report", "", runwith.Overrides{Args: []string{"a"}}))
	if want := "containers: is required, the job has 2 containers"; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}
