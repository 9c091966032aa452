package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"cloud.google.com/go/compute/metadata"
	runapi "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/option"
)

// request is a program for scripts: it sends METHOD URL with the header lines that
// follow, and prints the status, the header of the answer and its body.
func request() {
	r, err := http.NewRequest(os.Args[1], os.Args[2], nil)
	if err != nil {
		fatal(err)
	}
	for _, line := range os.Args[3:] {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		fatal(err)
	}
	fmt.Println(response.StatusCode)
	_ = response.Header.Write(os.Stdout)
	_, _ = io.Copy(os.Stdout, response.Body)
}

// onCloudRun is a program for Cloud Run. It asks the metadata server for its project and
// region, and lists jobs with its default credentials.
func onCloudRun() {
	ctx, client := context.Background(), metadata.NewClient(nil)
	project, err1 := client.ProjectIDWithContext(ctx)
	region, err2 := client.GetWithContext(ctx, "instance/region")
	email, err3 := client.EmailWithContext(ctx, "")
	if err := errors.Join(err1, err2, err3); err != nil {
		fatal(err)
	}
	fmt.Println("project", project, "region", region, "account", email)
	jobs, err := runapi.NewJobsRESTClient(ctx, option.WithEndpoint("http://"+os.Getenv("GCE_METADATA_HOST")))
	if err != nil {
		fatal(err)
	}
	for job, err := range jobs.ListJobs(ctx, &runpb.ListJobsRequest{Parent: "projects/" + project + "/locations/us-east4"}).All() {
		if err != nil {
			fatal(err)
		}
		fmt.Println("job", job.Name)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
