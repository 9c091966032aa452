// Package callback tells endpoints what happened to invocations. It signs events as Standard
// Webhooks, delivers them at least once, and disables endpoints that are gone.
//
// The store writes a delivery in the transaction of the change that it is about. A [Sender]
// takes deliveries from the store under a lease, attempts them, and writes the results back.
// A crash between an attempt and its result repeats the delivery with the same ID.
//
//	          ┌────────────────────────────────────────────┐
//	          ▼                                            │
//	store ─ take ─► lane of each endpoint ─► attempts ─► settle ─► store
//	                                            │
//	                                            └─► health of the endpoint
//
// docs/callbacks.md has the rules for receivers.
package callback
