package logfilter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith/internal/engine/logfilter"
)

// The tests of this file follow the sections of
// https://cloud.google.com/logging/docs/view/logging-query-language.

func TestTimesInEveryForm(t *testing.T) {
	t.Parallel()
	e := textEntry()
	e.Timestamp = timestamppb.New(time.Date(2026, 11, 27, 6, 54, 0, 0, time.UTC))
	for _, text := range []string{
		"2026-11-27T06:54:00Z", "2026-11-27t06:54:00z", "2026-11-27T06:54:00.000000000Z", "2026-11-27T06:54:00,0Z",
		"2026-11-27T06:54:00+00:00", "2026-11-27T06:54:00-00:00", "2026-11-27T06:54:00.000000+0000", "2026-11-27T06:54:00+00",
		"2026-11-27T08:54:00+02:00", "2026-11-27T08:54:00.0+0200", "2026-11-26T23:54:00-07", "2026-11-27T12:24:00+05:30",
		"2026-11-27T06:54:00", "2026-11-27T06:54", "2026-11-27T06:54Z", "2026-11-27T08:54+0200",
		"20261127T065400Z", "20261127T065400.000Z", "20261127T0654", "20261127T085400+0200",
	} {
		if filter := fmt.Sprintf("timestamp = %q", text); !match(t, filter, e) {
			t.Errorf("%s: Match() = false, want true at 06:54 UTC", filter)
		}
	}
	for text, want := range map[string]string{
		"2026-11-27": "2026-11-27T00:00:00Z", "20261127": "2026-11-27T00:00:00Z", "2026-11-27T06": "2026-11-27T06:00:00Z",
		"2026-11-27T06:54:21.602584+0000": "2026-11-27T06:54:21.602584Z", "2026-11-27T06:54:21.123456789Z": "2026-11-27T06:54:21.123456789Z",
	} {
		e.Timestamp, _ = parse(want)
		if filter := fmt.Sprintf("timestamp = %q", text); !match(t, filter, e) {
			t.Errorf("%s: Match() = false, want true at %s", filter, want)
		}
	}
	refused(t, "timestamp >= %s", "is no time in RFC 3339 or ISO 8601",
		"today", "2026-11-27 06:54:00Z", "2026-11-27T06:54:00+0", "2026-11-27T25:00:00Z", "2026-11-31", "2026-11", "06:54", "1795762440", "")
}

func parse(text string) (*timestamppb.Timestamp, error) {
	at, err := time.Parse(time.RFC3339, text)
	return timestamppb.New(at), err
}

// refused requires that a filter with each of the values is refused with a reason.
func refused(t *testing.T, filter, reason string, values ...string) {
	t.Helper()
	for _, value := range values {
		text := fmt.Sprintf(filter, fmt.Sprintf("%q", value))
		if _, err := logfilter.Parse(text); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("Parse(%s) = %v, want an error with %q", text, err, reason)
		}
	}
}

func TestDurationsInEveryUnit(t *testing.T) {
	t.Parallel()
	e := jsonEntry(t) // latency: 1.5s
	for _, text := range []string{"1.5s", "+1.5s", "1500ms", "1500000us", "1500000000ns", "0.025m", "1.500s", "1.5S"} {
		if filter := "httpRequest.latency = " + text; !match(t, filter, e) {
			t.Errorf("%s: Match() = false, want true", filter)
		}
	}
	for filter, want := range map[string]bool{
		`httpRequest.latency > "999ms"`: true, `httpRequest.latency > -1s`: true, `httpRequest.latency < 0.0005h`: true,
		`httpRequest.latency < .5s`: false, `httpRequest.latency < 99999999h`: true, `httpRequest.latency > -99999999999999999999h`: true,
		`httpRequest.latency >= 1.500000001s`: false, `httpRequest.latency:1500ms`: true,
	} {
		if got := match(t, filter, e); got != want {
			t.Errorf("%s: Match() = %v, want %v", filter, got, want)
		}
	}
	refused(t, "httpRequest.latency > %s", "is no duration, such as 1.5s",
		"soon", "1", "1.5", "s", "1 s", "1h30m", "1e3s", "1d", "1µs", "0x1s", "1/2s", "1_0s", "--1s", "+s", ".s", "")
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	e := jsonEntry(t) // count: 7.5, status: 503
	for filter, want := range map[string]bool{
		`jsonPayload.count = 7.5`: true, `jsonPayload.count = +7.5`: true, `jsonPayload.count = "75e-1"`: true, `jsonPayload.count = .75E1`: true,
		`jsonPayload.count > "-3.2e-8"`: true, `jsonPayload.count < infinity`: true, `jsonPayload.count > "-Infinity"`: true,
		`jsonPayload.count >= Infinity`: false, `jsonPayload.count = nan`: false, `jsonPayload.count < NaN`: false, `jsonPayload.count > NaN`: false,
		`jsonPayload.count != "NaN"`: true, `jsonPayload.count = 0x1.ep2`: false, `jsonPayload.count > inf`: false, `jsonPayload.count != 1e999`: false,
		`jsonPayload.count:7.5`: true, `jsonPayload.count:7`: false,
		`httpRequest.status = 503`: true, `httpRequest.status = +503`: true, `httpRequest.status > -1`: true, `httpRequest.status <= 2147483647`: true,
		`httpRequest.requestSize < "9223372036854775807"`: true, `sourceLocation.line = 0`: true,
	} {
		if got := match(t, filter, e); got != want {
			t.Errorf("%s: Match() = %v, want %v", filter, got, want)
		}
	}
	refused(t, "httpRequest.status = %s", "is no whole number of 32 bits", "503.0", "5e2", "0x1f7", "2147483648", "NaN", "")
	refused(t, "httpRequest.requestSize = %s", "is no whole number of 64 bits", "9223372036854775808", "1_000")

	e.HttpRequest.RequestSize = 1<<53 + 1
	if filter := "httpRequest.requestSize > 9007199254740992"; !match(t, filter, e) {
		t.Errorf("%s: Match() = false, want true of the next larger number", filter)
	}
}

