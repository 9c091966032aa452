package kube

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"
)

const (
	// watchTime is how long the server keeps a watch open, and up to twice as long, so
	// that watches of several engines do not end together.
	watchTime = 5 * time.Minute
	// watchSilence is how long a watch may have no line. The server sends a bookmark
	// about every minute. A server that sends none costs one request each time.
	watchSilence = 3 * time.Minute
	// maxLine is the size of the longest line that is read, in bytes. etcd takes
	// objects of up to 1.5 MiB.
	maxLine = 8 << 20
	// briefWatch is a watch that ended too soon to be normal.
	briefWatch = time.Second
)

var errBriefWatch = errors.New("the API server ends watches at once")

// watch follows the changes since the version, until the stream ends. An orderly end is no
// error.
func (r *reflector) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(r.silence, func() { cancel(fmt.Errorf("no line of a watch for %v", r.silence)) })
	defer silence.Stop()
	body, err := r.client.stream(ctx, r.watchRequest())
	if err != nil {
		return err
	}
	defer body.Close()
	r.well()
	opened := time.Now()
	lines, err := r.lines(body, silence)
	switch {
	case err != nil:
		return because(ctx, err)
	case lines == 0 && time.Since(opened) < briefWatch:
		return errBriefWatch
	}
	r.retry.Reset()
	return nil
}

func (r *reflector) watchRequest() request {
	seconds := int((watchTime + rand.N(watchTime)) / time.Second)
	query := url.Values{
		"watch": {"true"}, "allowWatchBookmarks": {"true"},
		"resourceVersion": {r.version}, "timeoutSeconds": {strconv.Itoa(seconds)},
	}
	if r.selector != "" {
		query.Set("labelSelector", r.selector)
	}
	return request{verb: verbWatch, path: r.client.pods(""), query: query, urgent: true}
}

// lines handles the lines of a stream until it ends, and returns their number.
func (r *reflector) lines(body io.Reader, silence *time.Timer) (n int, err error) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	for ; lines.Scan(); n++ {
		silence.Stop() // the handler may take its time
		if err := r.line(lines.Bytes()); err != nil {
			return n, err
		}
		r.retry.Reset()
		silence.Reset(r.silence)
	}
	return n, lines.Err()
}

// line handles one line of a watch.
func (r *reflector) line(text []byte) error {
	kind, pod, err := readLine(text)
	if err != nil {
		return err
	}
	switch kind {
	case Deleted:
		r.gone(pod)
	case Added, Modified:
		r.there(pod)
	}
	r.version = pod.Metadata.ResourceVersion
	return nil
}
