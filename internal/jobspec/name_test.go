package jobspec_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// location is the location of all names in these tests.
var location = jobspec.Location{Project: "demo", Region: "us-east4"}

func TestNames(t *testing.T) {
	t.Parallel()
	job := jobspec.JobName{Location: location, Job: "sample-job"}
	tests := []struct {
		name fmt.Stringer
		want string
	}{
		{location, "projects/demo/locations/us-east4"},
		{job, "projects/demo/locations/us-east4/jobs/sample-job"},
		{job.Execution("sample-job-mdw84"), "projects/demo/locations/us-east4/jobs/sample-job/executions/sample-job-mdw84"},
		{
			job.Execution("sample-job-mdw84").Task(12),
			"projects/demo/locations/us-east4/jobs/sample-job/executions/sample-job-mdw84/tasks/sample-job-mdw84-task12",
		},
		{jobspec.OperationName{Location: location, Operation: "4d-e2"}, "projects/demo/locations/us-east4/operations/4d-e2"},
	}
	for _, tt := range tests {
		if got := tt.name.String(); got != tt.want {
			t.Errorf("String() = %q, want %q", got, tt.want)
		}
	}
}

// parsers parse a name of each kind and return its String.
var parsers = map[string]func(string) (string, error){
	"ParseLocation":          written(jobspec.ParseLocation),
	"ParseJob":               written(jobspec.ParseJob),
	"ParseJobWildcard":       written(jobspec.ParseJobWildcard),
	"ParseExecution":         written(jobspec.ParseExecution),
	"ParseExecutionWildcard": written(jobspec.ParseExecutionWildcard),
	"ParseTask":              written(jobspec.ParseTask),
	"ParseOperation":         written(jobspec.ParseOperation),
}

