// Package policy decides what a caller may do, and computes the terms of a request.
//
// A [Policy] is compiled from the configuration file once, and answers two questions without
// I/O: whether a caller has a verb on a job ([Policy.Allows]), and under which terms a
// request is accepted ([Policy.Terms]). Parameters are checked against their schema and then
// filled into finished arguments and variables. The result is never parsed again, so no
// value can become a second argument or an option.
package policy
