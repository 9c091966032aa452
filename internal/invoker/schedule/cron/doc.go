// Package cron reads cron lines and computes when they are due. A line has five fields, or is
// a macro such as @daily:
//
//	minute  hour  day of month  month    day of week
//	0-59    0-23  1-31          1-12     0-7 (0 and 7 are Sunday)
//	                            JAN-DEC  SUN-SAT
//
// A field is a list of values, ranges and steps: *, 5, 1-5, */15, 10-50/10, 1,15. If both day
// fields are limited, a day needs to match one of them; if one of them begins with *, a day
// needs to match both.
//
// Lines are read in the wall time of a zone. When the clocks of the zone change, three rules
// apply:
//
//   - Every hour (the hour field is *): the line follows the elapsed time. It is due in both
//     passes of a repeated hour, and nothing is made up for a skipped one.
//   - Every few minutes (the minute field begins with *, the hours are limited): it is due in
//     both passes of a repeated hour.
//   - All other lines name wall times. Each is due once, in the first pass.
//
// If a wall time of the last two is skipped, the line is due once at the first moment after the
// gap. Several skipped ones are due together.
package cron
