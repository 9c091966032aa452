// Package conformance contains only tests. They run Google's own clients, as processes or
// libraries, against a whole engine with real processes, and compare every answer with
// Google's discovery documents.
package conformance
