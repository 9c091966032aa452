package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// restingSchedules is the number of schedules that wait for their time.
const restingSchedules = 10_000

// schedulesTarget bounds the processor time that they cost, in seconds of each second.
const schedulesTarget = 0.002

// measureSchedules measures the processor time of a server at rest, with many schedules and
// without any.
func measureSchedules(ctx context.Context, b *bench) ([]row, error) {
	var config strings.Builder
	config.WriteString("jobs: {job: {}}\nschedules:\n")
	for n := range restingSchedules {
		fmt.Fprintf(&config, "  s%d: {cron: \"%d %d 1 1 *\", zone: Europe/Berlin, job: job}\n", n, n%60, n%24)
	}
	var used [2]float64
	for i, content := range []string{"jobs: {job: {}}\n", config.String()} {
		var err error
		if used[i], err = b.restingTime(ctx, fmt.Sprintf("schedules%d", i), content); err != nil {
			return nil, err
		}
	}
	r := newRow(fmt.Sprintf("processor time of `serve` at rest in a second, with %d schedules, less that without any", restingSchedules),
		seconds, []float64{max(0, used[1]-used[0])})
	return []row{r.within(schedulesTarget)}, nil
}

// restingTime returns the processor time that a server with a configuration uses at rest, in
// seconds of each second.
func (b *bench) restingTime(ctx context.Context, name, content string) (used float64, err error) {
	config := filepath.Join(b.dir, name+".yaml")
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		return 0, err
	}
	f, err := openCallers(ctx, b, name, config, "")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := pause(ctx, 2*b.rest); err != nil { // the start
		return 0, err
	}
	before, err := f.server.processorTime(ctx)
	if err == nil {
		err = pause(ctx, restingSeconds*b.rest)
	}
	if err != nil {
		return 0, err
	}
	after, err := f.server.processorTime(ctx)
	return (after - before) / (restingSeconds * b.rest.Seconds()), err
}

// restingSeconds is how often b.rest is measured.
const restingSeconds = 5
