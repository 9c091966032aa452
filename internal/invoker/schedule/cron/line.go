package cron

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Line is a cron line. It is immutable. The zero value is never due.
type Line struct {
	minutes, hours, days, months, weekdays set
	// either means that a day needs to match one of days and weekdays, and not both.
	either bool
	// hourly and repeats decide about changes of the clocks: see the package documentation.
	hourly, repeats bool
}

var macros = map[string]string{
	"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
	"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}

// maxLine bounds the length of a line, in bytes.
const maxLine = 500

// Parse reads a line. The error names the mistake and the correct form.
func Parse(text string) (Line, error) {
	if len(text) > maxLine {
		return Line{}, fmt.Errorf("is longer than %d bytes", maxLine)
	}
	if strings.HasPrefix(text, "@") {
		expanded, known := macros[text]
		if !known {
			return Line{}, macroError(text)
		}
		text = expanded
	}
	parts := strings.Fields(text)
	if len(parts) != len(fields) {
		return Line{}, countError(len(parts))
	}
	var sets [len(fields)]set
	var faults []error
	for i, part := range parts {
		var err error
		sets[i], err = fields[i].parse(part)
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return Line{}, err
	}
	l := newLine(sets, parts)
	if l.nextDay(first(2000, time.January)).IsZero() {
		return Line{}, errors.New("no day of any year matches it, so it would never be due")
	}
	return l, nil
}

func newLine(sets [len(fields)]set, parts []string) Line {
	star := func(i int) bool { return strings.HasPrefix(parts[i], "*") }
	l := Line{
		minutes: sets[0], hours: sets[1], days: sets[2], months: sets[3], weekdays: sets[4]&0x7f | sets[4]>>7,
		either: !star(2) && !star(4),
	}
	l.hourly = l.hours == 1<<24-1
	l.repeats = l.hourly || star(0)
	return l
}

func macroError(text string) error {
	switch name, _, _ := strings.Cut(text, " "); name {
	case "@reboot":
		return errors.New("@reboot is not supported: a schedule does not depend on when the server starts")
	case "@every":
		return errors.New("@every is not supported: write a pattern such as */15 * * * *, which does not depend on when the server starts")
	}
	return fmt.Errorf("%.40q is not a macro: use @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually or five fields", text)
}

func countError(n int) error {
	if n == 6 || n == 7 {
		return fmt.Errorf("has %d fields and must have five (minute, hour, day of month, month, day of week): seconds and years are not supported", n)
	}
	return fmt.Errorf("has %d fields and must have five (minute, hour, day of month, month, day of week), such as 0 2 * * *", n)
}