func written[T fmt.Stringer](parse func(string) (T, error)) func(string) (string, error) {
	return func(name string) (string, error) {
		n, err := parse(name)
		return n.String(), err
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	const l = "projects/demo/locations/us-east4"
	long := strings.Repeat("j", 63)
	tests := []struct {
		parser, name string
		want         string // part of the error; empty if there is none
	}{
		{"ParseLocation", l, ""},
		{"ParseLocation", "projects/123456789/locations/us-east4", ""},
		{"ParseLocation", "projects/example.com:proj/locations/us-east4", ""},
		{"ParseLocation", "", "must have the form projects/PROJECT/locations/REGION"},
		{"ParseLocation", "projects/demo", "must have the form"},
		{"ParseLocation", l + "/", "must have the form"},
		{"ParseLocation", "/" + l, "must have the form"},
		{"ParseLocation", "project/demo/locations/us-east4", "must have the form"},
		{"ParseLocation", "projects//locations/us-east4", `"" is not the ID or number of a project`},
		{"ParseLocation", "projects/Demo/locations/us-east4", `"Demo" is not the ID or number of a project`},
		{"ParseLocation", "projects/example.com:/locations/us-east4", "is not the ID or number of a project"},
		{"ParseLocation", "projects/:demo/locations/us-east4", "is not the ID or number of a project"},
		{"ParseLocation", "projects/a..b:demo/locations/us-east4", "is not the ID or number of a project"},
		{"ParseLocation", "projects/demo/locations/-", `"-" is not a region, such as us-east4`},
		{"ParseLocation", "projects/demo/locations/4us", "is not a region"},

		{"ParseJob", l + "/jobs/j", ""},
		{"ParseJob", l + "/jobs/" + long, ""},
		{"ParseJob", l + "/jobs/" + long + "j", "the job's ID must be at most 63"},
		{"ParseJob", l + "/jobs/-", `the job's ID cannot be "-" here, name one`},
		{"ParseJob", l + "/jobs/", "the job's ID must be"},
		{"ParseJob", l + "/jobs/Job", "the job's ID must be"},
		{"ParseJob", l + "/jobs/1job", "the job's ID must be"},
		{"ParseJob", l + "/jobs/job-", "the job's ID must be"},
		{"ParseJob", l + "/jobs/j:run", "the job's ID must be"},
		{"ParseJob", l + "/jobs/j\x00", "the job's ID must be"},
		{"ParseJob", l + "/services/j", "must have the form " + "projects/PROJECT/locations/REGION/jobs/JOB"},
		{"ParseJobWildcard", l + "/jobs/-", ""},
		{"ParseJobWildcard", l + "/jobs/j", ""},
		{"ParseJobWildcard", l + "/jobs/--", "the job's ID must be"},

		{"ParseExecution", l + "/jobs/j/executions/j-mdw84", ""},
		{"ParseExecution", l + "/jobs/" + long + "/executions/" + long + "-mdw84", ""},
		{"ParseExecution", l + "/jobs/" + long + "/executions/" + long + "-mdw845", "the execution's ID must be at most 69"},
		{"ParseExecution", l + "/jobs/-/executions/j-mdw84", `the job's ID cannot be "-" here`},
		{"ParseExecution", l + "/jobs/j/executions/-", `the execution's ID cannot be "-" here`},
		{"ParseExecutionWildcard", l + "/jobs/-/executions/-", ""},
		{"ParseExecutionWildcard", l + "/jobs/j/executions/-", ""},
		{"ParseExecutionWildcard", l + "/jobs/-/executions/j-mdw84", ""},

		{"ParseTask", l + "/jobs/j/executions/j-mdw84/tasks/j-mdw84-task0", ""},
		{"ParseTask", l + "/jobs/j/executions/j-mdw84/tasks/j-mdw84-task9999", ""},
		{"ParseTask", l + "/jobs/j/executions/j-mdw84/tasks/j-mdw84-task10000", "with a number from 0 to 9999"},
		{"ParseTask", l + "/jobs/j/executions/j-mdw84/tasks/j-mdw84-task01", "the task's ID must be the execution's"},
		{"ParseTask", l + "/jobs/j/executions/j-mdw84/tasks/j-mdw84-task-1", "the task's ID must be the execution's"},
		{"ParseTask", l + "/jobs/j/executions/j-mdw84/tasks/j-mdw84-task", "the task's ID must be the execution's"},
		{"ParseTask", l + "/jobs/j/executions/j-mdw84/tasks/other-task0", "the task's ID must be the execution's"},
		{"ParseTask", l + "/jobs/j/executions/-/tasks/--task0", `the execution's ID cannot be "-" here`},

		{"ParseOperation", l + "/operations/4dE2-_", ""},
		{"ParseOperation", l + "/operations/", "the operation's ID must be"},
		{"ParseOperation", l + "/operations/..", "the operation's ID must be"},
		{"ParseOperation", l + "/operations/" + strings.Repeat("o", 129), "the operation's ID must be at most 128"},
	}
	for _, tt := range tests {
		got, err := parsers[tt.parser](tt.name)
		if tt.want != "" {
			wantInvalid(t, fmt.Sprintf("%s(%q)", tt.parser, tt.name), err, tt.want)
			continue
		}
		if err != nil || got != tt.name {
			t.Errorf("%s(%q) = %q, %v, want the name unchanged", tt.parser, tt.name, got, err)
		}
	}
}

func TestParseFields(t *testing.T) {
	t.Parallel()
	got, err := jobspec.ParseTask("projects/demo/locations/us-east4/jobs/j/executions/j-mdw84/tasks/j-mdw84-task7")
	want := jobspec.JobName{Location: location, Job: "j"}.Execution("j-mdw84").Task(7)
	if err != nil || got != want {
		t.Errorf("ParseTask = %+v, %v, want %+v", got, err, want)
	}
}

// TestParseErrorIsZero checks that an error comes with the zero value, not with a
// partial name.
func TestParseErrorIsZero(t *testing.T) {
	t.Parallel()
	got, err := jobspec.ParseJob("projects/demo/locations/us-east4/jobs/NO")
	if zero := (jobspec.JobName{}); err == nil || got != zero {
		t.Errorf("ParseJob = %+v, %v, want the zero value and an error", got, err)
	}
}

// TestParseErrorIsShort checks that an error truncates a long name.
func TestParseErrorIsShort(t *testing.T) {
	t.Parallel()
	_, err := jobspec.ParseJob(strings.Repeat("long", 100_000))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("ParseJob of a long name: message of %d bytes, want at most 300", len(fmt.Sprint(err)))
	}
}

