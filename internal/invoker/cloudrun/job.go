package cloudrun

import (
	"path"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

// JobOf returns what may be shown of a job. It leaves out the values of environment
// variables.
func JobOf(j *runpb.Job) runwith.Job {
	tasks := j.GetTemplate().GetTemplate()
	job := runwith.Job{
		Name:       path.Base(j.GetName()),
		Resource:   j.GetName(),
		TaskCount:  int(j.GetTemplate().GetTaskCount()),
		MaxRetries: int(tasks.GetMaxRetries()),
		Timeout:    tasks.GetTimeout().AsDuration().String(),
		Updated:    timeOf(j.GetUpdateTime()),
	}
	for _, c := range tasks.GetContainers() {
		job.Containers = append(job.Containers, runwith.Container{
			Name: c.GetName(), Image: c.GetImage(), Command: c.GetCommand(), Args: c.GetArgs(),
		})
	}
	return job
}
