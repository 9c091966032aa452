package runwith

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const schedulesPath = "schedules"

// Schedules returns the schedules of the invoker, by name.
func (c *Client) Schedules(ctx context.Context) ([]*Schedule, error) {
	type list struct {
		Schedules []*Schedule `json:"schedules"`
	}
	l, err := decode[list](c.send(ctx, request{path: schedulesPath}))
	if err != nil {
		return nil, err
	}
	return l.Schedules, nil
}

// Schedule returns a schedule.
func (c *Client) Schedule(ctx context.Context, name string) (*Schedule, error) {
	return c.schedule(ctx, request{}, name, "")
}

// SetSchedule makes a schedule, or replaces one that it has made. It needs the verbs start and
// operate on the job.
func (c *Client) SetSchedule(ctx context.Context, name string, spec ScheduleSpec) (*Schedule, error) {
	body, err := encode("schedule "+name, spec)
	if err != nil {
		return nil, err
	}
	return c.schedule(ctx, request{method: http.MethodPut, body: body}, name, "")
}

// DeleteSchedule deletes a schedule that [Client.SetSchedule] has made.
func (c *Client) DeleteSchedule(ctx context.Context, name string) error {
	path, err := escape(schedulesPath, "schedule", name)
	if err != nil {
		return err
	}
	response, err := c.send(ctx, request{method: http.MethodDelete, path: path})
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// PauseSchedule makes the slots of a schedule start nothing, until it is resumed.
func (c *Client) PauseSchedule(ctx context.Context, name string) (*Schedule, error) {
	return c.schedule(ctx, request{method: http.MethodPost}, name, "/pause")
}

// ResumeSchedule ends a pause. The slots within it start nothing.
func (c *Client) ResumeSchedule(ctx context.Context, name string) (*Schedule, error) {
	return c.schedule(ctx, request{method: http.MethodPost}, name, "/resume")
}

// RunSchedule starts the job of a schedule now. A repeat with the same key returns the same
// invocation; an empty key is none.
func (c *Client) RunSchedule(ctx context.Context, name, key string) (*Invocation, error) {
	path, err := escape(schedulesPath, "schedule", name)
	if err != nil {
		return nil, err
	}
	if key != "" {
		if err := checkKey(key); err != nil {
			return nil, err
		}
	}
	return decode[Invocation](c.send(ctx, request{method: http.MethodPost, path: path + "/run", key: key}))
}

// NextSlots returns the next slots of a schedule, also if it is paused: at most count, and at
// most 1,000.
func (c *Client) NextSlots(ctx context.Context, name string, count int) ([]time.Time, error) {
	type list struct {
		Next []time.Time `json:"next"`
	}
	path, err := escape(schedulesPath, "schedule", name)
	if err != nil {
		return nil, err
	}
	l, err := decode[list](c.send(ctx, request{path: path + "/next", query: url.Values{"count": {strconv.Itoa(count)}}}))
	if err != nil {
		return nil, err
	}
	return l.Next, nil
}

// schedule sends a request about a schedule, which is the answer.
func (c *Client) schedule(ctx context.Context, r request, name, method string) (*Schedule, error) {
	path, err := escape(schedulesPath, "schedule", name)
	if err != nil {
		return nil, err
	}
	r.path = path + method
	return decode[Schedule](c.send(ctx, r))
}