func TestValidateJobID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"j", "job-1", "a--b", strings.Repeat("j", 63)} {
		if err := jobspec.ValidateJobID(id); err != nil {
			t.Errorf("ValidateJobID(%q) = %v, want nil", id, err)
		}
	}
	wantInvalid(t, "ValidateJobID of nothing", jobspec.ValidateJobID(""), "job_id: required field not present")
	for _, id := range []string{"-", "-j", "j-", "1j", "J", "j_1", "j.1", "jé", "j/k", strings.Repeat("j", 64)} {
		wantInvalid(t, fmt.Sprintf("ValidateJobID(%q)", id), jobspec.ValidateJobID(id), "job_id: must be at most 63 lower-case letters")
	}
}

func FuzzParseNames(f *testing.F) {
	const l = "projects/demo/locations/us-east4"
	for _, name := range []string{
		l, "projects/example.com:p/locations/l", l + "/jobs/j", l + "/jobs/-", l + "/jobs/j/executions/-",
		l + "/jobs/j/executions/j-mdw84/tasks/j-mdw84-task10", l + "/operations/o", "", "///////",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for parser, parse := range parsers {
			got, err := parse(name)
			if err == nil && got != name {
				t.Errorf("%s(%q).String() = %q, want the name unchanged", parser, name, got)
			}
			if err != nil && runwith.CodeOf(err) != runwith.InvalidArgument {
				t.Errorf("%s(%q) = %v, want INVALID_ARGUMENT", parser, name, err)
			}
		}
	})
}

// wantInvalid checks that err is an INVALID_ARGUMENT whose message contains want.
func wantInvalid(t *testing.T, call string, err error, want string) {
	t.Helper()
	if runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("%s = %v, want INVALID_ARGUMENT", call, err)
		return
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("%s = %q, want it to contain %q", call, err, want)
	}
}

func TestExecutionsNamed(t *testing.T) {
	t.Parallel()
	for id, want := range map[string][]string{
		"hello-abcde":                  {"hello"},
		"my-job-abcde":                 {"my", "my-job"},
		"a--b":                         {"a"},
		"nojob":                        nil,
		"-abcde":                       nil,
		"7-abcde":                      nil,
		"Hello-abcde":                  nil,
		"hello-abcde/x":                nil,
		"":                             nil,
		"-":                            nil,
		"a-" + strings.Repeat("b", 70): nil,
	} {
		var got []string
		for _, name := range location.ExecutionsNamed(id) {
			if name.Execution != id || name.Job.Location != location {
				t.Errorf("ExecutionsNamed(%q) contains %v, want this ID and location", id, name)
			}
			got = append(got, name.Job.Job)
		}
		if !slices.Equal(got, want) {
			t.Errorf("ExecutionsNamed(%q) = jobs %q, want %q", id, got, want)
		}
	}
}

func TestCutTask(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"hello-abcde-task7":     "hello-abcde 7 true",
		"hello-task1-task9999":  "hello-task1 9999 true",
		"hello-abcde":           " 0 false",
		"hello-abcde-task":      " 0 false",
		"hello-abcde-task07":    " 0 false",
		"hello-abcde-task-1":    " 0 false",
		"hello-abcde-task+1":    " 0 false",
		"hello-abcde-task10000": " 0 false",
	} {
		execution, index, ok := jobspec.CutTask(id)
		if got := fmt.Sprint(execution, " ", index, " ", ok); got != want {
			t.Errorf("CutTask(%q) = %s, want %s", id, got, want)
		}
	}
}
