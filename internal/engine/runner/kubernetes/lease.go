package kubernetes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

const (
	leaseTime  = 15 * time.Second // a Lease that is not renewed for so long is free
	leaseRenew = 5 * time.Second
)

// lease makes sure that one server at a time places Pods for a data folder, also if there
// is a copy of the folder. It is a Lease in the Pods' namespace.
//
// Servers with different clocks agree, because none compares another's times with its own:
// a Lease is free if it has not changed while this server looked at it for leaseTime.
type lease struct {
	client   *kube.Client
	name     string
	holder   string // this server
	previous string // the server before it, whose Lease is free; empty if there was none
	file     string // names the holder, for the next server
	log      *slog.Logger

	mu      sync.Mutex
	now     *kube.Lease
	renewed time.Time // by this machine's clock
	taken   string    // who has it instead; empty if nobody has
}

// holderFile is the file, in the data folder, with the last holder of the folder's Lease.
const holderFile = "holder"

// newLease returns the Lease of a data folder. Its holder is named by machine and folder, for
// people, and by a text that is new for each server. A server need not wait for the Lease of the
// one before it, because the folder's lock admits one at a time.
func newLease(client *kube.Client, dir, engine string, log *slog.Logger) (*lease, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	l := &lease{client: client, name: "runwith-" + engine, file: filepath.Join(dir, holderFile), log: log}
	server := host + ":" + dir + "#"
	l.holder = server + rand.Text()
	last, err := os.ReadFile(l.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if strings.HasPrefix(string(last), server) { // or the folder was moved, or is a copy
		l.previous = string(last)
	}
	return l, nil
}

// acquire takes the Lease. While another server's is not renewed, it waits until that has
// expired. It fails if the other server renews it.
func (l *lease) acquire(ctx context.Context) error {
	var first *kube.Lease
	var since time.Time
	for {
		now, err := l.client.GetLease(ctx, l.name)
		switch {
		case kube.IsNotFound(err):
			err = l.create(ctx)
		case err != nil:
			return fmt.Errorf("read Lease %s: %w", l.name, err)
		case l.free(now):
			err = l.update(ctx, now)
		case first == nil:
			first, since = now, time.Now()
			l.log.Info("waits for the Lease of the data folder", "lease", l.name, "holder", holds(now))
		// Before the time is asked: an answer may take longer than leaseTime.
		case now.Metadata.ResourceVersion != first.Metadata.ResourceVersion:
			return runwith.Errorf(runwith.FailedPrecondition, "the server %s uses a copy of this data folder with the same ID: stop it, or give one of the two folders a new ID by removing its file run/id", holds(now))
		case time.Since(since) > leaseTime:
			err = l.update(ctx, now)
		}
		if l.held() == nil {
			return os.WriteFile(l.file, []byte(l.holder), 0o600)
		}
		if err != nil && !kube.IsConflict(err) && !kube.IsAlreadyExists(err) {
			return fmt.Errorf("take Lease %s: %w", l.name, err)
		}
		if err := backoff.Sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// holds returns who holds a Lease.
func holds(l *kube.Lease) string {
	if l.Spec.HolderIdentity == nil {
		return ""
	}
	return *l.Spec.HolderIdentity
}

func (l *lease) free(now *kube.Lease) bool {
	holder := holds(now)
	return holder == "" || holder == l.holder || holder == l.previous
}

func (l *lease) create(ctx context.Context) error {
	made := &kube.Lease{Metadata: kube.Meta{Name: l.name, Namespace: l.client.Namespace, Labels: map[string]string{managedByLabel: managedBy}}}
	l.fill(made)
	begun := time.Now()
	got, err := l.client.CreateLease(ctx, made)
	if err == nil {
		l.set(got, begun)
	}
	return err
}

func (l *lease) update(ctx context.Context, now *kube.Lease) error {
	next := *now
	l.fill(&next)
	begun := time.Now()
	got, err := l.client.UpdateLease(ctx, &next)
	if err == nil {
		l.set(got, begun)
	}
	return err
}

// fill makes a Lease this server's.
func (l *lease) fill(to *kube.Lease) {
	now := kube.MicroTime{Time: time.Now()}
	if to.Spec.AcquireTime.IsZero() || holds(to) != l.holder {
		to.Spec.AcquireTime = now
	}
	to.Spec.HolderIdentity, to.Spec.RenewTime = new(l.holder), now
	to.Spec.LeaseDurationSeconds = new(int32(leaseTime / time.Second))
}

func (l *lease) set(now *kube.Lease, renewed time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.renewed, l.taken = now, renewed, ""
}

// keep renews the Lease until ctx ends.
func (l *lease) keep(ctx context.Context) {
	for backoff.Sleep(ctx, leaseRenew) == nil {
		if err := l.renew(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("renew the Lease of the data folder", "lease", l.name, "error", err)
		}
	}
}

func (l *lease) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaseRenew)
	defer cancel()
	l.mu.Lock()
	now := l.now
	l.mu.Unlock()
	err := l.update(ctx, now)
	if !kube.IsConflict(err) && !kube.IsNotFound(err) {
		return err
	}
	there, getErr := l.client.GetLease(ctx, l.name)
	switch {
	case kube.IsNotFound(getErr):
		return l.create(ctx)
	case getErr != nil:
		return errors.Join(err, getErr)
	case l.free(there):
		return l.update(ctx, there)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = holds(there)
	return fmt.Errorf("server %s has taken it; this server starts no more tasks", l.taken)
}

// held returns nil while this server has the Lease, and UNAVAILABLE otherwise.
func (l *lease) held() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.taken != "":
		return runwith.Errorf(runwith.Unavailable, "the server %s has taken over this data folder's Pods", l.taken)
	case time.Since(l.renewed) > leaseTime-leaseRenew:
		return runwith.Errorf(runwith.Unavailable, "the cluster has not renewed the engine's Lease %s for %v", l.name, leaseTime-leaseRenew)
	}
	return nil
}

// release frees the Lease.
func (l *lease) release(ctx context.Context) {
	l.mu.Lock()
	now, taken := l.now, l.taken
	l.mu.Unlock()
	if now == nil || taken != "" {
		return
	}
	next := *now
	next.Spec.HolderIdentity = new("")
	if _, err := l.client.UpdateLease(ctx, &next); err != nil && !kube.IsConflict(err) {
		l.log.Warn("free the Lease of the data folder", "lease", l.name, "error", err)
	}
}
