package main

import (
	"context"
	"log"
	"time"

	"github.com/runwith/runwith"
)

// start starts the job of a document, and takes down the state of its invocation. The document's
// ID is the idempotency key, so runwith starts one execution however often it is asked, and
// answers with the same invocation as it is now.
func (a *api) start(ctx context.Context, id string) {
	d, err := a.folder.find(id)
	if err != nil {
		log.Printf("document %s: %v", id, err)
		return
	}
	invocation, err := a.jobs.Start(ctx, "documents", "document-"+id, &runwith.Request{
		Parameters: map[string]any{"tenant": d.Tenant, "document": id},
		Labels:     map[string]string{"tenant": d.Tenant, "document": id},
	})
	switch {
	case err == nil:
		err = a.change(id, func(d *document) {
			d.Invocation = invocation.ID
			d.follow(invocation.State, invocation.Error)
		})
	case lasting(err):
		reason := err.Error()
		err = a.change(id, func(d *document) { d.State, d.Error = failed, "the job was not accepted: "+reason })
	}
	if err != nil {
		log.Printf("document %s: %v", id, err) // sweep tries again
	}
}

// lasting reports whether runwith would refuse the same request again.
func lasting(err error) bool {
	switch runwith.CodeOf(err) {
	case runwith.InvalidArgument, runwith.PermissionDenied, runwith.Unauthenticated, runwith.NotFound, runwith.AlreadyExists:
		return true
	}
	return false
}

// follow takes over the state of the document's invocation.
func (d *document) follow(state runwith.State, failure *runwith.Failure) {
	switch {
	case d.ended():
	case state == runwith.StateSucceeded:
		d.State = done
	case state.Terminal():
		d.State, d.Error = failed, "the job is "+string(state)
		if failure != nil {
			d.Error = failure.Message
		}
	default:
		d.State = processing
	}
}

// change changes a document on disk.
func (a *api) change(id string, change func(*document)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, err := a.folder.find(id)
	if err != nil {
		return err
	}
	change(d)
	return a.folder.save(d)
}

// sweep asks runwith about the documents whose end is not known: at once, for those that an
// earlier process has left, and then every minute, in case a callback was lost.
func (a *api) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for ctx.Err() == nil {
		open, err := a.folder.open()
		if err != nil {
			log.Printf("read documents: %v", err)
		}
		for _, d := range open {
			a.start(ctx, d.ID)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
