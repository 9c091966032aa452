package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
)

func (s *server) routeSchedules(d huma.API) {
	const all, one = prefix + "/schedules", prefix + "/schedules/{name}"
	register(s, d, huma.Operation{
		OperationID: "listSchedules", Method: http.MethodGet, Path: all,
		Summary: "Schedules, with what became of their latest slots",
	}, s.listSchedules)
	register(s, d, huma.Operation{
		OperationID: "getSchedule", Method: http.MethodGet, Path: one,
		Summary: "A schedule",
	}, s.getSchedule)
	register(s, d, huma.Operation{
		OperationID: "putSchedule", Method: http.MethodPut, Path: one,
		Summary: "Make a schedule, or replace it",
		Description: description(`Needs the verbs start and operate on the job. A schedule of the server's configuration file cannot be
			replaced. If the cron line or the zone is new, the first slot is the next one from now.`),
		Middlewares: huma.Middlewares{s.readBody},
	}, s.putSchedule)
	register(s, d, huma.Operation{
		OperationID: "deleteSchedule", Method: http.MethodDelete, Path: one, DefaultStatus: http.StatusNoContent,
		Summary:     "Delete a schedule",
		Description: "Deletes a schedule that the API has made. Its invocations stay.",
	}, s.deleteSchedule)
	register(s, d, huma.Operation{
		OperationID: "pauseSchedule", Method: http.MethodPost, Path: one + "/pause",
		Summary:     "Pause a schedule",
		Description: "Its slots start nothing until it is resumed. Needs the verb operate on the job.",
		Middlewares: huma.Middlewares{s.noBody},
	}, s.pauseSchedule)
	register(s, d, huma.Operation{
		OperationID: "resumeSchedule", Method: http.MethodPost, Path: one + "/resume",
		Summary:     "Resume a paused schedule",
		Description: "The first slot is the next one from now: those within the pause start nothing.",
		Middlewares: huma.Middlewares{s.noBody},
	}, s.resumeSchedule)
	register(s, d, huma.Operation{
		OperationID: "runSchedule", Method: http.MethodPost, Path: one + "/run", DefaultStatus: http.StatusAccepted,
		Summary: "Start the job of a schedule now",
		Description: description(`Starts the job with the schedule's parameters, also while it is paused. The invocation's source is
			the schedule, with manual set, and its slot is now. Needs the verb start on the job. If the schedule skips overlaps and an
			invocation of it has not ended, the answer is 409.`),
		Middlewares: huma.Middlewares{s.noBody},
	}, s.runSchedule)
	register(s, d, huma.Operation{
		OperationID: "nextSlots", Method: http.MethodGet, Path: one + "/next",
		Summary: "The next slots of a schedule",
	}, s.nextSlots)
}

func (s *server) listSchedules(ctx context.Context, _ *struct{}) (*schedulesOutput, error) {
	all, err := s.schedules.List(ctx)
	if all == nil {
		all = []runwith.Schedule{} // [], not null
	}
	return &schedulesOutput{Body: scheduleList{all}}, err
}

func (s *server) getSchedule(ctx context.Context, in *scheduleInput) (*scheduleOutput, error) {
	one, err := s.schedules.Schedule(ctx, in.Name)
	return &scheduleOutput{Body: one}, err
}

func (s *server) putSchedule(ctx context.Context, in *putScheduleInput) (*putScheduleOutput, error) {
	spec, err := in.Body.spec()
	if err != nil {
		return nil, err
	}
	made, created, err := s.schedules.Put(ctx, in.Name, spec)
	out := &putScheduleOutput{Status: http.StatusOK, Body: made}
	if created {
		out.Status = http.StatusCreated
	}
	return out, faulty("body", err)
}

func (s *server) deleteSchedule(ctx context.Context, in *scheduleInput) (*struct{}, error) {
	return nil, s.schedules.Delete(ctx, in.Name)
}

func (s *server) pauseSchedule(ctx context.Context, in *scheduleInput) (*scheduleOutput, error) {
	one, err := s.schedules.Pause(ctx, in.Name)
	return &scheduleOutput{Body: one}, err
}

func (s *server) resumeSchedule(ctx context.Context, in *scheduleInput) (*scheduleOutput, error) {
	one, err := s.schedules.Resume(ctx, in.Name)
	return &scheduleOutput{Body: one}, err
}

func (s *server) runSchedule(ctx context.Context, in *runScheduleInput) (*runScheduleOutput, error) {
	i, replayed, err := s.schedules.Run(ctx, in.Name, in.key)
	if err == nil && !replayed {
		err = refusal(i)
	}
	if err != nil {
		return nil, err
	}
	out := &runScheduleOutput{Status: http.StatusAccepted, Location: prefix + "/invocations/" + url.PathEscape(i.ID), Body: i}
	if replayed {
		out.Status, out.Replayed = http.StatusOK, "true"
	}
	return out, nil
}

func (s *server) nextSlots(ctx context.Context, in *nextInput) (*nextOutput, error) {
	next, err := s.schedules.Next(ctx, in.Name, in.Count)
	if next == nil {
		next = []time.Time{} // [], not null
	}
	return &nextOutput{Body: nextSlots{next}}, err
}
