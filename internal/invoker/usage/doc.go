// Package usage estimates what tasks use and what that costs: the worst case before a start,
// and what their records show after the end. It has no I/O and no clock.
package usage
