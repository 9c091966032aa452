package console

import (
	"fmt"
	"strings"
)

// Hint describes the values that the parameter takes.
func (p parameterField) Hint() string {
	var all []string
	add := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	add(p.Type == "integer" && p.Enum == nil, "whole number")
	add(p.Type == "number" && p.Enum == nil, "number")
	add(p.Minimum != "", "at least %s", p.Minimum)
	add(p.ExclusiveMinimum != "", "more than %s", p.ExclusiveMinimum)
	add(p.Maximum != "", "at most %s", p.Maximum)
	add(p.ExclusiveMaximum != "", "less than %s", p.ExclusiveMaximum)
	add(p.MultipleOf != "", "a multiple of %s", p.MultipleOf)
	add(p.Format != "", "%s", formatHint(p.Format))
	add(p.MinLength > 0, "at least %d characters", p.MinLength)
	add(p.MaxLength != nil && *p.MaxLength < manyCharacters, "at most %d characters", longest(p.MaxLength))
	add(p.Default != nil && p.Choices() == nil, "default %s", textOf(p.Default))
	add(!p.Required && p.Default == nil && !p.Gone && p.Choices() == nil, "optional")
	return strings.Join(all, ", ")
}

// manyCharacters is a limit that needs no mention.
const manyCharacters = 4096

func longest(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// formatHint describes a format of text.
func formatHint(format string) string {
	examples := map[string]string{
		"date": "date, such as 2026-12-01", "time": "time, such as 02:00:00Z", "date-time": "date and time, such as 2026-12-01T02:00:00Z",
		"duration": "duration, such as P1DT12H", "email": "address of e-mail", "hostname": "name of a host", "ipv4": "IPv4 address",
		"ipv6": "IPv6 address", "uri": "URI, such as https://example.com/a", "uuid": "UUID",
	}
	if example := examples[format]; example != "" {
		return example
	}
	return "format " + format
}
