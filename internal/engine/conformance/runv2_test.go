package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/googleapi"
	runv2 "google.golang.org/api/run/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// v2Methods are the methods of the discovery document that the suite calls over REST.
var v2Methods = []string{
	"run.projects.locations.jobs.create",
	"run.projects.locations.jobs.delete",
	"run.projects.locations.jobs.executions.cancel",
	"run.projects.locations.jobs.executions.delete",
	"run.projects.locations.jobs.executions.get",
	"run.projects.locations.jobs.executions.list",
	"run.projects.locations.jobs.executions.tasks.get",
	"run.projects.locations.jobs.executions.tasks.list",
	"run.projects.locations.jobs.get",
	"run.projects.locations.jobs.list",
	"run.projects.locations.jobs.run",
}

// wantChecked checks that an answer of every method was compared with the document.
func (s *server) wantChecked(t *testing.T, methods []string) {
	t.Helper()
	seen := s.watch.Seen()
	for _, id := range methods {
		if !slices.Contains(seen, id) {
			t.Errorf("no answer of %s was compared with the discovery document, want at least one", id)
		}
	}
}

func TestDiscoveryClientOfV2(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	service, err := runv2.NewService(t.Context(), s.rest()...)
	must(t, err)
	runSuite(t, s, &discovered2{service.Projects.Locations.Jobs, service.Projects.Locations.Operations})
	s.wantChecked(t, slices.Concat(v2Methods, []string{"run.projects.locations.operations.wait"}))
}

// discovered2 is the client google.golang.org/api/run/v2. Its messages have the same JSON
// as those of apiv2.
type discovered2 struct {
	*runv2.ProjectsLocationsJobsService
	operations *runv2.ProjectsLocationsOperationsService
}

// convert converts between the two kinds of messages.
func convert[To any](from any) (*To, error) {
	var (
		to   = new(To)
		text []byte
		err  error
	)
	if message, ok := from.(proto.Message); ok {
		text, err = protojson.Marshal(message)
	} else {
		text, err = json.Marshal(from)
	}
	if err != nil {
		return nil, err
	}
	if message, ok := any(to).(proto.Message); ok {
		return to, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, message)
	}
	return to, json.Unmarshal(text, to)
}

func (c *discovered2) create(ctx context.Context, at place, s jobSpec) error {
	job, err := convert[runv2.GoogleCloudRunV2Job](s.proto())
	if err != nil {
		return err
	}
	job.Template.Template.ForceSendFields = []string{"MaxRetries"} // the client omits zeros
	op, err := c.Create(at.parent(), job).JobId(at.job).Context(ctx).Do()
	if err != nil {
		return err
	}
	done, err := c.operations.Wait(op.Name, &runv2.GoogleLongrunningWaitOperationRequest{}).Context(ctx).Do()
	if err == nil && !done.Done {
		err = errors.New("the creation is not done")
	}
	return err
}

func (c *discovered2) latest(ctx context.Context, at place) (string, bool, error) {
	job, err := c.Get(at.name()).Context(ctx).Do()
	if err != nil || job.LatestCreatedExecution == nil {
		return "", false, err
	}
	return lastPart(job.LatestCreatedExecution.Name), true, nil
}

func (c *discovered2) parallelism(ctx context.Context, at place, id string) (int32, error) {
	x, err := c.Executions.Get(at.executionName(id)).Context(ctx).Do()
	if err != nil {
		return 0, err
	}
	return int32(x.Parallelism), nil
}

func (c *discovered2) args(ctx context.Context, at place) ([]string, error) {
	job, err := c.Get(at.name()).Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	return job.Template.Template.Containers[0].Args, nil
}

func (c *discovered2) jobs(ctx context.Context, region string) (ids []string, err error) {
	err = c.List(place{region: region}.parent()).PageSize(2).Pages(ctx, func(page *runv2.GoogleCloudRunV2ListJobsResponse) error {
		for _, job := range page.Jobs {
			ids = append(ids, path.Base(job.Name))
		}
		return nil
	})
	return ids, err
}

func (c *discovered2) run(ctx context.Context, at place, o *overrides) (string, error) {
	request := &runv2.GoogleCloudRunV2RunJobRequest{}
	if o != nil {
		var err error
		if request.Overrides, err = convert[runv2.GoogleCloudRunV2Overrides](o.proto()); err != nil {
			return "", err
		}
	}
	op, err := c.Run(at.name(), request).Context(ctx).Do()
	if err != nil {
		return "", err
	}
	var x struct{ Name string }
	if err := json.Unmarshal(op.Metadata, &x); err != nil {
		return "", fmt.Errorf("read metadata of %s: %w", op.Name, err)
	}
	return path.Base(x.Name), nil
}

func (c *discovered2) executions(ctx context.Context, at place) (ids []string, err error) {
	err = c.Executions.List(at.name()).Pages(ctx, func(page *runv2.GoogleCloudRunV2ListExecutionsResponse) error {
		for _, x := range page.Executions {
			ids = append(ids, path.Base(x.Name))
		}
		return nil
	})
	return ids, err
}

func (c *discovered2) execution(ctx context.Context, at place, id string) (outcome, error) {
	answer, err := c.Executions.Get(at.executionName(id)).Context(ctx).Do()
	if err != nil {
		return outcome{}, err
	}
	x, err := convert[runpb.Execution](answer)
	return outcomeOf(x), err
}

func (c *discovered2) tasks(ctx context.Context, at place, id string) (ends []taskEnd, err error) {
	err = c.Executions.Tasks.List(at.executionName(id)).Pages(ctx, func(page *runv2.GoogleCloudRunV2ListTasksResponse) error {
		for _, listed := range page.Tasks {
			answer, err := c.Executions.Tasks.Get(listed.Name).Context(ctx).Do()
			if err != nil {
				return err
			}
			task, err := convert[runpb.Task](answer)
			if err != nil {
				return err
			}
			ends = append(ends, endOf(task))
		}
		return nil
	})
	return ends, err
}

func (c *discovered2) cancel(ctx context.Context, at place, id string) error {
	_, err := c.Executions.Cancel(at.executionName(id), &runv2.GoogleCloudRunV2CancelExecutionRequest{}).Context(ctx).Do()
	return err
}

func (c *discovered2) deleteExecution(ctx context.Context, at place, id string) error {
	_, err := c.Executions.Delete(at.executionName(id)).Context(ctx).Do()
	return err
}

func (c *discovered2) delete(ctx context.Context, at place) error {
	_, err := c.Delete(at.name()).Context(ctx).Do()
	return err
}

func (c *discovered2) missing(err error) bool { return isHTTPNotFound(err) }

func isHTTPNotFound(err error) bool {
	e, ok := errors.AsType[*googleapi.Error](err)
	return ok && e.Code == 404
}
