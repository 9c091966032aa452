// Package ledger decides what happens to invocations. Every decision is a pure
// function from rows to moves: no I/O, no clock, no SQL. A store loads the rows
// under the right lock, asks the ledger, and writes the moves in the same
// transaction. So every store makes the same decisions, and a table can test each
// of them without a database.
//
// An invocation moves like this. Each arrow is one transaction and one
// compare-and-set on the row's version and state. No call to Cloud Run happens
// inside a transaction.
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
//	│          │                                      │ not found, which          │  │
//	│          │ the job refuses the request          │ proves nothing            │ gone
//	│          ▼                                      ▼                           ▼  │
//	│        refused ◄── definitely not ── starting  unresolved ◄─────────────────┘  │
//	│                                                 │  │  └────────────────────────┘
//	└───────────────── resolve: retry ────────────────┘  └── resolve: leave (it stays unresolved)
//
// The edges, which [Leads] reads:
//
//	accepted   -> accepted starting running cancelled refused unresolved
//	queued     -> queued starting running cancelled refused unresolved
//	starting   -> accepted starting running cancelled refused unresolved
//	running    -> running succeeded failed cancelled unresolved
//	unresolved -> accepted running unresolved
//
// Succeeded, failed, cancelled and refused are terminal. So is an unresolved
// invocation that a person has left: it has a finish time, and no arrow leaves it.
//
// One rule explains the others: only the dispatcher that has just moved the row to
// starting calls RunJob, once, and the row is on disk before the call. The call has
// one of four outcomes: started, not started, refused or unknown. After an unknown
// outcome the watcher searches for the execution: every run carries [Marker] with
// the invocation's ID in the environment of one container. It adopts an execution
// that it finds. "Not found" counts only in a complete list that began after the
// call's deadline and the settling delay; then the job is called again. An execution
// that appears even later is a twin: the canceller cancels and counts it, also after
// the invocation has ended.
//
// A move may have an event ([EventOf]), and [Deliveries] for the endpoints that hear of it.
// The store inserts them in the transaction of the move.
//
// [Move.Made] also writes the history of a record ([Record.Steps]): one step for each change of
// the state, with the store's time and what the record had waited for until then. A wait that
// ends without a change of the state, such as that for a budget, is noted for the next step; so
// is a slot, when a store parks the record. Rates and quotas leave no trace in the row, so
// [Plan.Choose] derives them: a bucket has held back a record if it was empty when the record
// was ready. If several things have held back a record, the step names one. The text of a step
// never has the concurrency key, because values of parameters are part of it.
//
// docs/state-machine.md gives the reasons.
package ledger
