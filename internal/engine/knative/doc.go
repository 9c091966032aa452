// Package knative has the objects of Cloud Run's v1 API, which follow Knative: jobs,
// executions and tasks as gcloud sends and reads them. It translates them from and to the
// v2 messages that the engine stores. It is pure: no I/O, no clock.
//
// [Unmarshal] parses a request. It knows every field of Google's discovery document and
// refuses all others with their path. [Job.V2] translates to v2; [FromJob],
// [FromExecution] and [FromTask] translate from v2.
//
// Both directions lose nothing. Where v2 has a field and v1 an annotation
// (run.googleapis.com/execution-environment), the translation sets the field. Data
// without a v2 field is one of:
//
//   - Refused: the field's tag gives the reason. An empty value is accepted.
//   - Kept: as an annotation of the v2 message in its own namespace
//     (v1.runwith/client-name), which v2's callers may keep or remove. v2 itself refuses
//     annotations in Google's namespaces.
//   - Set by the server (run.googleapis.com/creator, cloud.googleapis.com/location):
//     ignored on input, like v2's output-only fields, and set again on output.
//
// Data without a v1 field becomes an annotation that Cloud Run uses for other resources
// (run.googleapis.com/base-images), or a form that gcloud reads (a Cloud SQL volume is a
// volume of the driver cloudsql.run.googleapis.com).
//
// Errors are [runwith.Error] values with INVALID_ARGUMENT. They name all violations at
// once, each with its path in v1's spelling; see [jobspec.ViolationsOf]. [Path] converts
// v2's paths to v1's spelling.
//
// See https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs.
package knative
