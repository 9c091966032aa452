package policy

import (
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// formats are the formats of text by name, as JSON Schema defines them.
//
// Deviation: a time must not be a leap second (23:59:60), which few programs accept.
//
// See https://json-schema.org/draft/2020-12/json-schema-validation#section-7.3.
func formats() map[string]func(string) bool {
	return map[string]func(string) bool{
		"date":      func(s string) bool { return timeLike(time.DateOnly, s) },
		"time":      func(s string) bool { return timeLike("15:04:05Z07:00", strings.ToUpper(s)) },
		"date-time": func(s string) bool { return timeLike(time.RFC3339, strings.ToUpper(s)) },
		"duration":  isDuration,
		"email":     isEmail,
		"hostname":  isHostname,
		"ipv4":      func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() },
		"ipv6":      func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() && a.Zone() == "" },
		"uri":       isURI,
		"uuid":      isUUID,
	}
}

// timeLike parses strictly: Go accepts a comma before fractions, and hours of one digit.
func timeLike(layout, s string) bool {
	_, err := time.Parse(layout, s)
	clock := strings.Index(layout, "15")
	return err == nil && !strings.Contains(s, ",") && (clock < 0 || len(s) > clock+2 && s[clock+2] == ':')
}

// isDuration accepts durations of ISO 8601, such as P1DT12H.
func isDuration(s string) bool {
	const form = `^P(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?)$`
	return regexp.MustCompile(form).MatchString(s) && s != "P" && !strings.HasSuffix(s, "T")
}

// isEmail accepts an address alone, without a name and comments.
func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254
}

// isHostname accepts names of RFC 1123.
func isHostname(s string) bool {
	const label = `[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?`
	return len(s) <= 253 && regexp.MustCompile(`^`+label+`(\.`+label+`)*$`).MatchString(s)
}

// isURI accepts absolute URIs in ASCII.
func isURI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.IsAbs() && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r)
	})
}

func isUUID(s string) bool {
	return regexp.MustCompile(`^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`).MatchString(s)
}
