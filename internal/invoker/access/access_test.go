package access_test

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/access"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/principal"
)

const config = `
callers:
  starter: {oidc: {issuer: google, subject: "1", audience: x}}
  viewer: {oidc: {issuer: google, subject: "2", audience: x}}
  canceller: {oidc: {issuer: google, subject: "3", audience: x}}
  valued: {oidc: {issuer: google, subject: "4", audience: x}, grants: [view, values]}
  operator: {oidc: {issuer: google, subject: "5", audience: x}, grants: [operate]}
  stranger: {oidc: {issuer: google, subject: "6", audience: x}}
  blind: {oidc: {issuer: google, subject: "7", audience: x}}
jobs:
  reindex:
    cloudRun: projects/p/locations/r/jobs/other
    description: Indexes.
    parameters: {tenant: {type: string}}
    args: ["{tenant}"]
    grants: {starter: [start], viewer: [view], canceller: [cancel], blind: [values], anonymous: [start]}
  hidden: {}
`

// fake is an invoker with one invocation, which starter has started.
type fake struct {
	budgetsOf      []string // the caller whose budgets were asked for, each time
	access.Invoker          // nil: panics if a method is missing below
	caller         string
	owner          string
	request        invoker.Request
	asked          *runwith.Request // of its invocation, if not the usual one
	filter         invoker.Filter
	calls          []string
}

const id = "0197"

func (f *fake) invocation() runwith.Invocation {
	if f.asked != nil {
		return runwith.Invocation{ID: id, Job: "reindex", Caller: f.caller, Request: f.asked}
	}
	return runwith.Invocation{
		ID: id, Job: "reindex", Caller: f.caller, State: runwith.StateFailed,
		Request: &runwith.Request{
			Parameters: map[string]any{"tenant": canary},
			Callback:   &runwith.Callback{URL: "https://api.example.com/hook?token=" + canary},
			Overrides: runwith.Overrides{
				Args: []string{canary, "--tenant=" + canary}, Env: map[string]string{"A": canary},
				Containers: []runwith.ContainerOverride{{Name: "c", Args: []string{canary}, Env: map[string]string{"B": canary}}, {Name: "d", Args: []string{}}},
			},
		},
		Error:   &runwith.Failure{Code: "ABORTED", Message: "m", Stderr: []string{canary}},
		Waiting: &runwith.Waiting{For: runwith.HoldSlot, Message: "waits for a slot of key " + canary + ": at most 1"},
	}
}

func (f *fake) found(name string) (runwith.Invocation, error) {
	if name != id {
		return runwith.Invocation{}, store.NotFound(fmt.Sprintf("invocation %q", name))
	}
	return f.invocation(), nil
}

func (f *fake) Owns(_ context.Context, _, caller string) (bool, error) { return caller == f.owner, nil }

func (f *fake) Repeated(_ context.Context, q invoker.Request) (runwith.Invocation, bool, error) {
	return f.invocation(), q.Key == "known", nil
}

func (f *fake) Invoke(_ context.Context, q invoker.Request) (runwith.Invocation, bool, error) {
	f.calls, f.request = append(f.calls, "Invoke"), q
	return f.invocation(), false, nil
}

func (f *fake) InvokeEach(_ context.Context, _ string, each []invoker.Request) ([]invoker.Started, error) {
	f.calls = append(f.calls, "InvokeEach")
	started := make([]invoker.Started, len(each))
	for i, q := range each {
		f.request, started[i].Invocation = q, f.invocation()
	}
	return started, nil
}

func (f *fake) Invocation(_ context.Context, name string) (runwith.Invocation, error) {
	return f.found(name)
}

func (f *fake) Tasks(_ context.Context, name string) ([]runwith.Task, error) {
	f.calls = append(f.calls, "Tasks")
	_, err := f.found(name)
	return []runwith.Task{{}}, err
}