func TestBooleansAndSeverities(t *testing.T) {
	t.Parallel()
	e := jsonEntry(t) // traceSampled, and severity ERROR
	for filter, want := range map[string]bool{
		`traceSampled = "True"`: true, `traceSampled = TRUE`: true, `traceSampled > false`: true, `traceSampled <= False`: false,
		`traceSampled:true`: true, `NOT traceSampled = true`: false,
		`severity = error`: true, `severity = "Error"`: true, `severity >= warning`: true, `severity != ("INFO" OR "DEBUG")`: true,
		`severity > (INFO AND WARNING)`: true, `severity <= (INFO OR CRITICAL)`: true, `severity > 499`: true, `severity:error`: true,
	} {
		if got := match(t, filter, e); got != want {
			t.Errorf("%s: Match() = %v, want %v", filter, got, want)
		}
	}
}

func TestTextIsNormalized(t *testing.T) {
	t.Parallel()
	for text, filters := range map[string][]string{
		"Straße":                 {"STRASSE", "straße", "STRAẞE"},
		"café":                   {"CAFE\u0301", "cafe\u0301", "\"CAF\\u00c9\""},
		"\uff23\uff41\uff54":     {"cat"}, // full width
		"\ufb01ne print":         {`"Fine Print"`},
		"ΟΔΟΣ":                   {"οδος", "οδοσ"},
		"soft\u00adhy\u200bphen": {"softhyphen"},
		"300 K\u2126":            {`"300 kω"`},
		"हिन्दी":                 {"हिन्दी"},
	} {
		e := textEntry()
		e.Payload = &loggingpb.LogEntry_TextPayload{TextPayload: text}
		for _, filter := range filters {
			for _, form := range []string{filter, "textPayload:" + filter, "textPayload = " + filter, "NOT textPayload != " + filter} {
				if !match(t, form, e) {
					t.Errorf("%s: Match() = false, want true of %q", form, text)
				}
			}
		}
		if folded := strings.ToUpper(text); folded != text && match(t, `textPayload =~ "`+folded+`"`, e) {
			t.Errorf("a regular expression ignored the case of %q", text)
		}
	}
}

func TestTextWithoutQuotes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a-b", "a_b", "a/b", "a%2Fb", "#7", "[error]", "{x}", "a&b;c?", "$1", "a|b^c", "wow!", "`x`", "a@b.c", "1.5", "é", "日本"} {
		e := textEntry()
		e.Payload = &loggingpb.LogEntry_TextPayload{TextPayload: "so " + text + " it is"}
		for _, filter := range []string{text, "textPayload:" + text, "textPayload:(" + text + ")", "textPayload:" + text + " -- comment"} {
			if !match(t, filter, e) {
				t.Errorf("%s: Match() = false, want true of %q", filter, text)
			}
		}
	}
	for _, c := range "~=:><,*" {
		if _, err := logfilter.Parse(fmt.Sprintf("insertId=a%cb", c)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("a value with %c stands between quotes", c)) {
			t.Errorf("Parse() of a value with %c without quotes = %v, want an error that asks for quotes", c, err)
		}
	}
}

