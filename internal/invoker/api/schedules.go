package api

import (
	"context"
	"time"

	"github.com/runwith/runwith"
)

// Schedules start jobs by the clock.
type Schedules interface {
	// List returns all schedules, by name.
	List(ctx context.Context) ([]runwith.Schedule, error)
	// Schedule returns one.
	Schedule(ctx context.Context, name string) (runwith.Schedule, error)
	// Put makes a schedule, or replaces one that Put has made.
	Put(ctx context.Context, name string, spec runwith.ScheduleSpec) (_ runwith.Schedule, created bool, err error)
	// Delete deletes a schedule that Put has made.
	Delete(ctx context.Context, name string) error
	// Pause makes its slots start nothing, and Resume ends that.
	Pause(ctx context.Context, name string) (runwith.Schedule, error)
	Resume(ctx context.Context, name string) (runwith.Schedule, error)
	// Run starts its job now. The key is the caller's.
	Run(ctx context.Context, name, key string) (_ runwith.Invocation, replayed bool, err error)
	// Next returns its next slots.
	Next(ctx context.Context, name string, count int) ([]time.Time, error)
}

// ScheduleName is the schedule in a path, exported as [JobPath] is.
type ScheduleName struct {
	Name string `path:"name" maxLength:"63" doc:"Name of the schedule." example:"nightly"`
}

type scheduleInput struct{ ScheduleName }

type schedulesOutput struct {
	Body scheduleList
}

type scheduleList struct {
	Schedules []runwith.Schedule `json:"schedules" nullable:"false" doc:"Schedules, by name."`
}

type scheduleOutput struct {
	Body runwith.Schedule
}

type putScheduleInput struct {
	KnownNames
	ScheduleName
	Body scheduleRequest
}

type putScheduleOutput struct {
	Status int
	Body   runwith.Schedule
}

type runScheduleInput struct {
	KeyHeader
	ScheduleName
}

type runScheduleOutput struct {
	Status   int
	Replayed string `header:"Idempotency-Replayed" doc:"true if the request is a repeat. The invocation is the existing one."`
	Location string `header:"Location" doc:"Path of the invocation."`
	Body     runwith.Invocation
}

type nextInput struct {
	ScheduleName
	Count int `query:"count" minimum:"1" maximum:"1000" default:"10" doc:"Number of slots to return."`
}

type nextOutput struct {
	Body nextSlots
}

type nextSlots struct {
	Next []time.Time `json:"next" nullable:"false" doc:"The next slots, in UTC. The job starts at these times unless the schedule is paused."`
}

// scheduleRequest is the body that makes a schedule: a runwith.ScheduleSpec. Its fields hide
// those that huma would describe less exactly.
type scheduleRequest struct {
	Cron       string            `json:"cron" maxLength:"500" doc:"Five fields (minute, hour, day of month, month, day of week), or @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually." example:"0 2 * * *"`
	Zone       string            `json:"zone,omitempty" maxLength:"64" doc:"IANA zone whose clock the cron line follows; by default UTC." example:"Europe/Berlin"`
	Job        string            `json:"job" doc:"Job to start."`
	Parameters parameterValues   `json:"parameters,omitempty" doc:"Values of the job's parameters, by name."`
	Labels     map[string]string `json:"labels,omitempty" maxProperties:"16" doc:"Labels of the invocations."`
	Overrides  *overridesRequest `json:"overrides,omitempty" doc:"Changes to the job's settings, if the configuration allows that."`
	Overlap    string            `json:"overlap,omitempty" enum:"skip,queue,replace,allow" doc:"What happens if the invocation before has not ended; by default skip."`
	CatchUp    string            `json:"catchUp,omitempty" doc:"How late the latest missed slot still starts, at most 168h; by default 1h, and 0s starts none late." example:"1h"`
	Jitter     string            `json:"jitter,omitempty" doc:"Spreads starts over this time after the slot." example:"30s"`
}

// overridesRequest is runwith.Overrides, whose timeout is text.
type overridesRequest struct {
	OverrideFields
	Timeout string `json:"timeout,omitempty" doc:"Replaces the timeout of each attempt of a task, in whole seconds: 10s, 600s or 1h30m." example:"10s"`
}

// spec returns what the body asks for.
func (r *scheduleRequest) spec() (runwith.ScheduleSpec, error) {
	spec := runwith.ScheduleSpec{
		Cron: r.Cron, Zone: r.Zone, Job: r.Job, Parameters: r.Parameters, Labels: r.Labels,
		Overlap: r.Overlap, CatchUp: r.CatchUp, Jitter: r.Jitter,
	}
	if r.Overrides == nil {
		return spec, nil
	}
	o := runwith.Overrides(r.Overrides.OverrideFields)
	if r.Overrides.Timeout != "" {
		d, err := time.ParseDuration(r.Overrides.Timeout)
		if err != nil || d <= 0 || d%time.Second != 0 {
			return spec, runwith.Errorf(runwith.InvalidArgument, "overrides.timeout: must be a positive time in whole seconds, such as 10s, 600s or 1h30m")
		}
		o.Timeout = d
	}
	spec.Overrides = &o
	return spec, nil
}
