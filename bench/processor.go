package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// ticksPerSecond is the unit of times in /proc, the same on every Linux that Go runs on.
const ticksPerSecond = 100

// processorTime returns the processor time that the server has used since its start,
// in user and kernel mode, in seconds. The time of its child processes is not in it.
func (s *server) processorTime(ctx context.Context) (float64, error) {
	pid := strconv.Itoa(s.cmd.Process.Pid)
	if text, err := os.ReadFile("/proc/" + pid + "/stat"); err == nil {
		return processorTimeOfStat(string(text))
	}
	text, err := exec.CommandContext(ctx, "ps", "-o", "time=", "-p", pid).Output()
	if err != nil {
		return 0, fmt.Errorf("read the server's processor time: %w", err)
	}
	return processorTimeOfPS(strings.TrimSpace(string(text)))
}

// processorTimeOfStat reads utime and stime, fields 14 and 15 of /proc/PID/stat. Field 2
// is the command in parentheses, which may contain spaces.
func processorTimeOfStat(text string) (float64, error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("read the server's processor time: %q has too few fields", text)
	}
	user, err := strconv.ParseFloat(fields[11], 64)
	if err != nil {
		return 0, fmt.Errorf("read the server's user time: %w", err)
	}
	system, err := strconv.ParseFloat(fields[12], 64)
	if err != nil {
		return 0, fmt.Errorf("read the server's kernel time: %w", err)
	}
	return (user + system) / ticksPerSecond, nil
}

// processorTimeOfPS reads a time of ps: minutes and seconds, with hours before them if
// there are any.
func processorTimeOfPS(text string) (total float64, err error) {
	for part := range strings.SplitSeq(text, ":") {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return 0, fmt.Errorf("read the server's processor time: %w", err)
		}
		total = 60*total + n
	}
	return total, nil
}
