package console

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/runwith/runwith"
)

// form is the form that starts a job, with everything as it was typed.
type form struct {
	Job    runwith.Job
	Key    string // of the start
	Seen   string // what the job was when the visitor got the form
	Origin *origin

	Parameters []parameterField
	Containers []containerFields
	Tasks      string
	Timeout    string
	StartAt    string // as browsers write a local time
	Zone       string
	Callback   string
	Labels     rows

	Faults []fault
	Notes  []string // what could not be filled in; the form can be sent without it
}

// origin is the invocation that a form runs again.
type origin struct {
	runwith.Invocation

	Values bool // the visitor sees its values
}

// masked is what a visitor sees of a value that is hidden.
const masked = "***"

// Hides reports whether the visitor runs an invocation again whose values are hidden.
func (f *form) Hides() bool { return f.Origin != nil && !f.Origin.Values }

// newForm returns the empty form of a job.
func newForm(job runwith.Job) *form {
	f := &form{Job: job, Key: newKey(), Seen: seen(job), Zone: "UTC"}
	for _, name := range slices.Sorted(maps.Keys(job.Parameters)) {
		f.Parameters = append(f.Parameters, newParameterField(name, job.Parameters[name]))
	}
	slices.SortStableFunc(f.Parameters, func(a, b parameterField) int { return rank(a) - rank(b) })
	for i := range max(1, len(job.Containers)) {
		f.Containers = append(f.Containers, newContainerFields(job, i))
	}
	f.Labels.at = "label"
	return f
}

// rank puts the parameters that a request must have first.
func rank(p parameterField) int {
	if p.Required {
		return 0
	}
	return 1
}

// seen identifies what a form draws of a job, so that a form of an earlier configuration is
// noticed.
func seen(job runwith.Job) string {
	var names []string
	for _, c := range job.Containers {
		names = append(names, c.Name)
	}
	drawn, _ := json.Marshal([]any{job.Parameters, job.Overrides, names}) // it came from JSON
	sum := sha256.Sum256(drawn)
	return hex.EncodeToString(sum[:8])
}

// read fills the form with what a visitor has sent.
func (f *form) read(sent url.Values) {
	f.Key, f.Seen = sent.Get("key"), sent.Get("seen")
	for i := range f.Parameters {
		f.Parameters[i].read(sent)
	}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if name, is := strings.CutPrefix(name, "p."); is {
			f.readUnknown(name, sent)
		}
	}
	for i := range f.Containers {
		f.Containers[i].read(sent)
	}
	f.Tasks, f.Timeout = strings.TrimSpace(sent.Get("tasks")), strings.TrimSpace(sent.Get("timeout"))
	f.StartAt, f.Zone = strings.TrimSpace(sent.Get("start-at")), strings.TrimSpace(sent.Get("zone"))
	f.Callback = strings.TrimSpace(sent.Get("callback"))
	f.Labels.read(sent)
}

// readUnknown keeps a value of a parameter that the job has not, or not any more.
func (f *form) readUnknown(name string, sent url.Values) {
	value := sent.Get("p." + name)
	if value == "" || f.parameter(name) != nil || strings.HasSuffix(name, emptyMark) {
		return
	}
	f.addUnknown(name, value)
}

func (f *form) addUnknown(name, value string) {
	f.Parameters = append(f.Parameters, parameterField{Name: name, Value: value, Gone: true})
}

// parameter returns the field of a parameter, or nil.
func (f *form) parameter(name string) *parameterField {
	for i := range f.Parameters {
		if f.Parameters[i].Name == name {
			return &f.Parameters[i]
		}
	}
	return nil
}

// container returns the fields of a container, or nil. An empty name is the only container.
func (f *form) container(name string) *containerFields {
	for i := range f.Containers {
		if f.Containers[i].Name == name {
			return &f.Containers[i]
		}
	}
	return nil
}

// change does what a button of a list asks for: another row, or one row less.
func (f *form) change(add, remove string) {
	for _, list := range f.lists() {
		if add == list.at {
			list.add()
		}
		index, is := strings.CutPrefix(remove, list.at+".")
		if n, err := strconv.Atoi(index); is && err == nil {
			list.remove(n)
		}
	}
}

// lists are the lists of the form.
func (f *form) lists() []*rows {
	all := []*rows{&f.Labels}
	for i := range f.Containers {
		all = append(all, &f.Containers[i].Args, &f.Containers[i].Env)
	}
	return all
}

// AllowsTasks, and the others below, report whether the form has a field: the job allows it, or
// it has a value already, whose fault the visitor must see.
func (f *form) AllowsTasks() bool {
	return f.Tasks != "" || f.Job.Overrides == nil || f.Job.Overrides.MaxTasks > 0
}

func (f *form) AllowsTimeout() bool {
	return f.Timeout != "" || f.Job.Overrides == nil || f.Job.Overrides.MaxTimeout != ""
}

func (f *form) AllowsArgs(c containerFields) bool {
	return c.Replace || f.Job.Overrides == nil || f.Job.Overrides.Args
}

func (f *form) AllowsEnv(c containerFields) bool {
	return c.Env.filled() || f.Job.Overrides == nil || len(f.Job.Overrides.Env) > 0
}

// Variables are the names that variables may have; nil is any.
func (f *form) Variables() []string {
	if f.Job.Overrides == nil {
		return nil
	}
	return f.Job.Overrides.Env
}

// TasksHint says what the number of tasks may be.
func (f *form) TasksHint() string {
	hint := "Left empty, as many as the job has."
	if n := f.Job.TaskCount; n > 0 {
		hint = fmt.Sprintf("Left empty, the job's own: %s.", count(n))
	}
	if o := f.Job.Overrides; o != nil && o.MaxTasks > 0 {
		hint += " At most " + count(o.MaxTasks) + "."
	}
	return hint
}

// TimeoutHint says what the timeout may be.
func (f *form) TimeoutHint() string {
	hint := "Of each attempt, such as 90s or 1h30m. Left empty, the job's own"
	if f.Job.Timeout != "" {
		hint += ": " + span(f.Job.Timeout)
	}
	if o := f.Job.Overrides; o != nil && o.MaxTimeout != "" {
		hint += ". At most " + span(o.MaxTimeout)
	}
	return hint + "."
}
