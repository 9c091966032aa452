// Package invoker starts Cloud Run jobs durably: what it has accepted is on disk,
// is started at most once, and is told of to its end. It meets Cloud Run through
// the small interface [CloudRun] alone, which package cloudrun implements.
//
// An invocation moves like this. Each arrow is one transaction, a compare-and-set
// on the row's version and state, and no call to Cloud Run happens inside one:
//
//	    ┌──── not started, try again ────┐
//	    ▼                                │
//	accepted ───────────────────────► starting ──► running ──┬──► succeeded
//	    │      on disk before the call   │  │  an execution  ├──► failed
//	    │                                │  │  exists        ├──► cancelled
//	    │ the job cannot be started      │  │                │
//	    │ with what was asked            │  │ not known      │ the execution
//	    ▼                                │  │                │ is gone
//	refused ◄──── definitely not ────────┘  └─► unresolved ◄─┘
//
// The one rule from which the rest follows: RunJob is called only by who has just
// brought the row to starting, and a row that is starting is never called again.
// Only an answer that says for certain that nothing was started takes it back to
// accepted. A crash in the call, an answer that tells neither, an answer that
// could not be written down: all leave it unresolved, and a person decides.
//
// Every run carries [Marker] with the invocation's ID in the environment of one
// container, by which its execution can be found.
//
// Succeeded, failed, cancelled and refused are terminal: no arrow leaves them.
package invoker
