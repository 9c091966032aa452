// Package cloudrun is the outbound client of the Cloud Run Jobs API: Google's, or
// that of a runwith engine. It knows three things that a caller must not get
// wrong:
//
//   - A run is never repeated. RunJob takes no request ID, so a second call is a
//     second execution; neither gRPC nor the client library may make one.
//   - What a call came to. [OutcomeOf] is the one table that tells a job that was
//     not started from one of which that is not known.
//   - How an execution ended. [StatusOf] judges by counts and conditions.
//
// Every error of a [Client] is a [runwith.Error] with the canonical code and
// Cloud Run's own message.
package cloudrun
