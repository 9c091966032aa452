package kube

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// pods returns the path of the namespace's Pods, and below it.
func (c *Client) pods(below string) string {
	return "/api/v1/namespaces/" + url.PathEscape(c.Namespace) + "/pods" + below
}

func (c *Client) pod(name string) string { return c.pods("/" + url.PathEscape(name)) }

// CreatePod makes a Pod from its JSON, and returns what the server made of it.
func (c *Client) CreatePod(ctx context.Context, pod []byte) (*Pod, error) {
	made := new(Pod)
	return made, c.do(ctx, request{verb: verbCreate, path: c.pods(""), body: pod}, made)
}

// GetPod returns a Pod by its name.
func (c *Client) GetPod(ctx context.Context, name string) (*Pod, error) {
	pod := new(Pod)
	return pod, c.do(ctx, request{verb: verbGet, path: c.pod(name)}, pod)
}

// PatchPod changes a Pod by a strategic merge patch. With the Pod's UID in it, the patch
// changes no other Pod of the name: the answer is a conflict then.
func (c *Client) PatchPod(ctx context.Context, name string, patch []byte) (*Pod, error) {
	pod := new(Pod)
	return pod, c.do(ctx, request{verb: verbPatch, path: c.pod(name), contentType: contentStrategicPatch, body: patch}, pod)
}

// DeletePod deletes a Pod with a UID. The grace is in whole seconds, and 0 is 1 s: a grace
// of 0 would forget a Pod that may still run. A negative one leaves the Pod's own.
func (c *Client) DeletePod(ctx context.Context, name, uid string, grace time.Duration) error {
	options := map[string]any{"preconditions": map[string]string{"uid": uid}}
	if grace >= 0 {
		options["gracePeriodSeconds"] = max(1, int64(grace.Round(time.Second)/time.Second))
	}
	body, err := json.Marshal(options)
	if err != nil {
		return err
	}
	return c.do(ctx, request{verb: verbDelete, path: c.pod(name), body: body}, nil)
}

// LogOptions choose what of a container's log to read.
type LogOptions struct {
	Container string
	// Follow goes on until the container ends.
	Follow bool
	// Since leaves out lines before it; the server compares whole seconds. The zero
	// value reads from the first line that is left.
	Since time.Time
	// Stream is [Stdout] or [Stderr], on a server that shows them apart; empty is both.
	Stream string
}

// Streams of a log.
const (
	Stdout = "Stdout"
	Stderr = "Stderr"
)

// OpenLog opens a container's log, each line with a timestamp before it. The caller closes
// it.
func (c *Client) OpenLog(ctx context.Context, pod string, o LogOptions) (io.ReadCloser, error) {
	query := url.Values{"container": {o.Container}, "timestamps": {"true"}}
	if o.Follow {
		query.Set("follow", strconv.FormatBool(true))
	}
	if !o.Since.IsZero() {
		query.Set("sinceTime", o.Since.UTC().Format(time.RFC3339))
	}
	if o.Stream != "" {
		query.Set("stream", o.Stream)
	}
	return c.stream(ctx, request{verb: verbLog, path: c.pod(pod) + "/log", query: query})
}

// ShowsStreamsApart reports whether the API server takes [LogOptions.Stream]: it has the feature
// gate PodLogsQuerySplitStreams, which Kubernetes has since 1.32, off by default. A node may
// refuse nevertheless.
func (c *Client) ShowsStreamsApart(ctx context.Context) (bool, error) {
	// The server checks the options before it looks for the Pod. With the gate, it refuses the
	// name of the stream; without the gate, any name. Earlier versions ignore the option, and find
	// no Pod.
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errNoAnswer)
	defer cancel()
	log, err := c.OpenLog(ctx, "runwith-has-no-such-pod", LogOptions{Stream: "Neither"})
	switch {
	case err == nil:
		return false, log.Close()
	case codeOf(err) == http.StatusUnprocessableEntity:
		return strings.Contains(err.Error(), "Unsupported value"), nil
	case IsNotFound(err):
		return false, nil
	}
	return false, err
}
