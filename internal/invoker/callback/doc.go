// Package callback delivers events of invocations to endpoints, at least once. It signs them
// as Standard Webhooks, and disables endpoints that are gone.
//
// The store inserts deliveries in the transaction of the change that they report. A [Sender]
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
