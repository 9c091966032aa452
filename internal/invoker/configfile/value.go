package configfile

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// List is one value, or a list of them.
type List[T any] []T

// oneOrMany marks lists that a single value can stand for.
type oneOrMany interface{ oneOrMany() }

func (List[T]) oneOrMany() {}

// shortened is a struct that may also be one value in the file: text, a number as it is
// written, or a boolean.
type shortened interface{ short(value any) }

// text is a value that is text in the file.
type text interface {
	parse(text string) error
	// pattern is a regular expression for the text, for the schema.
	pattern() string
}

// Duration is text such as 90s, 1h30m or 720h.
type Duration time.Duration

func (d *Duration) parse(text string) error {
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed <= 0 {
		return errors.New("must be a time such as 90s, 1h30m or 720h")
	}
	*d = Duration(parsed)
	return nil
}

func (*Duration) pattern() string { return `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$` }

// Rate is how often something may be done in a minute, as text such as 60/min; 0 is
// unlimited.
type Rate int

func (r *Rate) parse(text string) error {
	count, ok := strings.CutSuffix(text, "/min")
	n, err := strconv.Atoi(count)
	if !ok || err != nil || n < 1 || n > 1_000_000 || strings.HasPrefix(count, "+") {
		return errors.New("must be a number of times a minute, such as 60/min")
	}
	*r = Rate(n)
	return nil
}

func (*Rate) pattern() string { return `^[0-9]{1,7}/min$` }

// Size is the size of a request's body, as text such as 64KiB; 0 is the default. The guard
// takes no larger one than 1 MiB.
type Size int

func (s *Size) parse(text string) (err error) {
	*s, err = sizeOf[Size](text, 1<<20, "1MiB")
	return err
}

func (*Size) pattern() string { return sizePattern }

// EventSize is the size of an event's body, as text such as 64KiB; 0 is the default.
type EventSize int

func (s *EventSize) parse(text string) (err error) {
	*s, err = sizeOf[EventSize](text, MaxEvent, "16MiB")
	return err
}

func (*EventSize) pattern() string { return sizePattern }

const sizePattern = `^[0-9]+(B|KiB|MiB)$`

// sizeOf reads a number of bytes.
func sizeOf[T ~int](text string, most int, named string) (T, error) {
	number, unit := strings.TrimRight(text, "KMiB"), 0
	switch text[len(number):] {
	case "B":
		unit = 1
	case "KiB":
		unit = 1 << 10
	case "MiB":
		unit = 1 << 20
	}
	n, err := strconv.Atoi(number)
	if err != nil || unit == 0 || n < 1 || n > most/unit || strings.HasPrefix(number, "+") {
		return 0, errors.New("must be a size such as 64KiB, at most " + named)
	}
	return T(n * unit), nil
}

// Time is a date or a time; zero is none.
type Time struct{ time.Time }

func (t *Time) parse(text string) error {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	if err != nil || at.IsZero() {
		return errors.New("must be a date such as 2027-06-30, or a time such as 2027-06-30T12:00:00Z")
	}
	t.Time = at.UTC()
	return nil
}

func (*Time) pattern() string { return `^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?$` }
