package runwith

import "time"

// ScheduleSpec is what a schedule starts, and when.
type ScheduleSpec struct {
	// Cron has five fields, or is a macro such as @daily. Zone is the IANA zone whose clock it
	// follows; empty is UTC.
	Cron string `json:"cron" doc:"Five fields (minute, hour, day of month, month, day of week), or @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually." example:"0 2 * * *"`
	Zone string `json:"zone,omitempty" doc:"IANA zone whose clock the cron line follows; by default UTC." example:"Europe/Berlin"`
	Job  string `json:"job" doc:"Job to start."`
	// Parameters, Labels and Overrides are those of the requests.
	Parameters map[string]any    `json:"parameters,omitempty" doc:"The job's parameters, by name. For readers without the grant values, each value is ***."`
	Labels     map[string]string `json:"labels,omitempty" doc:"Labels of the invocations."`
	Overrides  *Overrides        `json:"overrides,omitempty" doc:"Changes to the job's settings, if the configuration allows that."`
	// Overlap is skip, queue, replace or allow; empty is skip.
	Overlap string `json:"overlap,omitempty" enum:"skip,queue,replace,allow" doc:"What happens if the invocation before has not ended; by default skip."`
	// CatchUp and Jitter are durations such as 1h; an empty CatchUp is 1h, and 0s is none.
	CatchUp string `json:"catchUp,omitempty" doc:"How late the latest missed slot still starts, at most 168h; by default 1h, and 0s starts none late." example:"1h"`
	Jitter  string `json:"jitter,omitempty" doc:"Spreads starts over this time after the slot." example:"30s"`
}

// Origin is where a schedule comes from.
type Origin string

// The origins.
const (
	OriginFile Origin = "file"
	OriginAPI  Origin = "api"
)

// Schedule is a schedule with its state.
type Schedule struct {
	Name string `json:"name" doc:"Name of the schedule."`
	ScheduleSpec
	Origin Origin `json:"origin" enum:"file,api" doc:"Where it comes from: the server's configuration file, or the API. Only one of the API can be changed or deleted here."`
	// Paused means that no slot starts the job. PausedByFile means that the configuration file
	// says so, and then nobody can resume it here.
	Paused       bool `json:"paused" doc:"Whether its slots start nothing."`
	PausedByFile bool `json:"pausedByFile,omitempty" doc:"Whether the configuration file pauses it; then only a change of the file resumes it."`
	// Next is the next slot; zero while it is paused.
	Next time.Time `json:"next,omitzero" doc:"Next slot; absent while it is paused."`
	// Last is what became of the latest slot; nil before the first.
	Last *Slot `json:"last,omitempty" doc:"What became of the latest slot; absent before the first."`
	// Waiting is the reason for which the latest slot could not start yet. It is tried again.
	Waiting *Failure `json:"waiting,omitempty" doc:"Why the latest slot could not start yet. It is tried again until the catch-up window ends."`
	// Slots count the slots by their result since the schedule is known.
	Slots SlotCounts `json:"slots" doc:"Number of slots by what became of them."`
}

// SlotResult is what became of a slot.
type SlotResult string

// The results.
const (
	SlotStarted SlotResult = "started" // an invocation was accepted for it
	SlotSkipped SlotResult = "skipped" // the invocation before had not ended
	SlotFailed  SlotResult = "failed"  // the job could not be started, for good
	SlotMissed  SlotResult = "missed"  // the server did not run, and the catch-up window has ended
)

// Slot is one of the times of a [Schedule], and what became of it.
type Slot struct {
	Slot   time.Time  `json:"slot" doc:"The time for which the job starts."`
	At     time.Time  `json:"at" doc:"When it was handled."`
	Result SlotResult `json:"result" enum:"started,skipped,failed,missed" doc:"What became of it."`
	Late   bool       `json:"late,omitempty" doc:"Whether it was started late, after the server had missed it."`
	// Invocation is the one that it has started, or that was in its way.
	Invocation string `json:"invocation,omitempty" doc:"Invocation that it has started; if it was skipped, the one that had not ended."`
	// Error is why it failed.
	Error *Failure `json:"error,omitempty" doc:"Why it could not start."`
}

// SlotCounts count slots by their result.
type SlotCounts struct {
	Started int `json:"started" doc:"Slots that have started an invocation."`
	Skipped int `json:"skipped" doc:"Slots that were left out, because the invocation before had not ended."`
	Failed  int `json:"failed" doc:"Slots whose start was refused."`
	Missed  int `json:"missed" doc:"Slots that nobody handled in time."`
}
