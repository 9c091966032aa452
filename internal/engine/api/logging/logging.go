// Package logging implements google.logging.v2.LoggingServiceV2 for the engine's logs.
// Callers list and follow entries of all executions with Cloud Logging's filters.
//
// Entries are made on request: from the stored output of tasks, and from the platform's
// lines, which the engine derives. The conditions of a filter on jobs, executions, tasks,
// logs and times select the parts of the task logs to read. A request that reads too much
// ends with the entries found so far and a page token.
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

// maxLists is the number of lists made at a time; others wait. Each holds a piece of
// every log that it merges.
const maxLists = 8

// Config configures a [Service]. Engine is required.
type Config struct {
	Engine *engine.Engine
	// Project and ProjectNumber are the ID and number of the engine's own project.
	// Callers may use either.
	Project, ProjectNumber string
}

// Service serves an engine's logs. Its methods may be called concurrently.
type Service struct {
	loggingpb.UnimplementedLoggingServiceV2Server
	config Config
	engine *engine.Engine
	lists  chan struct{} // one element for each list being made
	tails  chan struct{} // one element for each stream
	reads  chan struct{} // one element for each stream that reads
}

// New returns a service.
func New(c Config) *Service {
	return &Service{
		config: c,
		engine: c.Engine,
		lists:  make(chan struct{}, maxLists),
		tails:  make(chan struct{}, maxTails),
		reads:  make(chan struct{}, maxReads),
	}
}

// DeleteLog is refused, because logs belong to executions.
func (s *Service) DeleteLog(context.Context, *loggingpb.DeleteLogRequest) (*emptypb.Empty, error) {
	return nil, runwith.Errorf(runwith.Unimplemented, "logs cannot be deleted: output is deleted with its execution")
}

// WriteLogEntries is refused, because only tasks write logs.
func (s *Service) WriteLogEntries(context.Context, *loggingpb.WriteLogEntriesRequest) (*loggingpb.WriteLogEntriesResponse, error) {
	return nil, runwith.Errorf(runwith.Unimplemented, "log entries cannot be written: let the task print them, as text or as JSON")
}

// ListLogs returns the logs of projects that have executions.
//
// Deviation: it returns all three logs of such a project, including empty ones.
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

// ListMonitoredResourceDescriptors describes the only resource type of entries here.
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

// maxResources is the largest number of resources in a request.
const maxResources = 100

// projects returns the IDs of named projects without duplicates.
//
// Deviation: organizations, folders, billing accounts, and views of buckets are refused,
// because the engine has none.
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
