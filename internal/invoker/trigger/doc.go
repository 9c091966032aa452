// Package trigger turns events of other systems into starts of jobs.
//
// A request of a trigger passes these steps; each may end it:
//
//	authenticate    caller.go     401 or 404, never recorded
//	read            body.go       bounded, for all requests together
//	verify          signature.go  of webhooks
//	decode          pubsub.go, cloudevent.go, scheduler.go, tasks.go, webhook.go
//	compare         condition.go  another event: acknowledged and ignored
//	map             mapping.go    parameters, and the key in identity.go
//	start           launch.go     the same accept as a caller's request, with the event's key
//	answer          answer.go     each outcome has one status
//
// The key of an event is its identity at the source, and lives longer than the source
// repeats it. So an event starts its job once, however often it arrives.
//
// A failure that a repetition cannot change is permanent. It is stored as a refused event and
// acknowledged: otherwise the source would send the event again for a week. Every other
// failure is answered with a status after which the source tries again.
//
// Decoding takes nothing from headers but what a type defines, because other people may choose
// them: Pub/Sub writes a message's attributes into bare headers. Logs have no values of events.
package trigger
