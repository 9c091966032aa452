package logfilter_test

import (
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/genproto/googleapis/api/monitoredres"
	logtype "google.golang.org/genproto/googleapis/logging/type"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/logfilter"
)

// textEntry is the entry of a text, and jsonEntry that of a structure.
func textEntry() *loggingpb.LogEntry {
	return &loggingpb.LogEntry{
		LogName:  "projects/demo/logs/run.googleapis.com%2Fstdout",
		InsertId: "abc-1",
		Resource: &monitoredres.MonitoredResource{
			Type:   "cloud_run_job",
			Labels: map[string]string{"project_id": "demo", "location": "us-east4", "job_name": "hello"},
		},
		Labels: map[string]string{
			"run.googleapis.com/execution_name": "hello-abcde", "run.googleapis.com/task_index": "3", "team": "Blue",
		},
		Timestamp:        timestamppb.New(time.Date(2026, 3, 1, 10, 0, 0, 5e8, time.UTC)),
		ReceiveTimestamp: timestamppb.New(time.Date(2026, 3, 1, 10, 0, 1, 0, time.UTC)),
		Payload:          &loggingpb.LogEntry_TextPayload{TextPayload: `The Cat said "hi" to café 42\n`},
	}
}

func jsonEntry(t *testing.T) *loggingpb.LogEntry {
	t.Helper()
	payload, err := structpb.NewStruct(map[string]any{
		"message": "it broke", "count": 7.5, "big": "120", "ok": true, "nothing": nil,
		"a b": map[string]any{"c.d": "deep"}, "list": []any{"one", "Two", 3.0},
		"steps": []any{map[string]any{"id": "s1", "ms": 10.0}, map[string]any{"id": "s2", "ms": 20.0}},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := textEntry()
	e.LogName = "projects/demo/logs/run.googleapis.com%2Fstderr"
	e.Severity = logtype.LogSeverity_ERROR
	e.Payload = &loggingpb.LogEntry_JsonPayload{JsonPayload: payload}
	e.HttpRequest = &logtype.HttpRequest{Status: 503, Latency: durationpb.New(1500 * time.Millisecond)}
	e.TraceSampled = true
	return e
}

func match(t *testing.T, filter string, e *loggingpb.LogEntry) bool {
	t.Helper()
	f, err := logfilter.Parse(filter)
	if err != nil {
		t.Errorf("Parse(%q) = %v", filter, err)
		return false
	}
	got := f.Match(e)
	again, err := logfilter.Parse(f.String())
	if err != nil || again.String() != f.String() || again.Match(e) != got {
		t.Errorf("Parse(%q) prints as %s, which is %v, %v", filter, f, again, err)
	}
	return got
}

func TestFiltersOfText(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]bool{
		"":                   true,
		" \n -- a comment":   true,
		"-- one\n-- another": true,

		// Equality ignores case, and texts need no quotes.
		`resource.type = cloud_run_job`:                                true,
		`resource.type="CLOUD_RUN_JOB"`:                                true,
		`resource.type="gce_instance"`:                                 false,
		`RESOURCE.TYPE=cloud_run_job`:                                  true,
		`resource.labels.job_name = hello`:                             true,
		`resource.labels."job_name" = hello`:                           true,
		`labels."run.googleapis.com/execution_name" = hello-abcde`:     true,
		`labels.run.googleapis.com/execution_name = hello-abcde`:       true,
		`labels.team = blue`:                                           true,
		`labels.TEAM = blue`:                                           false, // keys do not ignore case
		`logName=projects/demo/logs/run.googleapis.com%2Fstdout`:       true,
		`log_name="projects/demo/logs/run.googleapis.com%2Fstdout"`:    true,
		`log_id("run.googleapis.com/stdout")`:                          true,
		`log_id("run.googleapis.com/stderr")`:                          false,
		`insertId != "abc-2"`:                                          true,
		`insertId != "ABC-1"`:                                          false,
		`textPayload = "The Cat said \"hi\" to caf\u00e9 42\\n"`:       true,
		`textPayload = "the cat said \x22hi\x22 to CAFÉ \x34\062\\n"`:  true,
		`textPayload="The Cat"`:                                        false,
		"textPayload:\"said \\\"hi\\\"\" -- with a comment\n":          true,
		"textPayload:CAT -- that\n AND -- and this \n insertId=abc-1 ": true,
		"textPayload : cat":                                            true,
		`textPayload:"dog"`:                                            false,

		// Quotes may be single.
		`resource.type='cloud_run_job' AND resource.labels.job_name='hello'`: true,
		`labels.'run.googleapis.com/execution_name'='hello-abcde'`:           true,
		`textPayload:'said "hi"'`:                                         true,
		`textPayload:'sa\x69d "hi\" to caf\u00e9'`:                        true,
		`textPayload:"it's" OR textPayload:'it\'s'`:                       false,
		`textPayload =~ '\bsaid\b'`:                                       true,
		`log_id('run.googleapis.com/stdout') AND timestamp>='2026-03-01'`: true,
		`'said'`: true,

		// Regular expressions do not ignore case.
		`textPayload =~ "^The C.t"`:        true,
		`textPayload =~ "^the c.t"`:        false,
		`textPayload =~ "(?i)^the c.t"`:    true,
		`textPayload =~ "caf\S \d+\\\\"`:   true,
		`textPayload =~ "\bsaid \"hi\"\b"`: false, // \b needs a word beside it
		`textPayload =~ "\bsaid\b"`:        true,
		`textPayload !~ "dog"`:             true,
		`textPayload !~ "Cat"`:             false,
		`resource.labels.job_name=~"l{2}"`: true,

		// Severity compares by its order, by name and number.
		`severity >= DEFAULT`:         true,
		`severity = default`:          true,
		`severity = 0`:                true,
		`severity > DEFAULT`:          false,
		`severity < "WARNING"`:        true,
		`severity=(DEFAULT OR ERROR)`: true,
		`severity:DEFAULT`:            true,

		// Times are moments.
		`timestamp >= "2026-03-01T10:00:00.5Z"`:       true,
		`timestamp>="2026-03-01T11:00:00.5+01:00"`:    true,
		`timestamp > "2026-03-01T10:00:00.5Z"`:        false,
		`timestamp <= "2026-03-01t10:00:00.500z"`:     true,
		`timestamp >= "2026-03-01"`:                   true,
		`timestamp >= 2026-03-01`:                     true,
		`timestamp < "2026-03-01"`:                    false,
		`timestamp < "9999-12-31T23:59:59Z"`:          true,
		`timestamp > "0001-01-01T00:00:00Z"`:          true,
		`receiveTimestamp = "2026-03-01T10:00:01Z"`:   true,
		`receive_timestamp != "2026-03-01T10:00:01Z"`: false,
		`timestamp:*`: true,

		// A word or phrase may stand anywhere in the entry.
		`cat`:                   true,
		`"said \"hi\""`:         true,
		`us-east4`:              true,
		`"run.googleapis.com"`:  true,
		`dog`:                   false,
		`2026-03-01`:            false, // a time is no text
		`job_name`:              false, // nor is the name of a field
		`cat and hi`:            false, // "and" is a word
		`cat hi`:                true,
		"cat\nhello-abcde\n42 ": true,

		// NOT binds first, then OR, then AND.
		`NOT dog`:                               true,
		`-dog`:                                  true,
		`-"dog"`:                                true,
		`-textPayload:cat`:                      false,
		`NOT (cat AND dog)`:                     true,
		`cat OR dog AND dog`:                    false, // (cat OR dog) AND dog
		`dog AND dog OR cat`:                    false, // dog AND (dog OR cat)
		`dog OR NOT dog AND cat`:                true,
		`(dog AND dog) OR cat`:                  true,
		`dog dog OR cat`:                        false,
		`cat (dog OR hi)`:                       true,
		`NOT dog NOT bird`:                      true,
		`textPayload:(cat AND hi)`:              true,
		`textPayload:(cat dog)`:                 false,
		`textPayload:(dog OR NOT bird)`:         true,
		`textPayload=("x" OR -dog)`:             true,
		`insertId=(abc-1 OR abc-2) AND cat`:     true,
		`insertId = abc-2 OR abc-1`:             true, // the second is a word
		`insertId=(abc-3 OR (abc-2 OR abc-1))`:  true,
		`resource.type:"run" resource.type:job`: true,

		// No comparison holds for a missing field. Fields of LogEntry are never missing.
		`labels.other = x`:             false,
		`labels.other != x`:            false,
		`labels.other !~ x`:            false,
		`NOT labels.other = x`:         true,
		`labels.other:*`:               false,
		`labels.team:*`:                true,
		`jsonPayload.message = x`:      false,
		`jsonPayload.message != x`:     false,
		`jsonPayload:*`:                false,
		`textPayload:*`:                true,
		`trace = ""`:                   true,
		`trace != x`:                   true,
		`trace:*`:                      false,
		`httpRequest.status = 0`:       true,
		`protoPayload.methodName != x`: false,
		`protoPayload:*`:               false,
		`labels:blue`:                  true,
		`labels:green`:                 false,
		`resource.labels:hello`:        true,
		`resource:cloud_run`:           true,
		`labels."run.googleapis.com/task_index" = 3`:   true,
		`labels."run.googleapis.com/task_index" > 2`:   true,
		`labels."run.googleapis.com/task_index" < 10`:  false, // a label is text
		`labels."run.googleapis.com/task_index" = 03`:  false,
		`labels."run.googleapis.com/task_index" >= -1`: true,
		`insertId > abc-0 AND insertId < "abc-2"`:      true,
	} {
		if got := match(t, filter, textEntry()); got != want {
			t.Errorf("%s: Match() = %v, want %v", filter, got, want)
		}
	}
}

func TestFiltersOfStructures(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]bool{
		`severity = ERROR`:             true,
		`severity >= WARNING`:          true,
		`severity = (ERROR OR 400)`:    true,
		`severity != 500`:              false,
		`severity > 499 severity<501`:  true,
		`error`:                        true,  // as a word: it is the name of the severity
		`500000000`:                    false, // nor is a part of a duration a word
		`textPayload = ""`:             true,
		`textPayload != x`:             true,
		`textPayload:*`:                false,
		`jsonPayload.message:"BROKE"`:  true,
		`json_payload.message:"BROKE"`: true,
		`jsonPayload.Message:"BROKE"`:  false,
		`jsonPayload:"it broke"`:       true,
		`jsonPayload:"deep"`:           true,
		`jsonPayload:*`:                true,
		`jsonPayload.message:*`:        true,
		`jsonPayload.other:*`:          false,
		`jsonPayload.message =~ "^it"`: true,

		`jsonPayload.count = 7.5`:            true,
		`jsonPayload.count = "7.50"`:         true,
		`jsonPayload.count > 7`:              true,
		`jsonPayload.count > -1e3`:           true,
		`jsonPayload.count >= 8`:             false,
		`jsonPayload.count < many`:           false,
		`jsonPayload.count != many`:          false, // it is no number
		`jsonPayload.count != 8`:             true,
		`jsonPayload.count =~ "^7\.5$"`:      false, // only texts match expressions
		`jsonPayload.count !~ "x"`:           false,
		`jsonPayload.big > 13`:               false, // a text with a number compares as text
		`jsonPayload.big < 13`:               true,
		`jsonPayload.ok = true`:              true,
		`jsonPayload.ok = TRUE`:              true,
		`jsonPayload.ok != false`:            true,
		`jsonPayload.ok > false`:             true,
		`jsonPayload.ok < True`:              false,
		`jsonPayload.ok != maybe`:            false,
		`jsonPayload.nothing = NULL_VALUE`:   true,
		`jsonPayload.nothing = "NULL_VALUE"`: false,
		`jsonPayload.nothing != NULL_VALUE`:  false,
		`jsonPayload.nothing != x`:           false,
		`jsonPayload.nothing = null_value`:   true,
		`jsonPayload.nothing < x`:            false,
		`jsonPayload.nothing:*`:              true,
		`jsonPayload.message != NULL_VALUE`:  true,

		`jsonPayload."a b"."c.d" = deep`:              true,
		`jsonPayload."a b".c.d = deep`:                false,
		`jsonPayload."a b":deep`:                      true,
		`jsonPayload."a b"=deep`:                      false,
		`jsonPayload.list = two`:                      true,
		`jsonPayload.list = 3`:                        true,
		`jsonPayload.list = four`:                     false,
		`jsonPayload.list != two`:                     true, // one is not
		`NOT jsonPayload.list = two`:                  false,
		`jsonPayload.list != four`:                    true,
		`jsonPayload.list !~ "^o"`:                    true,
		`jsonPayload.list:tw`:                         true,
		`jsonPayload.steps.id = s2`:                   true,
		`jsonPayload.steps.ms > 15`:                   true,
		`jsonPayload.steps.ms > 25`:                   false,
		`jsonPayload.steps.id != s3`:                  true,
		`jsonPayload.steps.other != s3`:               false,
		`httpRequest.status >= 500`:                   true,
		`httpRequest.status = "503"`:                  true,
		`httpRequest.latency > 1s`:                    true,
		`httpRequest.latency > "1500ms"`:              false,
		`traceSampled = true`:                         true,
		`traceSampled != true`:                        false,
		`trace_sampled = false`:                       false,
		`s2`:                                          true,
		`503`:                                         true,
		`NOT severity>=ERROR OR jsonPayload.list:one`: true,
	} {
		if got := match(t, filter, jsonEntry(t)); got != want {
			t.Errorf("%s: Match() = %v, want %v", filter, got, want)
		}
	}
}

