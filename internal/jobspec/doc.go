// Package jobspec says what a Cloud Run job is: how its resources are named,
// what a caller may set, what is filled in where nothing is set, and what a run
// with overrides makes of it. It works on the messages of runpb and is pure: no I/O,
// no clock, no randomness.
//
// A job that a caller sent passes [ClearOutputOnly], [ValidateJob] and
// [Defaults], in this order. A run passes the stored job's template and the
// request's overrides through [ApplyOverrides].
//
// Every error is a [runwith.Error] with INVALID_ARGUMENT. Those of [ValidateJob]
// and [ApplyOverrides] name all faults at once, each with its path in the proto's
// own spelling, as Cloud Run does:
//
//	template.template.containers[0].env[5].value: length cannot exceed 32768
//
// Values of environment variables and arguments never appear in an error.
//
// Limits and rules are those of Cloud Run's documentation and of the comments in
// runpb. Where neither says what Cloud Run does, the job is accepted.
//
// See https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2.
package jobspec