func TestArraysAndSeveralValues(t *testing.T) {
	t.Parallel()
	payload, err := structpb.NewStruct(map[string]any{"shoeSize": []any{8.5, 9.0, 6.0}, "animal": "a nice pet", ":name": "apple", "foo.bar": "apple", `"foo"`: "apple"})
	if err != nil {
		t.Fatal(err)
	}
	e := textEntry()
	e.Payload = &loggingpb.LogEntry_JsonPayload{JsonPayload: payload}
	for filter, want := range map[string]bool{
		`jsonPayload.shoeSize < 7`: true, `jsonPayload.shoeSize > 9`: false, `jsonPayload.shoeSize != 9`: true, `jsonPayload.shoeSize:*`: true,
		`jsonPayload.animal : ("nice" AND "pet")`: true, `jsonPayload.animal = ("nice" OR "pet")`: false, `jsonPayload.animal: (nice -rude)`: true,
		`jsonPayload.animal =~ ("^nice" OR "pet$")`: true, `jsonPayload.animal !~ ("^a" AND "x")`: false,
		`jsonPayload.":name":apple`: true, `jsonPayload."foo.bar":apple`: true, `jsonPayload."\"foo\"":apple`: true, `jsonPayload.foo.bar:apple`: false,
	} {
		if got := match(t, filter, e); got != want {
			t.Errorf("%s: Match() = %v, want %v", filter, got, want)
		}
	}
}

func TestFunctionsAreRefusedByName(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]string{
		`SEARCH("hello world")`:               "position 1: the function SEARCH is not supported here, only log_id is",
		`search(textPayload, "hello")`:        "position 1: the function SEARCH is not supported here, only log_id is",
		`a sample(insertId, 0.25)`:            "position 3: the function sample is not supported here, only log_id is",
		`ip_in_net(jsonPayload.ip, "10.1/8")`: "position 1: the function ip_in_net is not supported here, only log_id is",
		`source(projects/demo)`:               "position 1: the function source is not supported here, only log_id is",
		`CAST(REGEXP_EXTRACT(CAST(timestamp, STRING), "\\d+:(\\d+)"), INT64) < 500`: "position 1: the function cast is not supported here, only log_id is",
		`timestamp > cast(insertId, TIMESTAMP)`:                                     "position 13: the function cast is not supported here, only log_id is",
		`NOT regexp_extract(insertId, "(a)") = a`:                                   "position 5: the function regexp_extract is not supported here, only log_id is",
		`now() > 1`: "position 1: the query language has no function now; a text with a parenthesis stands between quotes",
	} {
		if _, err := logfilter.Parse(filter); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("Parse(%s) = %v, want %s", filter, err, want)
		}
	}
	for _, filter := range []string{`log_id("run.googleapis.com/stdout")`, `LOG_ID( 'run.googleapis.com/stdout' )`, `log_id(run.googleapis.com/stdout)`} {
		if !match(t, filter, textEntry()) {
			t.Errorf("%s: Match() = false, want true", filter)
		}
	}
}

func TestEveryFieldOfLogEntry(t *testing.T) {
	t.Parallel()
	e := jsonEntry(t)
	for _, path := range append(leaves((&loggingpb.LogEntry{}).ProtoReflect().Descriptor(), ""), "metadata.systemLabels.name", "metadata.userLabels.\"a.b\"",
		"errorGroups.id", "apphub.application.id", "apphubSource.service.id", "apphubDestination.workload.id", "otel.x", "protoPayload.\"@type\"", "protoPayload.methodName") {
		for _, filter := range []string{path + ":*", path + ` = "1"`, path + ` != "1"`, path + ` < "1"`, path + ` =~ "1"`, path + ` : "x"`} {
			if f, err := logfilter.Parse(filter); err == nil {
				f.Match(e) // must not panic
				match(t, filter, textEntry())
			} else if !slices.ContainsFunc([]string{"is no ", "cannot be compared with"}, func(reason string) bool { return strings.Contains(err.Error(), reason) }) {
				t.Errorf("Parse(%s) = %v, want a filter", filter, err)
			}
		}
	}
	if match(t, `metadata.userLabels.team != x OR metadata:* OR errorGroups:*`, e) {
		t.Error("a comparison with a field that no entry has = true, want false")
	}
}

// leaves returns the paths of all fields of a message.
func leaves(message protoreflect.MessageDescriptor, prefix string) (paths []string) {
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		path := prefix + field.JSONName()
		paths = append(paths, path)
		if m := field.Message(); m != nil && !field.IsMap() && m.ParentFile().Package() != "google.protobuf" {
			paths = append(paths, leaves(m, path+".")...)
		}
	}
	return paths
}
