package configfile

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// Schedule starts a job by the clock.
type Schedule struct {
	Cron       string            `yaml:"cron" rule:"cron" required:"true" doc:"When the job starts: five fields (minute, hour, day of month, month, day of week), or @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually."`
	Zone       string            `yaml:"zone" rule:"zone" doc:"The IANA zone whose clock the cron line follows, such as Europe/Berlin; by default UTC."`
	Job        string            `yaml:"job" rule:"job" required:"true" doc:"The job that starts: one of jobs."`
	Parameters map[string]any    `yaml:"parameters" keys:"parameter" most:"50" doc:"The job's parameters, by name."`
	Overrides  ScheduleOverrides `yaml:"overrides" doc:"Settings that the job's allow permits."`
	Labels     map[string]string `yaml:"labels" keys:"label" rule:"labelValue" most:"16" doc:"Labels of the invocations."`
	Overlap    string            `yaml:"overlap" rule:"overlap" doc:"What happens if the invocation before has not ended: skip (the default) leaves the slot out, queue waits, replace cancels the one before, allow starts another."`
	CatchUp    Window            `yaml:"catchUp" doc:"How late the latest missed slot still starts, such as 1h (the default); at most 168h. 0 starts none late."`
	Jitter     Duration          `yaml:"jitter" doc:"Spreads starts over this time after the slot, such as 30s; less than the time between two slots. Each slot's delay is fixed."`
	Paused     bool              `yaml:"paused" doc:"Whether the schedule starts nothing. People can pause and resume it with runwith schedules too."`
}

// ScheduleOverrides are the settings that a schedule changes directly.
type ScheduleOverrides struct {
	Args      []string          `yaml:"args" most:"500" doc:"Replaces the job's arguments."`
	Env       map[string]string `yaml:"env" keys:"jobVariable" most:"100" doc:"Sets environment variables."`
	TaskCount int               `yaml:"taskCount" rule:"tasks" doc:"Number of tasks."`
	Timeout   Duration          `yaml:"timeout" rule:"seconds" doc:"Timeout of a task, in whole seconds."`
}

// Values of Schedule.Overlap.
const (
	OverlapSkip    = "skip"
	OverlapQueue   = "queue"
	OverlapReplace = "replace"
	OverlapAllow   = "allow"
)

// Window is a Schedule.CatchUp. Zero is DefaultCatchUp.
type Window time.Duration

const (
	// NoCatchUp is the Window that the file writes as 0.
	NoCatchUp Window = -1
	// DefaultCatchUp is used if the file has none.
	DefaultCatchUp = Window(time.Hour)
	// MaxCatchUp is the longest.
	MaxCatchUp = Window(7 * 24 * time.Hour)
)

// ParseWindow reads text such as 1h; 0 is [NoCatchUp].
func ParseWindow(text string) (w Window, err error) {
	err = w.parse(text)
	return w, err
}

func (w *Window) parse(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > time.Duration(MaxCatchUp) {
		return errors.New("must be 0, or a time such as 1h, at most 168h")
	}
	if *w = Window(d); d == 0 {
		*w = NoCatchUp
	}
	return nil
}

func (*Window) pattern() string { return `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$` }

// number marks texts that the file may also write as the number 0.
func (*Window) number() {}

// checkSchedules checks what a schedule refers to in the file.
func (f *File) checkSchedules(c *Checker) {
	for _, name := range slices.Sorted(maps.Keys(f.Schedules)) {
		if job := f.Schedules[name].Job; job != "" {
			if _, known := f.Jobs[job]; !known {
				c.Addf(Path("schedules").Field(name).Field("job"), "is not one of the jobs%s", didYouMean(job, f.Jobs))
			}
		}
	}
}
