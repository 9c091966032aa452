// Package engine is Cloud Run Jobs on one machine. It keeps jobs, their executions,
// the tasks of those and their operations in SQLite, and a [runner.Runner] runs the
// tasks. Package api serves it over gRPC and REST; this package knows neither.
//
// # State machines
//
// An execution freezes the job's template with the overrides applied. Its tasks decide
// its state:
//
//	execution: pending ── a task starts ──────────────────────────────► running
//	execution: pending ── it can have no tasks ───────────────────────► failed
//	execution: pending ── stopped before a task started ──────────────► cancelled
//	execution: running ── every task succeeded ───────────────────────► succeeded
//	execution: running ── every task ended, one failed ───────────────► failed
//	execution: running ── every task ended, a stop cut one short ─────► cancelled
//
// A task is attempted until it succeeds or has no retry left:
//
//	task: pending ── the scheduler has a place and claims it ─────────► running
//	task: pending ── its execution is stopped ────────────────────────► cancelled
//	task: running ── its attempt failed, a retry is left: attempt+1 ──► pending
//	task: running ── its attempt is lost: incarnation+1 ──────────────► pending
//	task: running ── its attempt succeeded ───────────────────────────► succeeded
//	task: running ── its attempt failed, no retry is left ────────────► failed
//	task: running ── its execution is stopped, its attempt ended ─────► cancelled
//
// An attempt is lost if it died with the engine. The job does not count that as a
// retry: the same attempt is placed once more, unless interrupted attempts are to fail.
// Either way the execution counts the interruption.
//
// No edge leaves succeeded, failed and cancelled. The tables in edges.go hold these
// edges, and a test compares them with this drawing. A new execution that finds free
// places is stored as running at once, with its first tasks.
//
// # Durability
//
// Each transition is one transaction, and it is on disk before anybody sees it. The
// transaction that records the end of an attempt also claims the task that gets its
// place. After a restart, the runner adopts the attempts of running tasks or reports
// them as lost: see recover.go.
package engine