func TestRefusalsNameThePosition(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]string{
		`a = `:                       `at position 1: LogEntry has no field "a"; a text to look for stands between quotes`,
		`textPayload =`:              `at position 14: expected a value, found the end`,
		`textPayload = AND`:          `at position 15: expected a value, found "AND"`,
		`cat AND`:                    `at position 8: expected a comparison, found the end`,
		`cat AND AND dog`:            `at position 9: expected a comparison, found "AND"`,
		`OR cat`:                     `at position 1: expected a comparison, found "OR"`,
		`cat OR`:                     `at position 7: expected a comparison, found the end`,
		`NOT`:                        `at position 4: expected a comparison, found the end`,
		`NOT NOT cat`:                `at position 5: expected a comparison, found "NOT"`,
		`(cat`:                       `at position 5: expected ")", found the end`,
		`cat)`:                       `at position 4: expected a comparison, or the end, found ")"`,
		`()`:                         `at position 2: expected a comparison, found ")"`,
		`"open`:                      `at position 1: expected the end of the text that begins here with a quote`,
		`'open"`:                     `at position 1: expected the end of the text that begins here with a quote`,
		`don't`:                      `at position 4: expected the end of the text that begins here with a quote`,
		`é "open`:                    `at position 3: expected the end of the text that begins here with a quote`,
		`"bad \q escape"`:            `at position 6: expected an escape, one of \" \' \\ \a \b \f \n \r \t \v \ooo \xhh \uhhhh \Uhhhhhhhh`,
		`textPayload == cat`:         `at position 14: expected a value, found "="`,
		`textPayload ~ cat`:          `at position 13: expected a comparison, found "~"`,
		`insertId = abc:def`:         `at position 12: a value with : stands between quotes`,
		`textPayload.thud = x`:       `at position 1: LogEntry has no field "textPayload.thud"; a text to look for stands between quotes`,
		`thud:x`:                     `at position 1: LogEntry has no field "thud"; a text to look for stands between quotes`,
		`labels."a"b = x`:            `at position 1: expected a field, as in labels."a.b/c", found`,
		`labels..a = x`:              `at position 1: expected a field, as in labels."a.b/c", found`,
		`labels."a" x`:               `at position 12: expected an operator, one of = != : =~ !~ < <= > >=, found "x"`,
		`labels = x`:                 `at position 1: labels cannot be compared with =`,
		`resource = x`:               `at position 1: resource cannot be compared with =`,
		`severity =~ "E"`:            `at position 1: severity cannot be compared with =~`,
		`traceSampled =~ "t"`:        `at position 1: traceSampled cannot be compared with =~`,
		`cat severity >= LOUD`:       `at position 17: severity: "LOUD" is no severity, such as ERROR or 500`,
		`timestamp >= yesterday`:     `at position 14: timestamp: "yesterday" is no time in RFC 3339 or ISO 8601`,
		`timestamp >= "2026-02-30"`:  `at position 14: timestamp: "2026-02-30" is no time in RFC 3339`,
		`httpRequest.status = x`:     `at position 22: httpRequest.status: "x" is no whole number of 32 bits`,
		`httpRequest.latency > soon`: `at position 23: httpRequest.latency: "soon" is no duration, such as 1.5s`,
		`traceSampled = maybe`:       `at position 16: traceSampled: "maybe" is no true or false`,
		`severity = (ERROR`:          `at position 18: expected ")", found the end`,
		`severity = (ERROR OR x)`:    `at position 22: severity: "x" is no severity, such as ERROR or 500`,
		`severity = (ERROR OR x=y)`:  `at position 22: a value with = stands between quotes`,
		`textPayload =~ "("`:         "at position 16: error parsing regexp: missing closing ): `(`",
		`textPayload =~ "(x{30}){30}(y{30}){30}"`: `at position 16: the filter's regular expressions are too large`,
		`log_id()`:                      `at position 8: expected the log's ID between quotes, found ")"`,
		"cat \xff":                      `at position 5: expected text in UTF-8`,
		"cat \x00":                      `at position 5: expected a comparison, found`,
		strings.Repeat("(", 51) + "cat": `at position 51: parentheses stand 51 deep, at most 50 are allowed`,
		strings.Repeat("x ", 257):       `at position 513: there are more than 256 comparisons`,
		"insertId=(" + strings.Repeat("x OR ", 300) + "x)": `at position 1291: there are more than 256 comparisons`,
	} {
		_, err := logfilter.Parse(filter)
		if runwith.CodeOf(err) != runwith.InvalidArgument || !strings.HasPrefix(err.Error(), "filter: "+want) {
			t.Errorf("Parse(%.60q) = %v (%v), want %s", filter, err, runwith.CodeOf(err), want)
		}
	}
	_, err := logfilter.Parse(strings.Repeat("é", logfilter.MaxLength+1))
	if want := "filter: has 20001 characters, at most 20000 are allowed"; err == nil || err.Error() != want {
		t.Errorf("Parse() of 20,001 characters = %v, want %s", err, want)
	}
	if _, err := logfilter.Parse(strings.Repeat("é", logfilter.MaxLength)); err != nil {
		t.Errorf("Parse() of 20,000 characters = %v", err)
	}
}

