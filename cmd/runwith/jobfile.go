package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/jobspec"
)

// registerJobs creates or updates the jobs of the files, and the sample job where
// there are none.
func registerJobs(ctx context.Context, e *engine.Engine, place placeFlags, files []string, logger *slog.Logger) error {
	at := jobspec.Location{Project: place.project, Region: place.region}
	if len(files) == 0 {
		return registerJob(ctx, e, sampleJob(at), logger)
	}
	for _, file := range files {
		job, err := readJobFile(file, at)
		if err != nil {
			return err
		}
		if err := registerJob(ctx, e, job, logger); err != nil {
			return fmt.Errorf("--job %s: %w", file, err)
		}
	}
	return nil
}

func sampleJob(at jobspec.Location) *runpb.Job {
	return &runpb.Job{
		Name: jobspec.JobName{Location: at, Job: "test-job"}.String(),
		Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
			Containers: []*runpb.Container{{Image: testJobImage}},
		}},
	}
}

// registerJob creates or updates a job. One that is as it should be is left alone,
// so that its generation counts changes and not starts of the server.
func registerJob(ctx context.Context, e *engine.Engine, job *runpb.Job, logger *slog.Logger) error {
	current, err := e.Job(ctx, &runpb.GetJobRequest{Name: job.Name})
	if err == nil && sameJob(current, job) {
		return nil
	}
	if err != nil && runwith.CodeOf(err) != runwith.NotFound {
		return err
	}
	if _, err := e.UpdateJob(ctx, &runpb.UpdateJobRequest{Job: job, AllowMissing: true}); err != nil {
		return err
	}
	logger.InfoContext(ctx, "registered job", "job", job.Name)
	return nil
}

func sameJob(current, wanted *runpb.Job) bool {
	current, wanted = proto.CloneOf(current), proto.CloneOf(wanted)
	jobspec.ClearOutputOnly(current)
	jobspec.ClearOutputOnly(wanted)
	jobspec.Defaults(wanted)
	current.Etag, wanted.Etag = "", ""
	return proto.Equal(current, wanted)
}

// readJobFile reads a job in v2 form, JSON or YAML. Its name may be the job's ID
// alone. What cannot be read is named with file, line and column.
func readJobFile(file string, at jobspec.Location) (*runpb.Job, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	job := &runpb.Job{}
	if err := unmarshalJob(text, job); err != nil {
		return nil, fmt.Errorf("read job: %s%w", file, err)
	}
	if job.Name == "" {
		return nil, fmt.Errorf("read job: %s: name: is required, such as name: test-job", file)
	}
	if !strings.Contains(job.Name, "/") {
		job.Name = jobspec.JobName{Location: at, Job: job.Name}.String()
	}
	return job, nil
}

// unmarshalJob reads JSON or YAML. Its errors begin with ":LINE:COLUMN: " where
// the place is known, and with ": " where it is not.
func unmarshalJob(text []byte, job *runpb.Job) error {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return jsonPlace(protojson.Unmarshal(text, job))
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return yamlPlace(err)
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return yamlPlace(err)
	}
	if err := protojson.Unmarshal(asJSON, job); err != nil {
		return fieldPlace(file, err)
	}
	return nil
}

var protoPlace = regexp.MustCompile(`^proto:\s*(?:syntax error )?\(line (\d+):(\d+)\):\s*`)

// jsonPlace brings an error of protojson into the common form.
func jsonPlace(err error) error {
	if err == nil {
		return nil
	}
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	if m := protoPlace.FindStringSubmatch(text); m != nil {
		return fmt.Errorf(":%s:%s: %s", m[1], m[2], text[len(m[0]):])
	}
	return fmt.Errorf(": %s", strings.TrimPrefix(text, "proto: "))
}

func yamlPlace(err error) error {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil {
		p := at.GetToken().Position
		return fmt.Errorf(":%d:%d: %s", p.Line, p.Column, at.GetMessage())
	}
	return fmt.Errorf(": %w", err)
}

var unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)

// fieldPlace finds the place in the YAML of what protojson says about its JSON.
func fieldPlace(file *ast.File, err error) error {
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	text = protoPlace.ReplaceAllString(text, "")
	if m := unknownField.FindStringSubmatch(text); m != nil {
		for _, doc := range file.Docs {
			for _, node := range ast.Filter(ast.MappingValueType, doc.Body) {
				if key, ok := node.(*ast.MappingValueNode); ok && key.Key.String() == m[1] {
					p := key.Key.GetToken().Position
					return fmt.Errorf(":%d:%d: %s", p.Line, p.Column, text)
				}
			}
		}
	}
	return fmt.Errorf(": %s", strings.TrimPrefix(text, "proto: "))
}
