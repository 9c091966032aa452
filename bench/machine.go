package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// syncs is the number of measured syncs.
const syncs = 50

// machine describes the machine of a report.
type machine struct {
	Date  string `json:"date"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Cores int    `json:"cores"`
	Go    string `json:"go"`
	// Sync is the time of appending 4 KiB to a file and fsync, in seconds.
	Sync stat `json:"sync"`
}

// lookAtMachine measures the disk below a folder.
func lookAtMachine(dir string) (machine, error) {
	m := machine{
		Date: time.Now().UTC().Format(time.DateOnly),
		OS:   runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version(),
	}
	var err error
	m.Sync, err = syncCost(filepath.Join(dir, "sync"))
	return m, err
}

func syncCost(path string) (_ stat, err error) {
	f, err := os.Create(path)
	if err != nil {
		return stat{}, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(path)) }()
	page := make([]byte, 4<<10)
	samples := make([]float64, syncs)
	for i := range samples {
		start := time.Now()
		if _, err := f.Write(page); err != nil {
			return stat{}, err
		}
		if err := f.Sync(); err != nil {
			return stat{}, err
		}
		samples[i] = time.Since(start).Seconds()
	}
	return summarize(seconds, samples), nil
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %s/%s, %d cores, %s; 4 KiB written and synced in %s (p95 %s)",
		m.Date, m.OS, m.Arch, m.Cores, m.Go, seconds.format(m.Sync.Median), seconds.format(m.Sync.P95))
}
