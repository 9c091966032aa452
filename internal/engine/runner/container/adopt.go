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

	"github.com/runwith/runwith/internal/engine/runner"
)

// leftover is the containers and volumes that an earlier server left of an attempt.
type leftover struct {
	containers []container.Summary // in the order of their start
	volumes    []string
}

// number returns the value of a label, and 0 if the container has none.
func number(c container.Summary, label string) int {
	n, err := strconv.Atoi(c.Labels[label])
	if err != nil {
		return 0 // an earlier version made the container
	}
	return n
}

// whole reports whether all containers of the attempt were started. An attempt whose
// server died before that cannot continue.
func (l *leftover) whole() bool {
	return len(l.containers) == max(1, number(l.containers[0], countLabel)) &&
		slices.ContainsFunc(l.containers, isMain) &&
		!slices.ContainsFunc(l.containers, func(c container.Summary) bool { return c.State == container.StateCreated })
}

func isMain(c container.Summary) bool { return c.Labels[roleLabel] == roleMain }

// leftovers returns the attempts of this data folder. It leaves a container alone that
// has the folder's label and no attempt's: somebody else made it.
func (r *Runner) leftovers(ctx context.Context) (map[runner.ID]*leftover, error) {
	all, err := r.owned(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for containers of earlier attempts: %w", err)
	}
	left := make(map[runner.ID]*leftover)
	for _, c := range all {
		id, err := runner.ParseID(c.Labels[attemptLabel])
		if role := c.Labels[roleLabel]; err != nil || role != roleMain && role != roleSide {
			r.log.Warn("a container bears this data folder's label and is none of its attempts; it is left alone",
				"container", c.ID, "names", c.Names, "label", folderLabel)
			continue
		}
		if left[id] == nil {
			left[id] = new(leftover)
		}
		left[id].containers = append(left[id].containers, c)
	}
	return left, r.leftVolumes(ctx, left)
}

// leftVolumes adds the volumes of the attempts, and removes volumes that belong to none.
func (r *Runner) leftVolumes(ctx context.Context, left map[runner.ID]*leftover) error {
	reply, err := r.daemon.VolumeList(ctx, client.VolumeListOptions{
		Filters: make(client.Filters).Add("label", folderLabel+"="+r.folder),
	})
	if err != nil {
		return fmt.Errorf("look for volumes of earlier attempts: %w", err)
	}
	var errs []error
	for _, v := range reply.Items {
		id, err := runner.ParseID(v.Labels[attemptLabel])
		switch {
		case err != nil: // somebody else made it
		case left[id] != nil:
			left[id].volumes = append(left[id].volumes, v.Name)
		default:
			_, err := r.daemon.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
			errs = append(errs, ignoreGone(err))
		}
	}
	return errors.Join(errs...)
}

// owned lists the containers with this folder's label, also those that have ended. The
// containers of an attempt come in the order of their start.
func (r *Runner) owned(ctx context.Context) ([]container.Summary, error) {
	reply, err := r.daemon.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", folderLabel+"="+r.folder),
	})
	slices.SortStableFunc(reply.Items, func(a, b container.Summary) int {
		return cmp.Compare(number(a, placeLabel), number(b, placeLabel))
	})
	return reply.Items, err
}

// claimLeft adds the attempts of an earlier server to the registry. The first Start, Wait
// or Stop of one adopts it.
func (r *Runner) claimLeft(all map[runner.ID]*leftover) error {
	for id, left := range all {
		a := r.newAttempt(id)
		a.left = left
		if err := r.attempts.ClaimLeft(a); err != nil {
			return err
		}
		r.daemon.want()
	}
	return nil
}

// adopt continues with the containers that an earlier server left of an attempt, if all
// of them were started. Otherwise it ends them, and the attempt is lost.
func (r *Runner) adopt(a *attempt, out runner.Output) {
	for _, c := range a.left.containers {
		m := newMember(c.ID, "", isMain(c), out.Of(number(c, indexLabel)))
		m.followed = true
		a.add(m)
	}
	a.volumes = a.left.volumes
	if !a.left.whole() {
		r.background.Go(func() { r.lose(a) })
		return
	}
	a.Placed()
	r.background.Go(func() {
		for i, m := range a.containers() {
			c := a.left.containers[i]
			r.skipKept(m, c.Labels[keptLabel], out.Of(number(c, indexLabel)))
		}
		for _, m := range a.containers() {
			r.followInBackground(a, m)
		}
		r.supervise(a)
	})
}

// lose ends the containers of an attempt that cannot continue.
func (r *Runner) lose(a *attempt) {
	defer a.LetGo()
	ctx, cancel := context.WithTimeout(r.life, removeTimeout)
	defer cancel()
	r.logError("end the rest of an attempt", a.ID, r.remove(ctx, a))
	r.ended(a, runner.Result{}, runner.ErrLost)
}

// skipKept makes the output of an adopted container continue where the kept part ends.
func (r *Runner) skipKept(m *member, kept string, out runner.Output) {
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

// doubt records whether the daemon may have made containers of an attempt that nobody
// here knows of, because it went away before it answered. It returns the previous value.
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

// endForgotten removes containers that nobody here knows of: those that a daemon made of
// this attempt before it went away, and those of earlier incarnations that were given up
// because it stayed away. The attempt itself must have no container yet.
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
	_, ok := r.attempts.Find(id)
	return ok
}
