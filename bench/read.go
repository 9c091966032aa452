package main

import (
	"context"
	"fmt"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/option"
	runv1 "google.golang.org/api/run/v1"
)

// readTarget bounds a read: 60 % of the rate of a bare handler.
const readTarget = 1 / 0.6

// measureRead measures reading a job that has run. Server and floor have the same client.
func measureRead(ctx context.Context, b *bench) ([]row, error) {
	c, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.runOne(ctx); err != nil {
		return nil, err
	}
	job, err := c.jobs.GetJob(ctx, &runpb.GetJobRequest{Name: jobName})
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	if _, err := b.floor.client.jobs.UpdateJob(ctx, &runpb.UpdateJobRequest{Job: job}); err != nil {
		return nil, fmt.Errorf("tell the floor its job: %w", err)
	}
	rest, err := dialREST(ctx, b.up.addr)
	if err != nil {
		return nil, err
	}
	defer rest.Close()
	bareREST, err := dialREST(ctx, b.floor.restAddr)
	if err != nil {
		return nil, err
	}
	defer bareREST.Close()
	read := func(c *run.JobsClient) probe {
		return timed(func(ctx context.Context) error {
			_, err := c.GetJob(ctx, &runpb.GetJobRequest{Name: jobName})
			return err
		})
	}
	v1, err := dialV1(ctx, b.up.addr)
	if err != nil {
		return nil, err
	}
	bareV1, err := dialV1(ctx, b.floor.restAddr)
	if err != nil {
		return nil, err
	}
	times, err := interleave(ctx, plan{5 * b.n, streak},
		read(b.floor.client.jobs), read(c.jobs), read(bareREST), read(rest), readV1(bareV1), readV1(v1))
	if err != nil {
		return nil, err
	}
	return []row{
		newRow("GetJob over gRPC", seconds, times[1]).beside("gRPC handler that marshals the message", times[0]).times(readTarget),
		newRow("GetJob over REST", seconds, times[3]).beside("net/http handler that marshals the message", times[2]).times(readTarget),
		newRow("GetJob over REST v1", seconds, times[5]).beside("net/http handler that marshals the message", times[4]).times(readTarget),
	}, nil
}

// readV1 reads the job over v1.
func readV1(service *runv1.APIService) probe {
	return timed(func(ctx context.Context) error {
		_, err := service.Namespaces.Jobs.Get("namespaces/demo/jobs/" + jobID).Context(ctx).Do()
		return err
	})
}

func dialV1(ctx context.Context, addr string) (*runv1.APIService, error) {
	return runv1.NewService(ctx, option.WithEndpoint("http://"+addr), option.WithoutAuthentication())
}

func dialREST(ctx context.Context, addr string) (*run.JobsClient, error) {
	return run.NewJobsRESTClient(ctx, option.WithEndpoint("http://"+addr), option.WithoutAuthentication())
}
