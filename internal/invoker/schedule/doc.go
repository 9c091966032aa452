// Package schedule starts jobs by the clock. Each schedule has slots: the times at which its
// cron line is due. A slot starts its job once, whatever crashes: its time is the key of the
// invocation, and the row of the schedule moves on by compare-and-set after the invocation is
// on disk.
//
//	due slot ──┬─ an invocation of the schedule is unfinished ──► skipped
//	           ├─ the catch-up window has ended ────────────────► missed
//	           ├─ launched, or launched before ─────────────────► started
//	           ├─ refused for good ─────────────────────────────► failed
//	           └─ refused for now: again after a backoff, until the window ends
//
// Only the latest due slot is handled; earlier ones count as missed. So a server that was away
// starts a schedule at most once when it is back.
//
// Of several processes on one store, the one with a lease handles the slots, as its configuration
// says. All of them read the states every second, so that they show and change the same. The lease
// only saves work: if two processes handle a slot, its key and the compare-and-set decide.
package schedule
