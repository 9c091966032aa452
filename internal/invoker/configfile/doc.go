// Package configfile reads runwith.yaml: the callers of the invoker, the jobs that they may
// start with which parameters, and the endpoints that receive events.
//
// The types of the file are the only description of it. [Read] fills them and reports every
// fault with its line and column, and [Schema] describes them for editors, both from the
// types' tags. Package policy knows what the jobs mean, and package auth what the callers
// mean.
//
// The package does no I/O: the text of the file, and the secrets that it refers to, are
// handed in.
package configfile
