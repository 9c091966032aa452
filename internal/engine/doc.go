// Package engine is Cloud Run Jobs on one machine: jobs, their executions, the
// tasks of those and the operations that tell of them, kept in SQLite and placed
// by a [runner.Runner]. It knows no wire; package api serves it.
//
// An execution freezes the job's template with the overrides applied, and is
// judged by its tasks:
//
//	          a task starts              every task has ended
//	pending ────────────────► running ─┬──────────────────────► succeeded  all succeeded
//	   │                               ├──────────────────────► failed     one failed for good
//	   └── stopped before a task ran ──┴──────────────────────► cancelled  stopped, and a task was cut short
//
// One that a [Fault] leaves without tasks goes from pending to failed by itself.
//
// A task is attempted until it succeeds or has no retry left:
//
//	            claim                       exit 0
//	pending ────────────► running ─┬───────────────────────► succeeded
//	   ▲                           ├─ failed, no retry left ► failed
//	   ├── failed, attempt+1 ──────┤
//	   └── lost, incarnation+1 ────┼─ stopped ──────────────► cancelled
//	                               │
//	pending ── stopped ────────────┘
//
// Lost is an attempt that died with the engine: to the job it is the same
// attempt, placed once more. The states right of the arrows' end are terminal;
// no transition leaves them, which every UPDATE in the store_*.go files checks itself.
//
// Each transition is within one transaction, and is on disk before anybody hears of
// it. The end of an attempt and the claim of what has its place next share one.
// What a restart finds in state running is either adopted or lost; see recover.go.
package engine
