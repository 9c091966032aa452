// Package cloudrun is the client of the Cloud Run Jobs API: Google's, or that of a runwith
// engine. It settles three things that callers could get wrong:
//
//   - A run is never repeated. RunJob takes no request ID, so a second call is a second
//     execution; neither gRPC nor the client library may make one.
//   - The outcome of a call. [OutcomeOf] is the one table that separates a job that was not
//     started from an unknown outcome.
//   - The end of an execution. [StatusOf] reads its counts and conditions.
//
// Every error of a [Client] is a [runwith.Error] with the canonical code and
// Cloud Run's own message.
package cloudrun