func TestValuesOfEveryMatch(t *testing.T) {
	t.Parallel()
	const job = "resource.labels.job_name"
	for filter, want := range map[string][]string{ // nil: anything
		``:                                                             nil,
		`resource.labels.job_name = Hello`:                             {"hello"},
		`resource.labels."job_name" = "hello" x`:                       {"hello"},
		`resource.labels.job_name:hello`:                               nil,
		`resource.labels.job_name != hello`:                            nil,
		`resource.labels.job_name =~ hello`:                            nil,
		`NOT resource.labels.job_name = hello`:                         nil,
		`resource.labels.job_name = (b OR a)`:                          {"a", "b"},
		`resource.labels.job_name = a OR resource.labels.job_name = b`: {"a", "b"},
		`resource.labels.job_name = a OR x`:                            nil,
		`resource.labels.job_name = (a OR b) AND resource.labels.job_name = (b OR c)`: {"b"},
		`resource.labels.job_name = a AND resource.labels.job_name = b`:               {},
		`labels.job_name = a`: nil,
	} {
		f, err := logfilter.Parse(filter)
		if err != nil {
			t.Fatalf("Parse(%q) = %v", filter, err)
		}
		got, bound := f.Values(job)
		if diff := cmp.Diff(want, got); diff != "" || bound != (want != nil) {
			t.Errorf("%s: Values() = %v, %v, want %v", filter, got, bound, want)
		}
	}
	for filter, want := range map[string][2]string{
		`x`:                         {"", ""},
		`timestamp >= "2026-03-01"`: {"2026-03-01", ""},
		`timestamp > "2026-03-01" timestamp >= "2026-02-01"`:           {"2026-03-01", ""},
		`timestamp > "2026-03-01" OR timestamp >= "2026-02-01"`:        {"2026-02-01", ""},
		`timestamp > "2026-03-01" OR x`:                                {"", ""},
		`timestamp = "2026-03-01"`:                                     {"2026-03-01", "2026-03-01"},
		`timestamp != "2026-03-01" receiveTimestamp>"2026-03-01"`:      {"", ""},
		`timestamp >= "2026-03-01" AND timestamp < "2026-04-01" AND x`: {"2026-03-01", "2026-04-01"},
		`NOT timestamp >= "2026-03-01"`:                                {"", ""},
		`timestamp:*`:                                                  {"", ""},
	} {
		f, err := logfilter.Parse(filter)
		if err != nil {
			t.Fatalf("Parse(%q) = %v", filter, err)
		}
		first, last := f.Times()
		if got := [2]string{date(first), date(last)}; got != want {
			t.Errorf("%s: Times() = %v, want %v", filter, got, want)
		}
	}
}

