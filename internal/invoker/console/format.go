package console

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/runwith/runwith"
)

// functions are what templates call.
func functions() template.FuncMap {
	return template.FuncMap{
		"at":       at,
		"duration": duration,
		"took":     took,
		"short":    short,
		"span":     span,
		"usd":      usd,
		"amount":   amount,
		"count":    count,
		"join":     strings.Join,
		"settled":  runwith.State.Settled,
		"dict":     dict,
		"streams":  func() []string { return []string{"stdout", "stderr"} },
		"states":   deliveryStates,
		"ended":    ended,
		"visible":  visible,
		"brief":    brief,
		"plural":   plural,
	}
}

// timeText is how pages show a time without the module, which makes it relative.
const timeText = "2 Jan 2006 15:04:05 UTC"

// at returns an element with a time. The module shows it relative to now, and the exact time
// on hover.
func at(t time.Time) template.HTML {
	if t.IsZero() {
		return `<span class="muted">–</span>`
	}
	t = t.UTC()
	exact := t.Format(timeText)
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s" data-ago>%s</time>`, t.Format(time.RFC3339Nano), exact, exact))
}

// took returns an element with the time between two times. Without an end it runs: the module
// counts on.
func took(from, to time.Time) template.HTML {
	switch {
	case from.IsZero():
		return `<span class="muted">–</span>`
	case to.IsZero():
		return template.HTML(fmt.Sprintf(`<time datetime="%s" data-since>since %s</time>`, from.UTC().Format(time.RFC3339Nano), from.UTC().Format(timeText)))
	}
	return template.HTML(template.HTMLEscapeString(duration(to.Sub(from))))
}

// duration returns a duration in at most two units, such as 1h 5m.
func duration(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d m %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d m", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// span returns a duration of the API, such as 1h0m0s, without its zero units: 1h. Other text stays.
func span(text string) string {
	d, err := time.ParseDuration(text)
	if err != nil {
		return text
	}
	text = d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// short returns the part of an ID that tells it from others of the same time.
func short(id string) string {
	if len(id) <= 8 {
		return id
	}
	return id[len(id)-8:]
}

// usd returns an amount of US dollars. Small amounts have more digits.
func usd(amount float64) string {
	switch {
	case amount == 0:
		return "$0"
	case amount < 0.01:
		return fmt.Sprintf("$%.6f", amount)
	case amount < 1:
		return fmt.Sprintf("$%.4f", amount)
	}
	return fmt.Sprintf("$%.2f", amount)
}

// amount returns a number without a needless fraction.
func amount(n float64) string {
	switch {
	case n == float64(int64(n)):
		return count(int64(n))
	case n < 10:
		return fmt.Sprintf("%.3g", n)
	}
	return fmt.Sprintf("%.1f", n)
}

// count returns a whole number in groups of three digits, which stay together in a line.
func count(n any) string {
	text := fmt.Sprint(n)
	digits := strings.TrimPrefix(text, "-")
	var out strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteString("\u202f")
		}
		out.WriteRune(d)
	}
	return text[:len(text)-len(digits)] + out.String()
}

// dict returns the names and values of a template's arguments as a map.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: %d arguments, want pairs of name and value", len(pairs))
	}
	all := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: argument %d is a %T, want a name", i, pairs[i])
		}
		all[name] = pairs[i+1]
	}
	return all, nil
}