func (f *fake) Changes(_ context.Context, name string) ([]runwith.Change, error) {
	f.calls = append(f.calls, "Changes")
	_, err := f.found(name)
	return []runwith.Change{
		{Field: "args", Job: []string{}, Run: []string{canary, canary}}, {Field: "env", Name: "A", Job: []string{canary}, Run: []string{canary}},
		{Field: "env", Name: "FIXED", Run: []string{"fixed"}}, {Field: "taskCount", Job: []string{"1"}, Run: []string{"2"}},
	}, err
}

func (f *fake) Wait(_ context.Context, name string) (runwith.Invocation, error) {
	f.calls = append(f.calls, "Wait")
	return f.found(name)
}

func (f *fake) Invocations(_ context.Context, filter invoker.Filter) ([]runwith.Invocation, string, error) {
	f.filter = filter
	return []runwith.Invocation{f.invocation()}, "next", nil
}

func (f *fake) Logs(context.Context, string, invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
	f.calls = append(f.calls, "Logs")
	return func(yield func(runwith.LogLine, error) bool) { yield(runwith.LogLine{Text: "line"}, nil) }
}

func (f *fake) Cancel(_ context.Context, name string) (runwith.Invocation, error) {
	f.calls = append(f.calls, "Cancel")
	return f.found(name)
}

func (f *fake) Resolve(_ context.Context, name string, _ invoker.Decision) (runwith.Invocation, error) {
	f.calls = append(f.calls, "Resolve")
	return f.found(name)
}

func (f *fake) Jobs(context.Context) ([]runwith.Job, error) {
	f.calls = append(f.calls, "Jobs")
	return []runwith.Job{{Name: "a"}}, nil
}

func (f *fake) Job(_ context.Context, name string) (runwith.Job, error) {
	f.calls = append(f.calls, "Job "+name)
	return runwith.Job{Name: name, TaskCount: 3}, nil
}

func (f *fake) Budgets(_ context.Context, caller string) ([]runwith.Budget, error) {
	f.budgetsOf = append(f.budgetsOf, caller)
	return nil, nil
}

func (f *fake) Tick(context.Context) (invoker.Outstanding, error) {
	f.calls = append(f.calls, "Tick")
	return invoker.Outstanding{}, nil
}

// canary is a value that only those with the verb values may see.
const canary = "c4nary"

