package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/runwith/runwith"
)

const (
	// slotJob is the job of the schedules, and schedules their number. Each has a slot every minute.
	slotJob   = "slot"
	schedules = 10
)

// addSchedules adds the schedules to the configuration, if several invokers have to share them.
func (w *world) addSchedules(config io.Writer) {
	if w.replicas == 0 {
		return
	}
	fmt.Fprintf(config, "  %s: {}\nschedules:\n", slotJob)
	for n := range schedules {
		fmt.Fprintf(config, "  %s: {cron: \"* * * * *\", job: %s, overlap: allow}\n", scheduleName(n), slotJob)
	}
}

// slots waits for the invocations of all slots since the invokers began, and counts them as accepted.
// Then it pauses the schedules.
func (w *world) slots(ctx context.Context) error {
	if w.replicas == 0 {
		return nil
	}
	wanted := w.wantedSlots(time.Now())
	for {
		missing, err := w.takeSlots(ctx, wanted)
		if away(ctx, err) {
			missing = len(wanted)
		} else if err != nil {
			return err
		}
		if missing == 0 {
			break
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return errors.Join(fmt.Errorf("%d slots have no invocation", missing), err, context.Cause(ctx))
		}
	}
	for n := range schedules {
		_, err := w.client().PauseSchedule(ctx, scheduleName(n))
		for away(ctx, err) {
			_, err = w.client().PauseSchedule(ctx, scheduleName(n))
		}
		if err != nil {
			return err
		}
	}
	if err := pause(ctx, time.Second); err != nil { // a slot may be on its way
		return err
	}
	_, err := w.takeSlots(ctx, wanted)
	for away(ctx, err) {
		_, err = w.takeSlots(ctx, wanted)
	}
	return err
}

// away reports whether an invoker could not answer, so that the program asks again.
func away(ctx context.Context, err error) bool {
	return runwith.CodeOf(err) == runwith.Unavailable && ctx.Err() == nil
}

func scheduleName(n int) string { return fmt.Sprintf("every-minute-%d", n) }

// wantedSlots are the slots since the invokers began.
func (w *world) wantedSlots(until time.Time) map[string]bool {
	wanted := map[string]bool{}
	for n := range schedules {
		for at := w.from.Truncate(time.Minute).Add(time.Minute); at.Before(until); at = at.Add(time.Minute) {
			wanted[scheduleName(n)+" "+at.UTC().Format(time.RFC3339)] = true
		}
	}
	return wanted
}

// takeSlots reads the invocations of slots, and returns how many of the wanted slots have none.
func (w *world) takeSlots(ctx context.Context, wanted map[string]bool) (missing int, err error) {
	found := map[string]string{}
	for i, err := range w.client().Invocations(ctx, &runwith.ListOptions{Source: "schedule/"}) {
		if err != nil {
			return 0, err
		}
		slot := i.Source.Schedule + " " + i.Source.Slot.UTC().Format(time.RFC3339)
		if other := found[slot]; other != "" {
			return 0, fmt.Errorf("slot %s has the invocations %s and %s", slot, other, i.ID)
		}
		found[slot] = i.ID
		if err := w.accept(i.ID, i.Source.Slot.UTC().Format(time.RFC3339)); err != nil {
			return 0, err
		}
	}
	w.started = len(found)
	for slot := range wanted {
		if found[slot] == "" {
			missing++
		}
	}
	return missing, nil
}
