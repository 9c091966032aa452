package trigger

import "strings"

// schedulerPrefix begins the headers of Cloud Scheduler.
const schedulerPrefix = "X-Cloudscheduler"

// scheduler decodes a request of Cloud Scheduler. A forced run has no name of a job, and the
// time of the run as its time.
//
// See https://docs.cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs#HttpTarget.
type scheduler struct{}

func (scheduler) keeps(header string) bool { return strings.HasPrefix(header, schedulerPrefix) }
func (scheduler) proof() string            { return schedulerPrefix + "-Scheduletime" }

func (s scheduler) decode(m message) (event, error) {
	job, err := single(m.header, schedulerPrefix+"-Jobname")
	if err != nil {
		return event{}, err
	}
	slot, err := single(m.header, s.proof())
	if err != nil {
		return event{}, err
	}
	if slot == "" {
		return event{}, malformed("the header X-CloudScheduler-ScheduleTime is missing: this is not a request of Cloud Scheduler")
	}
	at, err := timeOf("the header X-CloudScheduler-ScheduleTime", slot)
	if err != nil {
		return event{}, err
	}
	content := map[string]any{"scheduleTime": slot, "data": jsonOrText(m.body)}
	identity := []string{"forced run", slot} // no name of a job has a space
	if job != "" {
		content["jobName"], identity[0] = job, job
	}
	return event{content, identity, at}, nil
}
