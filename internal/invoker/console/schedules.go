package console

import (
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// nextSlots is how many of the next slots the page of a schedule shows.
const nextSlots = 5

// schedules lists the schedules that the caller sees.
func (s *server) schedules(c *call) (page, error) {
	all, err := s.Schedules.List(c.Context())
	if err != nil {
		return page{}, err
	}
	rows := make([]scheduleRow, len(all))
	for i, one := range all {
		rows[i] = scheduleRow{one}
	}
	return page{Template: "schedules", Title: "Schedules", Nav: "/schedules", Live: true, Data: rows}, nil
}

// scheduleRow is one schedule.
type scheduleRow struct{ runwith.Schedule }

// State is the state of a schedule in one word.
func (r scheduleRow) State() string {
	if r.Paused {
		return "paused"
	}
	return "active"
}

// scheduleData is the page of a schedule.
type scheduleData struct {
	scheduleRow

	Operable, Startable bool // the caller may pause it, and may start its job
	Next                []time.Time
	Zone                *time.Location
	Rows                []runwith.Invocation
	Key                 string // of a manual start
}

// schedule shows one schedule.
func (s *server) schedule(c *call) (page, error) {
	name := c.PathValue("name")
	one, err := s.Schedules.Schedule(c.Context(), name)
	if err != nil {
		return page{}, err
	}
	d := scheduleData{scheduleRow: scheduleRow{one}, Key: newKey()}
	d.Operable, d.Startable = s.Access.Can(c.Context(), one.Job, policy.Operate), s.Access.Can(c.Context(), one.Job, policy.Start)
	if d.Next, err = s.Schedules.Next(c.Context(), name, nextSlots); err != nil {
		return page{}, err
	}
	if d.Zone, err = time.LoadLocation(one.Zone); err != nil {
		d.Zone = time.UTC
	}
	d.Rows, _, err = s.Invoker.Invocations(c.Context(), invoker.Filter{Source: "schedule/" + name, PageSize: 20})
	return page{Template: "schedule", Title: name, Nav: "/schedules", Data: d}, err
}

// pause makes the slots of a schedule start nothing.
func (s *server) pause(c *call) (page, error) {
	name := c.PathValue("name")
	_, err := s.Schedules.Pause(c.Context(), name)
	return redirect("/schedules/"+name, "pause"), err
}

// resume ends a pause.
func (s *server) resume(c *call) (page, error) {
	name := c.PathValue("name")
	_, err := s.Schedules.Resume(c.Context(), name)
	return redirect("/schedules/"+name, "resume"), err
}

// runSchedule starts the job of a schedule now. The form has the key, so sending it twice starts the
// job once.
func (s *server) runSchedule(c *call) (page, error) {
	key := c.PostFormValue("key")
	if key == "" {
		return page{}, runwith.Errorf(runwith.InvalidArgument, "the form has no key, without which sending it twice would start the job twice: reload the page of the schedule, and press Run now")
	}
	i, replayed, err := s.Schedules.Run(c.Context(), c.PathValue("name"), key)
	if replayed {
		return redirect("/invocations/"+i.ID, "start-before"), err
	}
	return redirect("/invocations/"+i.ID, "start"), err
}
