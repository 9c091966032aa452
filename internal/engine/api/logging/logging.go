// Package logging is google.logging.v2.LoggingServiceV2 for what the engine's
// tasks print: entries are listed and followed by Cloud Logging's own filters, across
// all executions.
//
// Entries are made from the lines of task logs when somebody asks for them; nothing
// is stored beside those. What a filter says of jobs, executions, tasks and times is
// taken out of it first, so that other logs, and other parts of logs, are not read.
// What one request may read is bounded: it is then answered with what it has found,
// and the token of a page that goes on.
//
// See https://cloud.google.com/logging/docs/reference/v2/rpc/google.logging.v2.
package logging

import (
	"context"
	"slices"
	"strings"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/genproto/googleapis/api/label"
	"google.golang.org/genproto/googleapis/api/monitoredres"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
)

// maxLists is how many lists are made at a time; others wait. Each has a piece of
// every log in hand that it merges.
const maxLists = 8

// Config says what a [Service] answers for. Engine is required.
type Config struct {
	Engine *engine.Engine
	// Project and ProjectNumber name the engine's own project, which callers may name
	// by either.
	Project, ProjectNumber string
}

// Service answers for an engine's logs. Its methods may be called concurrently.
type Service struct {
	loggingpb.UnimplementedLoggingServiceV2Server
	config Config
	engine *engine.Engine
	lists  chan struct{} // holds one for each that is made
}

// New returns the service for an engine.
func New(c Config) *Service {
	return &Service{config: c, engine: c.Engine, lists: make(chan struct{}, maxLists)}
}

// DeleteLog is refused: there is no log apart from the executions'.
func (s *Service) DeleteLog(context.Context, *loggingpb.DeleteLogRequest) (*emptypb.Empty, error) {
	return nil, runwith.Errorf(runwith.Unimplemented, "logs cannot be deleted: output is deleted with its execution")
}

// WriteLogEntries is refused: what a task prints is what is logged.
func (s *Service) WriteLogEntries(context.Context, *loggingpb.WriteLogEntriesRequest) (*loggingpb.WriteLogEntriesResponse, error) {
	return nil, runwith.Errorf(runwith.Unimplemented, "log entries cannot be written: let the task print them, as text or as JSON")
}

// ListLogs returns the logs of projects that have executions.
//
// Deviation: all three that tasks and the platform write to, whether anything was
// written to each or not.
func (s *Service) ListLogs(ctx context.Context, req *loggingpb.ListLogsRequest) (*loggingpb.ListLogsResponse, error) {
	names, err := s.projects("parent", append([]string{req.Parent}, req.ResourceNames...))
	if err != nil {
		return nil, err
	}
	if req.PageToken != "" {
		return nil, runwith.Errorf(runwith.InvalidArgument, "page_token: %.40q is unknown: there is one page", req.PageToken)
	}
	res := &loggingpb.ListLogsResponse{}
	for _, project := range names {
		sources, err := s.engine.LogSources(ctx, engine.LogSelection{Projects: []string{project}})
		if err != nil {
			return nil, err
		}
		for _, id := range logIDs {
			if len(sources) > 0 {
				res.LogNames = append(res.LogNames, logName(project, id))
			}
		}
	}
	slices.Sort(res.LogNames)
	return res, nil
}

// ListMonitoredResourceDescriptors returns what entries tell of where they come
// from: the one kind of resource there is here.
func (s *Service) ListMonitoredResourceDescriptors(_ context.Context, req *loggingpb.ListMonitoredResourceDescriptorsRequest) (*loggingpb.ListMonitoredResourceDescriptorsResponse, error) {
	if req.PageToken != "" {
		return nil, runwith.Errorf(runwith.InvalidArgument, "page_token: %.40q is unknown: there is one page", req.PageToken)
	}
	return &loggingpb.ListMonitoredResourceDescriptorsResponse{ResourceDescriptors: []*monitoredres.MonitoredResourceDescriptor{{
		Type:        resourceType,
		DisplayName: "Cloud Run Job",
		Description: "A job of Cloud Run.",
		Labels: []*label.LabelDescriptor{
			{Key: "project_id", Description: "The ID of the project."},
			{Key: "job_name", Description: "The name of the job."},
			{Key: "location", Description: "The region of the job."},
		},
	}}}, nil
}

// maxResources is how many resources a request may name.
const maxResources = 100

// projects returns the IDs of named projects, each once.
//
// Deviation: organizations, folders, billing accounts, and the views of buckets are
// refused: there are none.
func (s *Service) projects(field string, names []string) (ids []string, err error) {
	if len(names) == 0 || len(names) > maxResources {
		return nil, runwith.Errorf(runwith.InvalidArgument, "%s: has %d names, must have 1 to %d, such as projects/demo", field, len(names), maxResources)
	}
	for _, name := range names {
		id, ok := strings.CutPrefix(name, "projects/")
		if strings.Contains(id, "/buckets/") {
			return nil, runwith.Errorf(runwith.InvalidArgument, "%s: %.100q is a bucket or a view of one; there are none here, name the project alone", field, name)
		}
		if !ok || id == "" || strings.Contains(id, "/") {
			return nil, runwith.Errorf(runwith.InvalidArgument, "%s: %.100q is no project, such as projects/demo", field, name)
		}
		if id == s.config.ProjectNumber {
			id = s.config.Project
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
