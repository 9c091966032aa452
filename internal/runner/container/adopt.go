package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/runwith/runwith/internal/runner"
)

// leftover are the containers that an earlier server left of an attempt, in the order
// in which they were started.
type leftover []container.Summary

// placeOf is a container's place in that order.
func placeOf(c container.Summary) int {
	place, err := strconv.Atoi(c.Labels[placeLabel])
	if err != nil {
		return 0 // an earlier version's, of one alone
	}
	return place
}

// leftovers returns what is there of this data folder. A container that bears its
// label and no attempt's is somebody else's, and left alone.
func (r *Runner) leftovers(ctx context.Context) (map[runner.ID]leftover, error) {
	all, err := r.owned(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for containers of earlier attempts: %w", err)
	}
	left := make(map[runner.ID]leftover)
	for _, c := range all {
		id, err := runner.ParseID(c.Labels[attemptLabel])
		if role := c.Labels[roleLabel]; err != nil || role != roleMain && role != roleSide {
			r.log.Warn("a container bears this data folder's label and is none of its attempts; it is left alone",
				"container", c.ID, "names", c.Names, "label", folderLabel)
			continue
		}
		left[id] = append(left[id], c)
	}
	return left, r.removeVolumes(ctx, func(id runner.ID) bool { return left[id] != nil })
}

// owned lists the containers that bear this folder's label, ended ones included, those
// of an attempt in the order in which they were started.
func (r *Runner) owned(ctx context.Context) ([]container.Summary, error) {
	reply, err := r.daemon.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", folderLabel+"="+r.folder),
	})
	slices.SortStableFunc(reply.Items, func(a, b container.Summary) int { return cmp.Compare(placeOf(a), placeOf(b)) })
	return reply.Items, err
}

// adopt goes on with what an earlier server left of an attempt: one container that
// was started. Anything else is ended, and the attempt is lost.
func (r *Runner) adopt(a *attempt, left leftover, out runner.Output) {
	// That of several containers is put together from lines that nobody could tell
	// apart again, and so is the one before it of a task that was not up yet.
	adopts := len(left) == 1 && left[0].Labels[roleLabel] == roleMain && left[0].State != container.StateCreated
	for _, c := range left {
		a.add(newMember(c.ID, "", c.Labels[roleLabel] == roleMain, out))
	}
	r.background.Go(func() {
		if adopts {
			m := a.main()
			r.goOn(m, left[0].Labels[keptLabel], out)
			close(a.started)
			r.follow(a, m)
			r.supervise(a)
			return
		}
		ctx, cancel := context.WithTimeout(r.life, removeTimeout)
		defer cancel()
		err := r.remove(ctx, a)
		others := func(id runner.ID) bool { return id != a.id && r.knows(id) }
		r.logError("end what is left of an attempt", a.id, errors.Join(err, r.removeVolumes(ctx, others)))
		a.lost = true
		close(a.started)
		close(a.done)
	})
}

// goOn has the output of an adopted container go on where what is kept of it ends.
func (r *Runner) goOn(m *member, kept string, out runner.Output) {
	if out.Kept == nil {
		return
	}
	stdout, stderr, err := out.Kept()
	if err != nil {
		r.log.Error("measure the output of an adopted attempt; it is written once more", "error", err)
		return
	}
	before, beforeErr := parseKept(kept)
	stdout.Lines, stderr.Lines = max(0, stdout.Lines-before), max(0, stderr.Lines-beforeErr)
	m.streams.stdout.at, m.streams.stderr.at = stdout, stderr
}

// doubt notes whether the daemon may have made containers of an attempt without
// telling, because it went away meanwhile, and returns whether that was so before.
func (r *Runner) doubt(id runner.ID, may bool) (before bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before = r.doubted[id]
	delete(r.doubted, id)
	if may {
		r.doubted[id] = true
	}
	return before
}

// endForgotten ends what nobody here knows of: what a daemon that went away has made of
// an attempt, and what is left of earlier incarnations that were given up because it
// stayed away. Nothing of the attempt must have been made yet.
func (r *Runner) endForgotten(ctx context.Context, id runner.ID) error {
	all, err := r.owned(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range slices.Backward(all) { // the first one has the network of all
		old, err := runner.ParseID(c.Labels[attemptLabel])
		earlier := old
		earlier.Incarnation = id.Incarnation
		if err != nil || earlier != id || old.Incarnation > id.Incarnation || old != id && r.knows(old) {
			continue
		}
		errs = append(errs, r.removeContainer(ctx, c.ID))
	}
	return errors.Join(errs...)
}

func (r *Runner) knows(id runner.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attempts[id] != nil || r.left[id] != nil
}

// removeVolumes removes those volumes of this folder whose attempt is not known.
func (r *Runner) removeVolumes(ctx context.Context, known func(runner.ID) bool) error {
	reply, err := r.daemon.VolumeList(ctx, client.VolumeListOptions{
		Filters: make(client.Filters).Add("label", folderLabel+"="+r.folder),
	})
	if err != nil {
		return fmt.Errorf("look for volumes of earlier attempts: %w", err)
	}
	var errs []error
	for _, v := range reply.Items {
		id, err := runner.ParseID(v.Labels[attemptLabel])
		if err != nil || known(id) {
			continue
		}
		_, err = r.daemon.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
		errs = append(errs, ignoreGone(err))
	}
	return errors.Join(errs...)
}
