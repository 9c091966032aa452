// Package knative is Cloud Run's v1 API, which has the shape of Knative's objects:
// jobs, executions and tasks as gcloud sends and reads them, and their translation
// from and to the v2 messages that the engine stores. It is pure: no I/O, no clock.
//
// What a caller sent passes [Unmarshal], which knows every field of Google's
// discovery document and refuses all others by their path. [Job.V2] makes the v2
// message of it, [FromJob], [FromExecution] and [FromTask] go the other way.
//
// Both ways lose nothing. Where v2 has a field for what v1 keeps in an annotation
// (run.googleapis.com/execution-environment), that field is set. What v1 alone knows
// is one of three:
//
//   - Refused: the field's tag says why. An empty value is accepted.
//   - Kept: it is an annotation of the v2 message in a namespace of its own
//     (v1.runwith/client-name), which v2's callers see, keep, or leave out. v2
//     itself refuses annotations in Google's namespaces.
//   - The server's (run.googleapis.com/creator, cloud.googleapis.com/location): it
//     is ignored on input, as v2's output-only fields are, and made anew on output.
//
// What v2 alone knows becomes an annotation that Cloud Run has for other resources
// (run.googleapis.com/base-images), or a form that gcloud reads (a Cloud SQL volume
// is one of the driver cloudsql.run.googleapis.com).
//
// Errors are [runwith.Error] values with INVALID_ARGUMENT that name all faults at
// once, each with its path as v1 spells it; see [jobspec.ViolationsOf]. [Path] spells the
// paths of v2 so.
//
// See https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs.
package knative