func date(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(time.DateOnly)
}

// FuzzFilter parses arbitrary filters. A valid filter must print as one with the same
// meaning, and its matches must fulfil the conditions of Values and Times.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`labels.'a.b'='it\'s' OR 'x`, `timestamp>="2026-03-01T10:00:00.5+0000"`, `httpRequest.latency<-1.5ms`, `traceSampled>false`, `metadata.a:*`,
		`jsonPayload.n!=NaN`, "caf\u00e9 \uff23at", `insertId=~("a" OR "b")`, `a#b!=c`, `LOG_ID(x)`, `severity<(1 2)`,
		`resource.type = cloud_run_job AND (severity>=ERROR OR textPayload:"cat") -insertId="x"`, `"`, `a=`, `textPayload = "\"`, `AND`,
		"cat\nAND\n(NOT dog OR 42) -- end", `labels."run.googleapis.com/execution_name"=(a OR -b)`, `log_id("a/b")`, `timestamp<"2027-01-01"`,
		`jsonPayload.a."b.c":*`, `textPayload=~"^\d+$"`, `labels.x.y!~"(a|b)*"`, `((((`, `-----`, "resource.labels.job_name=hello", `a.b."c`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := logfilter.Parse(text)
		if err != nil {
			if runwith.CodeOf(err) != runwith.InvalidArgument {
				t.Fatalf("Parse(%q) = %v, want INVALID_ARGUMENT", text, err)
			}
			return
		}
		entry := textEntry()
		got := filter.Match(entry)
		if again, err := logfilter.Parse(filter.String()); err == nil {
			if again.String() != filter.String() || again.Match(entry) != got {
				t.Fatalf("Parse(%q) prints as %s, and that as %s", text, filter, again)
			}
		} else if !strings.Contains(err.Error(), "deep") && !strings.Contains(err.Error(), "characters") {
			t.Fatalf("Parse(%q) prints as %s: %v", text, filter, err)
		}
		if !got {
			return
		}
		if values, bound := filter.Values("resource.labels.job_name"); bound && !strings.Contains(strings.Join(values, " "), "hello") {
			t.Fatalf("%s matches, and says that the job is one of %q", filter, values)
		}
		first, last := filter.Times()
		if at := entry.Timestamp.AsTime(); at.Before(first) || !last.IsZero() && at.After(last) {
			t.Fatalf("%s matches, and says that the time is from %v to %v", filter, first, last)
		}
	})
}
