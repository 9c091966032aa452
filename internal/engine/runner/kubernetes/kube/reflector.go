package kube

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/runwith/runwith/internal/backoff"
)

// WatchPods tells a handler about the Pods that a label selector selects, until ctx ends. It
// lists them and then follows their changes. If the stream breaks, it goes on where it was;
// if the server no longer has the changes since then, it lists again. It logs when that
// begins to fail, and when it works again.
//
// The handler can rely on this:
//
//   - It is called by one goroutine at a time, and the next call comes after it returns.
//   - The states of one Pod come in their order, and never twice. States may be left out:
//     the last one never is.
//   - Each Pod, by its UID, is Added once, then Modified any number of times, then Deleted
//     once. A Pod whose name another Pod has taken over is Deleted first. No deletion is
//     lost, also while there was no watch; a Pod that came and went then is not told.
//   - Synced follows each complete list, after the events that the list caused. After the
//     first one, a Pod that was not Added did not exist when the list began. A list that
//     fails half-way causes no Deleted and no Synced.
//
// A slow handler loses nothing: the server ends the watch, and WatchPods goes on from the
// last event. Only names, UIDs and versions are kept here, not Pods.
func (c *Client) WatchPods(ctx context.Context, selector string, on func(PodEvent)) {
	r := &reflector{client: c, selector: selector, on: on, silence: watchSilence,
		known: map[string]seen{}, retry: backoff.Backoff{Min: watchRetry, Max: watchRetryMax}}
	r.run(ctx)
}

// Waits between tries to list or to watch.
const (
	watchRetry    = 500 * time.Millisecond
	watchRetryMax = 30 * time.Second
)

// reflector is the state of a WatchPods.
type reflector struct {
	client   *Client
	selector string
	on       func(PodEvent)
	silence  time.Duration

	known   map[string]seen // Pods that the handler has, by name
	version string          // resource version to go on from; empty lists first
	retry   backoff.Backoff
	ill     bool // trouble is logged and not over
}

// seen is the state of a Pod that the handler has.
type seen struct{ uid, version string }

func (r *reflector) run(ctx context.Context) {
	for ctx.Err() == nil {
		var err error
		if r.version == "" {
			err = r.list(ctx)
		} else {
			err = r.watch(ctx)
		}
		if err != nil && ctx.Err() == nil {
			r.failed(ctx, err)
		}
	}
}

// list tells the handler what has changed since it was told last.
func (r *reflector) list(ctx context.Context) error {
	listed := make(map[string]bool, len(r.known))
	version, err := r.client.eachPod(ctx, r.selector, func(pod *Pod) {
		listed[pod.Metadata.Name] = true
		r.there(pod)
	})
	if err != nil {
		return err
	}
	for name, was := range r.known {
		if !listed[name] {
			r.gone(&Pod{Metadata: Meta{Name: name, Namespace: r.client.Namespace, UID: was.uid}})
		}
	}
	r.version = version
	r.well()
	r.on(PodEvent{Kind: Synced})
	return nil
}

// there tells the handler about a Pod that is there, unless it knows.
func (r *reflector) there(pod *Pod) {
	name, now := pod.Metadata.Name, seen{pod.Metadata.UID, pod.Metadata.ResourceVersion}
	was, known := r.known[name]
	if was == now {
		return
	}
	if known && was.uid != now.uid {
		r.gone(&Pod{Metadata: Meta{Name: name, Namespace: pod.Metadata.Namespace, UID: was.uid}})
		known = false
	}
	r.known[name] = now
	kind := Added
	if known {
		kind = Modified
	}
	r.on(PodEvent{Kind: kind, Pod: pod})
}

// gone tells the handler that a Pod which it knows is no longer there.
func (r *reflector) gone(pod *Pod) {
	if was, known := r.known[pod.Metadata.Name]; known && was.uid == pod.Metadata.UID {
		delete(r.known, pod.Metadata.Name)
		r.on(PodEvent{Kind: Deleted, Pod: pod})
	}
}

// failed waits before the next try.
func (r *reflector) failed(ctx context.Context, err error) {
	if r.lost(err) {
		r.version = ""
	}
	if !IsExpired(err) {
		r.unwell(err)
	}
	wait := backoff.Jitter(r.retry.Next())
	if status, ok := errors.AsType[*StatusError](err); ok {
		wait = max(wait, status.RetryAfter)
	}
	_ = backoff.Sleep(ctx, wait) // run sees that ctx has ended
}

// lost reports that the server cannot go on from the version: it is too old, or it is from
// before the cluster's data was restored.
func (r *reflector) lost(err error) bool {
	return IsExpired(err) || codeOf(err) == http.StatusBadRequest || codeOf(err) == http.StatusGatewayTimeout
}

// unwell logs trouble, once until it is over.
func (r *reflector) unwell(err error) {
	if !r.ill && r.client.logger != nil {
		r.client.logger.Warn("cannot watch Pods: trying again", "cluster", r.client.String(), "error", err)
	}
	r.ill = true
}

// well logs that trouble is over.
func (r *reflector) well() {
	if r.ill && r.client.logger != nil {
		r.client.logger.Info("watches Pods again", "cluster", r.client.String())
	}
	r.ill = false
}
