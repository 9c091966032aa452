// Package conformance holds tests alone: Google's own clients, each in a process or
// a library of its own, against a whole engine with real processes. What they are
// answered is held to Google's discovery documents on the way.
package conformance
