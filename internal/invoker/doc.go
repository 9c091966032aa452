// Package invoker starts Cloud Run jobs durably and exactly once. What it has accepted
// is on disk, is started in one execution, and is watched to its end. It reaches Cloud
// Run through the interface [CloudRun] alone, which package cloudrun implements, and
// its rows through [store.Store]. Package ledger makes all decisions about rows, and
// draws the states and edges.
//
// An [Invoker] has ten parts. Each runs in its own goroutine, except accept, which runs
// in those of the callers. They hand work to each other through the store: a part writes
// the row first and then notifies the next part ([handover]), which reads its work from
// the store. So a notification may come late or twice, and a crash loses no work.
//
//	                   Invoke
//	                     │
//	unchecked row        ▼            row
//	  ┌────────────── accept ──────────────────┐
//	  ▼                                        ▼         RunJob
//	check ────── checked row ────────────► dispatch ─────────────► Cloud Run
//	                                       ▲   │  │
//	        row is back, slot is free      │   │  └─ twin ──────────────────────┐
//	  ┌────────────────────────────────────┘   │ running, or outcome unknown     │
//	  │                                        ▼                                 ▼
//	  └──────────────────────────────────── watch ── twin, cancel requested ─► cancel
//	                                        ▲   ▲                                │ ▲
//	rebuild ── executions it found ─────────┘   └─────── look at the job ────────┘ │
//	                                                                        Cancel, replace
//
// These are the parts:
//
//   - accept (accept.go, request.go) validates a request and puts it on disk. It asks
//     rebuild whether all keys are known, reports bursts to dispatch, and asks dispatch when
//     a paused queue continues.
//   - check (check.go) validates what accept could not, because the job could not be read.
//   - dispatch (dispatch.go, start.go, calls.go) takes due rows and calls RunJob. It
//     alone knows which calls are in flight; watch and [Invoker.Tick] ask it.
//   - watch (watch.go, round.go, search.go, watchlist.go) reads executions, one poller a
//     job: it adopts, observes, searches, and finds twins. If several processes share the
//     store, the one with the job's lease polls it (package lease), and looks every second
//     for rows of the others.
//   - await (await.go) sends requests that Cloud Run holds until an execution ends, so that
//     the invoker knows the end at once. watch polls the other executions.
//   - explain (explain.go) finds out why executions failed. It does so before watch and
//     await write the end down, if there is time, and otherwise afterwards.
//   - cancel (cancel.go) asks Cloud Run to cancel executions, twins among them.
//   - rebuild (rebuild.go) fills an empty or restored store at the start.
//   - price (pricing.go) estimates what ended invocations have used and cost.
//   - keep (keep.go) removes old invocations.
//
// docs/state-machine.md gives the reasons for the rules.
package invoker