func compile(t *testing.T, content string) *policy.Policy {
	t.Helper()
	file, err := configfile.Read("f", content, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.New(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func open(t *testing.T, f *fake) *access.Access {
	t.Helper()
	p := compile(t, config)
	return access.New(f, func() *policy.Policy { return p })
}

func as(t *testing.T, name string) context.Context {
	t.Helper()
	switch name {
	case "local":
		return principal.With(t.Context(), principal.LocalUser)
	case "anonymous":
		return t.Context()
	}
	return principal.With(t.Context(), principal.Principal{Name: name, Proof: principal.APIKey})
}

func request() invoker.Request {
	return invoker.Request{Job: "reindex", Asked: runwith.Request{Parameters: map[string]any{"tenant": "acme"}}}
}

// TestWhoMayDoWhat calls each method as each caller.
func TestWhoMayDoWhat(t *testing.T) {
	methods := map[string]func(context.Context, *access.Access) error{
		"start": func(ctx context.Context, a *access.Access) error { _, _, err := a.Invoke(ctx, request()); return err },
		"each": func(ctx context.Context, a *access.Access) error {
			_, err := a.InvokeEach(ctx, "reindex", []invoker.Request{request()})
			return err
		},
		"rerun": func(ctx context.Context, a *access.Access) error {
			_, _, err := a.Rerun(ctx, invoker.Rerun{ID: id})
			return err
		},
		"get":     func(ctx context.Context, a *access.Access) error { _, err := a.Invocation(ctx, id); return err },
		"wait":    func(ctx context.Context, a *access.Access) error { _, err := a.Wait(ctx, id); return err },
		"tasks":   func(ctx context.Context, a *access.Access) error { _, err := a.Tasks(ctx, id); return err },
		"changes": func(ctx context.Context, a *access.Access) error { _, err := a.Changes(ctx, id); return err },
		"logs": func(ctx context.Context, a *access.Access) error {
			return firstError(a.Logs(ctx, id, invoker.LogQuery{}))
		},
		"cancel": func(ctx context.Context, a *access.Access) error { _, err := a.Cancel(ctx, id); return err },
		"resolve": func(ctx context.Context, a *access.Access) error {
			_, err := a.Resolve(ctx, id, invoker.DecideRetry)
			return err
		},
		"job":  func(ctx context.Context, a *access.Access) error { _, err := a.Job(ctx, "reindex"); return err },
		"tick": func(ctx context.Context, a *access.Access) error { _, err := a.Tick(ctx); return err },
	}
	const ok, unseen, denied = runwith.OK, runwith.NotFound, runwith.PermissionDenied
	for caller, want := range map[string]map[string]runwith.Code{
		"local":     {"start": ok, "each": ok, "rerun": ok, "get": ok, "wait": ok, "logs": ok, "tasks": ok, "changes": ok, "cancel": ok, "resolve": ok, "job": ok, "tick": ok},
		"starter":   {"start": ok, "each": ok, "rerun": ok, "get": ok, "wait": ok, "logs": ok, "tasks": ok, "changes": ok, "cancel": ok, "resolve": denied, "job": ok, "tick": denied},
		"viewer":    {"start": denied, "each": denied, "rerun": denied, "get": ok, "wait": ok, "logs": ok, "tasks": ok, "changes": ok, "cancel": denied, "resolve": denied, "job": ok, "tick": denied},
		"canceller": {"start": denied, "each": denied, "rerun": denied, "get": ok, "wait": ok, "logs": ok, "tasks": ok, "changes": ok, "cancel": ok, "resolve": denied, "job": ok, "tick": denied},
		"valued":    {"start": denied, "each": denied, "rerun": denied, "get": ok, "wait": ok, "logs": ok, "tasks": ok, "changes": ok, "cancel": denied, "resolve": denied, "job": ok, "tick": denied},
		"operator":  {"start": denied, "each": denied, "rerun": denied, "get": ok, "wait": ok, "logs": ok, "tasks": ok, "changes": ok, "cancel": denied, "resolve": ok, "job": ok, "tick": ok},
		"blind":     {"start": denied, "each": denied, "rerun": unseen, "get": unseen, "wait": unseen, "logs": unseen, "tasks": unseen, "changes": unseen, "cancel": unseen, "resolve": unseen, "job": ok, "tick": denied},
		"anonymous": {"start": ok, "each": ok, "rerun": unseen, "get": unseen, "wait": unseen, "logs": unseen, "tasks": unseen, "changes": unseen, "cancel": unseen, "resolve": unseen, "job": ok, "tick": denied},
		"stranger":  {"start": unseen, "each": unseen, "rerun": unseen, "get": unseen, "wait": unseen, "logs": unseen, "tasks": unseen, "changes": unseen, "cancel": unseen, "resolve": unseen, "job": unseen, "tick": denied},
		"gone":      {"start": unseen, "each": unseen, "rerun": unseen, "get": unseen, "wait": unseen, "logs": unseen, "tasks": unseen, "changes": unseen, "cancel": unseen, "resolve": unseen, "job": unseen, "tick": denied},
	} {
		for method, call := range methods {
			f := &fake{caller: "starter", asked: new(request().Asked)}
			err := call(as(t, caller), open(t, f))
			if runwith.CodeOf(err) != want[method] {
				t.Errorf("%s as %s: error = %v, want code %v", method, caller, err, want[method])
			}
			if err != nil && len(f.calls) > 0 {
				t.Errorf("%s as %s: was refused, but reached %v", method, caller, f.calls)
			}
			if runwith.CodeOf(err) == denied && (!strings.Contains(err.Error(), "verb") || !strings.Contains(err.Error(), caller)) {
				t.Errorf("%s as %s: error = %v, want it to name the caller and the verb", method, caller, err)
			}
		}
	}
}

func firstError(lines iter.Seq2[runwith.LogLine, error]) (first error) {
	for _, err := range lines {
		return err
	}
	return nil
}

// TestNoMethodIsForgotten calls every method of the interface that the API uses, as a caller
// without grants. A new method fails here until somebody says how it is protected.
func TestNoMethodIsForgotten(t *testing.T) {
	f := &fake{caller: "starter"}
	a := reflect.ValueOf(open(t, f))
	api := reflect.TypeFor[api.Invoker]()
	for m := range api.Methods() {
		arguments := []reflect.Value{reflect.ValueOf(as(t, "stranger"))}
		for i := 1; i < m.Type.NumIn(); i++ {
			arguments = append(arguments, argument(m.Type.In(i)))
		}
		answers := a.MethodByName(m.Name).Call(arguments)
		if refused(t, answers) || m.Name == "Jobs" && answers[0].Len() == 0 {
			continue
		}
		if m.Name == "Invocations" || m.Name == "Usage" { // the store selects
			if diff := cmp.Diff(&invoker.Visibility{Owner: "stranger", Jobs: []string{}}, f.filter.Visible); diff != "" {
				t.Errorf("visible invocations (-want +got):\n%s", diff)
			}
			continue
		}
		if m.Name == "Budgets" && slices.Equal(f.budgetsOf, []string{"stranger"}) { // its own
			continue
		}
		t.Errorf("%s answers a caller without grants with %v", m.Name, answers)
	}
	if len(f.calls) > 0 {
		t.Errorf("a caller without grants has reached %v", f.calls)
	}
}

// argument returns an argument that makes sense for a method: an ID, a request, or nothing.
func argument(of reflect.Type) reflect.Value {
	switch of {
	case reflect.TypeFor[string]():
		return reflect.ValueOf(id)
	case reflect.TypeFor[invoker.Rerun]():
		return reflect.ValueOf(invoker.Rerun{ID: id})
	case reflect.TypeFor[invoker.Request]():
		return reflect.ValueOf(request())
	}
	return reflect.New(of).Elem()
}

// refused reports whether the last result is an error, or a sequence that begins with one.
func refused(t *testing.T, answers []reflect.Value) bool {
	t.Helper()
	last := answers[len(answers)-1]
	if lines, ok := reflect.TypeAssert[iter.Seq2[runwith.LogLine, error]](last); ok {
		return firstError(lines) != nil
	}
	err, _ := reflect.TypeAssert[error](last)
	return runwith.CodeOf(err) == runwith.NotFound || runwith.CodeOf(err) == runwith.PermissionDenied
}

// TestInvisibleIsLikeMissing compares the errors, which must not tell one from the other.
func TestInvisibleIsLikeMissing(t *testing.T) {
	a := open(t, &fake{caller: "starter"})
	ctx := as(t, "stranger")
	for name, call := range map[string]func(id string) error{
		"get":     func(id string) error { _, err := a.Invocation(ctx, id); return err },
		"wait":    func(id string) error { _, err := a.Wait(ctx, id); return err },
		"tasks":   func(id string) error { _, err := a.Tasks(ctx, id); return err },
		"changes": func(id string) error { _, err := a.Changes(ctx, id); return err },
		"cancel":  func(id string) error { _, err := a.Cancel(ctx, id); return err },
		"resolve": func(id string) error { _, err := a.Resolve(ctx, id, invoker.DecideLeave); return err },
		"rerun":   func(id string) error { _, _, err := a.Rerun(ctx, invoker.Rerun{ID: id}); return err },
		"logs":    func(id string) error { return firstError(a.Logs(ctx, id, invoker.LogQuery{})) },
	} {
		invisible, missing := call(id), call("9999")
		if got, want := strings.ReplaceAll(invisible.Error(), id, "ID"), strings.ReplaceAll(missing.Error(), "9999", "ID"); got != want {
			t.Errorf("%s: %q for an invisible invocation, %q for a missing one", name, got, want)
		}
	}
	for _, call := range []func(job string) error{
		func(job string) error { _, err := a.Job(ctx, job); return err },
		func(job string) error { _, _, err := a.Invoke(ctx, invoker.Request{Job: job}); return err },
		func(job string) error { _, err := a.InvokeEach(ctx, job, nil); return err },
	} {
		invisible, missing := call("hidden"), call("absent")
		if got, want := strings.ReplaceAll(invisible.Error(), "hidden", "JOB"), strings.ReplaceAll(missing.Error(), "absent", "JOB"); got != want {
			t.Errorf("%q for an invisible job, %q for a missing one", got, want)
		}
	}
}

func TestValuesAreMasked(t *testing.T) {
	f := &fake{caller: "starter"}
	a := open(t, f)
	all := func(caller string) string {
		ctx := as(t, caller)
		one, _ := a.Invocation(ctx, id)
		waited, _ := a.Wait(ctx, id)
		page, _, _ := a.Invocations(ctx, invoker.Filter{})
		cancelled, _ := a.Cancel(ctx, id)
		resolved, _ := a.Resolve(ctx, id, invoker.DecideLeave)
		started, _, _ := a.Invoke(ctx, request())
		again, _, _ := a.Rerun(ctx, invoker.Rerun{ID: id})
		each, _ := a.InvokeEach(ctx, "reindex", []invoker.Request{request()})
		for _, s := range each {
			page = append(page, s.Invocation)
		}
		var text strings.Builder
		for _, i := range append(slices.Clone(page), one, waited, cancelled, resolved, started, again) {
			fmt.Fprintf(&text, "%+v %+v %+v %+v", i, i.Request, i.Error, i.Waiting)
			if i.Request != nil {
				fmt.Fprintf(&text, " %+v", i.Request.Callback)
			}
			fmt.Fprintln(&text)
		}
		return text.String()
	}
	for _, caller := range []string{"starter", "viewer", "canceller", "operator", "stranger", "anonymous"} {
		if text := all(caller); strings.Contains(text, canary) {
			t.Errorf("%s sees a value:\n%s", caller, text)
		}
	}
	for _, caller := range []string{"valued", "local"} {
		if text := all(caller); !strings.Contains(text, canary) || strings.Contains(text, "***") {
			t.Errorf("%s does not see the values:\n%s", caller, text)
		}
	}
	one, err := a.Invocation(as(t, "starter"), id)
	if err != nil {
		t.Fatal(err)
	}
	want := &runwith.Request{
		Parameters: map[string]any{"tenant": "***"},
		Callback:   &runwith.Callback{URL: "https://api.example.com/hook?***"},
		Overrides: runwith.Overrides{
			Args: []string{"***", "***"}, Env: map[string]string{"A": "***"},
			Containers: []runwith.ContainerOverride{{Name: "c", Args: []string{"***"}, Env: map[string]string{"B": "***"}}, {Name: "d", Args: []string{}}},
		},
	}
	if diff := cmp.Diff(want, one.Request); diff != "" {
		t.Errorf("masked request (-want +got):\n%s", diff)
	}
	if one.Error == nil || one.Error.Message != "m" || one.Error.Stderr != nil {
		t.Errorf("error = %+v, want it without stderr", one.Error)
	}
}

func TestOwnersOfRebuiltInvocations(t *testing.T) {
	a := open(t, &fake{owner: "stranger"}) // the name is lost, its hash is not
	if _, err := a.Cancel(as(t, "stranger"), id); err != nil {
		t.Errorf("owner: %v", err)
	}
	if _, err := a.Invocation(as(t, "starter"), id); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("another caller: error = %v, want NOT_FOUND", err)
	}
}

func TestTermsComeFromThePolicy(t *testing.T) {
	f := &fake{caller: "starter"}
	q := request()
	q.Terms = invoker.Terms{Trace: "00-trace", Target: "elsewhere", Slot: ledger.Slot{Key: "x"}}
	if _, _, err := open(t, f).Invoke(as(t, "starter"), q); err != nil {
		t.Fatal(err)
	}
	want := invoker.Terms{Trace: "00-trace", Target: "projects/p/locations/r/jobs/other", Overrides: runwith.Overrides{Args: []string{"acme"}}}
	if diff := cmp.Diff(want, f.request.Terms); diff != "" {
		t.Errorf("terms (-want +got):\n%s", diff)
	}
}

// TestRepeatAfterReload repeats a request that the policy of now refuses.
func TestRepeatAfterReload(t *testing.T) {
	f := &fake{caller: "starter"}
	a := open(t, f)
	q := invoker.Request{Job: "reindex", Key: "known", Asked: runwith.Request{Parameters: map[string]any{"old": "x"}}}
	i, replayed, err := a.Invoke(as(t, "starter"), q)
	if err != nil {
		t.Fatal(err)
	}
	if !replayed {
		t.Error("the request was not repeated")
	}
	if i.ID != id {
		t.Errorf("ID of the repeat = %q, want %q", i.ID, id)
	}
	if tenant := i.Request.Parameters["tenant"]; tenant != "***" {
		t.Errorf("tenant of the repeat = %v, want it masked", tenant)
	}
	for _, key := range []string{"", "new"} {
		q.Key = key
		if _, _, err := a.Invoke(as(t, "starter"), q); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("key %q: error = %v, want that of the parameters", key, err)
		}
	}
	if len(f.calls) > 0 {
		t.Errorf("a refused request has reached %v", f.calls)
	}
}

func TestVisibleInvocations(t *testing.T) {
	f := &fake{}
	a := open(t, f)
	for caller, want := range map[string]*invoker.Visibility{
		"local": {All: true}, "valued": {All: true}, "operator": {All: true},
		"starter": {Owner: "starter"}, "viewer": {Owner: "viewer", Jobs: []string{"reindex"}},
		"anonymous": {Owner: "\x00"},
	} {
		if _, _, err := a.Invocations(as(t, caller), invoker.Filter{Job: "reindex", Visible: &invoker.Visibility{All: true}}); err != nil {
			t.Fatal(err)
		}
		if len(want.Jobs) == 0 && !want.All {
			want.Jobs = []string{}
		}
		if diff := cmp.Diff(want, f.filter.Visible); diff != "" || f.filter.Job != "reindex" {
			t.Errorf("%s: filter = %+v, visible (-want +got):\n%s", caller, f.filter, diff)
		}
	}
}

func TestWithoutConfiguration(t *testing.T) {
	f := &fake{}
	a := access.New(f, func() *policy.Policy { return nil })
	if _, _, err := a.Invoke(as(t, "anonymous"), invoker.Request{Job: "any", Asked: runwith.Request{Overrides: runwith.Overrides{TaskCount: 3}}}); err != nil || f.request.Terms.Overrides.TaskCount != 3 {
		t.Errorf("start: %v, terms = %+v", err, f.request.Terms)
	}
	if _, _, err := a.Invocations(as(t, "anonymous"), invoker.Filter{}); err != nil || !f.filter.Visible.All {
		t.Errorf("list: %v, visible = %+v, want all", err, f.filter.Visible)
	}
	if _, err := a.Tick(as(t, "anonymous")); err != nil {
		t.Errorf("tick: %v", err)
	}
	jobs, err := a.Jobs(as(t, "anonymous"))
	if err != nil || len(jobs) != 1 || !slices.Equal(jobs[0].Verbs, []string{"start", "view", "cancel", "operate"}) {
		t.Errorf("jobs = %+v, %v", jobs, err)
	}
}

// TestLimitOfInvisibleJob checks that the limit of bodies does not show that a job exists.
func TestLimitOfInvisibleJob(t *testing.T) {
	t.Parallel()
	p := compile(t, strings.Replace(config, "hidden: {}", "hidden: {maxBody: 1KiB, grants: {starter: [start]}}", 1))
	a := access.New(&fake{}, func() *policy.Policy { return p })
	for caller, want := range map[string]int{"starter": 1 << 10, "stranger": 0, "operator": 1 << 10, "": 0} {
		if got := a.MaxBody(principal.With(t.Context(), principal.Principal{Name: caller}), "hidden"); got != want {
			t.Errorf("limit of job hidden for caller %q = %d, want %d", caller, got, want)
		}
	}
}

// talker is an invoker whose logs have two lines, and which calls between before the second.
type talker struct {
	fake
	between func()
}

func (l *talker) Logs(context.Context, string, invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
	return func(yield func(runwith.LogLine, error) bool) {
		if yield(runwith.LogLine{Text: "first"}, nil) {
			l.between()
			yield(runwith.LogLine{Text: "second"}, nil)
		}
	}
}

// TestGrantEndsWhileLogIsFollowed checks that a followed log ends when a new configuration
// hides the invocation, and goes on when it does not.
func TestGrantEndsWhileLogIsFollowed(t *testing.T) {
	t.Parallel()
	withoutViewer := strings.Replace(config, "viewer: [view], ", "", 1)
	withoutStarter := strings.NewReplacer("  starter: {oidc", "  other: {oidc", "starter: [start], ", "").Replace(config)
	for _, test := range []struct{ caller, config, want string }{
		{"viewer", config, "first second"},
		{"viewer", withoutViewer, "first NOT_FOUND"},
		{"starter", withoutViewer, "first second"},
		{"starter", withoutStarter, "first NOT_FOUND"},
	} {
		current := compile(t, config)
		next := &talker{fake: fake{caller: "starter"}}
		next.between = func() { current = compile(t, test.config) }
		a := access.New(next, func() *policy.Policy { return current })
		var got []string
		for line, err := range a.Logs(as(t, test.caller), id, invoker.LogQuery{}) {
			if err != nil {
				line.Text = runwith.CodeOf(err).String()
			}
			got = append(got, line.Text)
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("log followed by %s = %q, want %q", test.caller, text, test.want)
		}
	}
}

// TestBudgets checks that only operators see the budgets of others.
func TestBudgets(t *testing.T) {
	t.Parallel()
	for caller, want := range map[string]string{"operator": "", "viewer": "viewer", "anonymous": "refused"} {
		f := &fake{}
		_, err := open(t, f).Budgets(as(t, caller), "operator")
		got := "refused"
		if err == nil {
			got = strings.Join(f.budgetsOf, " ")
		}
		if got != want || (err != nil) != (want == "refused") {
			t.Errorf("%s sees the budgets of %q, %v, want %q", caller, got, err, want)
		}
	}
}

// Values of a change are for readers who may see values, if the request has them. Numbers are for
// everybody.
func TestChangesAreMasked(t *testing.T) {
	masked := []runwith.Change{
		{Field: "args", Job: []string{}, Run: []string{"***", "***"}}, {Field: "env", Name: "A", Job: []string{"***"}, Run: []string{"***"}},
		{Field: "env", Name: "FIXED", Run: []string{"***"}}, {Field: "taskCount", Job: []string{"1"}, Run: []string{"2"}},
	}
	values := []runwith.Change{
		{Field: "args", Job: []string{}, Run: []string{canary, canary}}, {Field: "env", Name: "A", Job: []string{"***"}, Run: []string{canary}},
		{Field: "env", Name: "FIXED", Run: []string{"***"}}, {Field: "taskCount", Job: []string{"1"}, Run: []string{"2"}},
	}
	for caller, want := range map[string][]runwith.Change{"viewer": masked, "valued": values} {
		got, err := open(t, &fake{caller: "starter"}).Changes(as(t, caller), id)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("changes for %s (-want +got), %v:\n%s", caller, err, diff)
		}
	}
}
