// Package jobspec defines Cloud Run jobs: resource names, validation, defaults, and
// the merging of overrides. It works on the messages of runpb and is pure: no I/O, no
// clock, no randomness.
//
// A job that a caller sent passes [ClearOutputOnly], [ValidateJob] and
// [Defaults], in this order. A run passes the stored job's template and the
// request's overrides through [ApplyOverrides].
//
// Every error is a [runwith.Error] with INVALID_ARGUMENT. The errors of [ValidateJob]
// and [ApplyOverrides] name all violations at once, each with its path in the proto's
// spelling, as Cloud Run does:
//
//	template.template.containers[0].env[5].value: length cannot exceed 32768
//
// Values of environment variables and arguments never appear in an error.
//
// Limits and rules come from Cloud Run's documentation and from the comments in runpb.
// If neither mentions a rule, the job is accepted.
//
// See https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2.
package jobspec
