// Package invoker starts Cloud Run jobs durably and exactly once: what it has
// accepted is on disk, is started in one execution, and is told of to its end. It
// meets Cloud Run through the small interface [CloudRun] alone, which package
// cloudrun implements, and its rows through [Store].
//
// An invocation moves like this. Each arrow is one transaction, a compare-and-set
// on the row's version and state, and no call to Cloud Run happens inside one:
//
//	            ┌── certainly not started, or not found ──┐
//	            ▼                                         │
//	┌───────► accepted ─────────────────────────────► starting ─────────────► running ──┬──► succeeded
//	│         (queued)   slot and token taken in      │  ▲  │    an execution   ▲ │  ▲   ├──► failed
//	│          │    │    the same transaction, on     │  └──┘    is adopted     │ │  │   └──► cancelled
//	│          │    │    disk before the call         │  search  (compare-and-  │ │  │
//	│          │    │                                 │          set: execution │ │  │ found late
//	│          │    │ cancel, replaced                │          IS NULL)       │ │  │
//	│          │    └──► cancelled                    ├─────────────────────────┘ │  │
//	│          │                                      │ not found, and that       │  │
//	│          │ not with what was asked              │ proves nothing            │ gone
//	│          ▼                                      ▼                           ▼  │
//	│        refused ◄── definitely not ── starting  unresolved ◄─────────────────┘  │
//	│                                                 │  │  └────────────────────────┘
//	└───────────── a person says retry ───────────────┘  └── a person says leave: it stays so
//
// The one rule from which the rest follows: RunJob is called only by who has just
// brought the row to starting, once, and that is on disk before. What the call
// came to is one of four (package cloudrun has the table): started, not started,
// refused, or unknown. An unknown is searched for: every run carries [Marker] with
// the invocation's ID in the environment of one container. Found, it is adopted at
// once. Not found counts only in a whole list that began after the call's deadline
// and the settling delay; then it is called again. An execution that shows up after
// that is a twin: it is cancelled and counted, also past the end.
//
// Succeeded, failed, cancelled and refused are terminal, and so is an unresolved
// that was left: no arrow leaves them. docs/state-machine.md gives the reasons.
package invoker
