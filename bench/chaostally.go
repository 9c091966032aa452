package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// tally is the result of counting.
type tally struct {
	accepted, ran, executions int
	slots                     int // of schedules, of the accepted ones
	heard, times              int // invocations whose end was heard, and how often anything was
	faults                    []string
}

// count compares the runs and the executions of the engine with the accepted invocations.
func (w *world) count(ctx context.Context) (t tally, err error) {
	ran, err := w.runs()
	if err != nil {
		return t, err
	}
	t.accepted, t.ran = len(w.accepted), len(ran)
	for id, args := range w.accepted {
		if n := len(ran[id]); n != 1 {
			t.faults = append(t.faults, fmt.Sprintf("invocation %s of %s ran in %d executions", id, args, n))
		}
		for _, got := range ran[id] {
			if got != args {
				t.faults = append(t.faults, fmt.Sprintf("invocation %s of %s ran with %s", id, args, got))
			}
		}
	}
	for id := range ran {
		if _, known := w.accepted[id]; !known {
			t.faults = append(t.faults, fmt.Sprintf("invocation %s ran, and nobody was told of it", id))
		}
	}
	t.slots = w.started
	if keys := t.accepted - t.slots; keys != w.n {
		t.faults = append(t.faults, fmt.Sprintf("%d invocations for %d keys", keys, w.n))
	}
	t.heard, t.times = t.accepted-w.ear.missing(w.accepted), w.ear.times
	t.faults = append(t.faults, w.ear.check(w.accepted)...)
	if err := pause(ctx, w.late()); err != nil { // then lists are complete
		return t, err
	}
	t.executions, err = w.executions(ctx)
	if err == nil && t.executions != t.accepted {
		t.faults = append(t.faults, fmt.Sprintf("the engine has %d executions", t.executions))
	}
	return t, err
}

// runs returns the arguments of each run, by invocation and execution.
func (w *world) runs() (map[string]map[string]string, error) {
	text, err := os.ReadFile(w.ran)
	if err != nil {
		return nil, err
	}
	ran := map[string]map[string]string{}
	for line := range strings.Lines(string(text)) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		execution, args, ok := strings.Cut(rest, " ")
		if !ok {
			return nil, fmt.Errorf("a run wrote %q", line)
		}
		if ran[id] == nil {
			ran[id] = map[string]string{}
		}
		ran[id][execution] = args
	}
	return ran, nil
}

func (t tally) String() string {
	text := fmt.Sprintf("%d accepted, %d ran, %d executions, %d ends heard in %d callbacks: %d faults", t.accepted, t.ran, t.executions, t.heard, t.times, len(t.faults))
	if t.slots > 0 {
		text += fmt.Sprintf("; %d were slots of schedules", t.slots)
	}
	return text
}

// err describes lost and doubled invocations.
func (t tally) err(seed uint64) error {
	if len(t.faults) == 0 {
		return nil
	}
	return fmt.Errorf("seed %d: %s", seed, strings.Join(t.faults, "; "))
}

// executions counts the executions of the engine.
func (w *world) executions(ctx context.Context) (n int, err error) {
	engine, err := dial(ctx, w.engineAddr)
	if err != nil {
		return 0, err
	}
	n, err = engine.countExecutions(ctx)
	return n, errors.Join(err, engine.close())
}
