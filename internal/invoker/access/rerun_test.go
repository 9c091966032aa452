package access_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// TestRerunKeepsSecrets checks that a caller without the verb values cannot send a part of the
// values so that the job shows the others.
func TestRerunKeepsSecrets(t *testing.T) {
	t.Parallel()
	all := runwith.Overrides{Args: []string{"a"}, Env: map[string]string{"A": "a"}, Containers: []runwith.ContainerOverride{{Name: "c"}}}
	tenant := map[string]any{"tenant": "acme"}
	for name, test := range map[string]struct {
		changes runwith.Request
		want    runwith.Code
	}{
		"nothing":         {runwith.Request{}, runwith.OK},
		"labels":          {runwith.Request{Labels: map[string]string{"a": "b"}}, runwith.OK},
		"parameters":      {runwith.Request{Parameters: tenant}, runwith.PermissionDenied},
		"other parameter": {runwith.Request{Parameters: map[string]any{"other": 1}, Overrides: all}, runwith.PermissionDenied},
		"arguments":       {runwith.Request{Overrides: runwith.Overrides{Args: []string{}}}, runwith.PermissionDenied},
		"variables":       {runwith.Request{Overrides: runwith.Overrides{Env: map[string]string{"PATH": "/tmp"}}}, runwith.PermissionDenied},
		"containers":      {runwith.Request{Overrides: runwith.Overrides{Containers: []runwith.ContainerOverride{}}}, runwith.PermissionDenied},
	} {
		f := &fake{caller: "starter"}
		_, _, err := open(t, f).Rerun(as(t, "starter"), invoker.Rerun{ID: id, Changes: test.changes})
		// The policy of the test allows no overrides, so they are refused after this check.
		if allowed := !strings.Contains(fmt.Sprint(err), "verb values"); allowed != (test.want == runwith.OK) {
			t.Errorf("%s: error = %v, want code %v", name, err, test.want)
		}
		if strings.Contains(fmt.Sprint(err), canary) {
			t.Errorf("%s: error = %v shows a value", name, err)
		}
	}
}

// TestRerunAsks checks the request that the invoker gets.
func TestRerunAsks(t *testing.T) {
	t.Parallel()
	f := &fake{caller: "starter", asked: &runwith.Request{Parameters: map[string]any{"tenant": canary}, Labels: map[string]string{"a": "b"}}}
	changes := runwith.Request{Parameters: map[string]any{"tenant": "acme"}}
	got, _, err := open(t, f).Rerun(as(t, "starter"), invoker.Rerun{ID: id, Key: "k", Changes: changes})
	if err != nil || strings.Contains(fmt.Sprintf("%+v", got.Request), canary) {
		t.Fatalf("Rerun() = %+v, %v, want it masked", got.Request, err)
	}
	asked := runwith.Request{Parameters: changes.Parameters, Labels: map[string]string{"a": "b"}}
	want := invoker.Request{Job: "reindex", Key: "k", RerunOf: id, Changes: changes, Asked: asked, Terms: f.request.Terms}
	if diff := cmp.Diff(want, f.request); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if args := f.request.Terms.Overrides.Args; !cmp.Equal(args, []string{"acme"}) {
		t.Errorf("arguments = %q, want those of the changed parameter", args)
	}
}

// TestEachIsDecidedApart sends a good request between two that the policy refuses.
func TestEachIsDecidedApart(t *testing.T) {
	t.Parallel()
	f := &fake{caller: "starter"}
	bad := invoker.Request{Asked: runwith.Request{Parameters: map[string]any{"tenant": 7}}}
	repeated := bad
	repeated.Key = "known"
	got, err := open(t, f).InvokeEach(as(t, "starter"), "reindex", []invoker.Request{bad, request(), repeated})
	if err != nil || len(got) != 3 {
		t.Fatalf("InvokeEach() = %v, %v, want three answers", got, err)
	}
	if runwith.CodeOf(got[0].Err) != runwith.InvalidArgument {
		t.Errorf("error of the first = %v, want INVALID_ARGUMENT", got[0].Err)
	}
	if got[1].Err != nil {
		t.Errorf("error of the second = %v, want it accepted", got[1].Err)
	}
	if got[2].Err != nil {
		t.Errorf("error of the third = %v, want it repeated", got[2].Err)
	}
	if !got[2].Replayed {
		t.Errorf("the third = %+v, want it repeated", got[2])
	}
	if f.request.Terms.Target == "" || f.request.Job != "reindex" {
		t.Errorf("request = %+v, want the terms of the policy", f.request)
	}
}

// TestWholeRerun checks that a whole request keeps all hidden values or none.
func TestWholeRerun(t *testing.T) {
	t.Parallel()
	hook := &runwith.Callback{URL: "https://api.example.com/hook?token=" + canary}
	before := runwith.Request{Parameters: map[string]any{"tenant": canary}, Labels: map[string]string{"a": "b"}}
	sent := runwith.Request{Parameters: map[string]any{"tenant": "acme"}, Labels: map[string]string{"c": "d"}}
	for name, test := range map[string]struct {
		again invoker.Rerun
		want  any
	}{
		"all is sent":     {invoker.Rerun{Whole: true}, "acme"},
		"values are kept": {invoker.Rerun{Whole: true, KeepValues: true}, canary},
	} {
		f := &fake{caller: "starter", asked: &before}
		test.again.ID, test.again.Changes = id, sent
		if _, _, err := open(t, f).Rerun(as(t, "starter"), test.again); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := f.request.Asked; got.Parameters["tenant"] != test.want || !cmp.Equal(got.Labels, sent.Labels) {
			t.Errorf("%s: request = %+v, want tenant %v and the labels that were sent", name, got, test.want)
		}
	}
	origin := runwith.Invocation{ID: id, Request: &runwith.Request{Callback: hook}}
	for keep, want := range map[bool]*runwith.Callback{true: hook, false: nil} {
		if q, err := (invoker.Rerun{Whole: true, KeepCallback: keep}).Of(origin); err != nil || q.Asked.Callback != want {
			t.Errorf("kept %v: callback = %+v, %v, want %+v", keep, q.Asked.Callback, err, want)
		}
	}
}

// TestCheckStartsNothing checks that it refuses what a start would refuse, and asks nobody.
func TestCheckStartsNothing(t *testing.T) {
	t.Parallel()
	good, bad := runwith.Request{Parameters: map[string]any{"tenant": "acme"}}, runwith.Request{}
	for _, test := range []struct {
		caller string
		asked  runwith.Request
		plain  runwith.Code
		again  runwith.Code
	}{
		{"starter", good, runwith.OK, runwith.OK},
		{"starter", bad, runwith.InvalidArgument, runwith.InvalidArgument},
		{"viewer", good, runwith.PermissionDenied, runwith.PermissionDenied},
		{"stranger", good, runwith.NotFound, runwith.NotFound},
	} {
		f := &fake{caller: "starter", asked: &runwith.Request{}}
		a := open(t, f)
		plain := a.Check(as(t, test.caller), "reindex", test.asked)
		again := a.CheckRerun(as(t, test.caller), invoker.Rerun{ID: id, Whole: true, Changes: test.asked})
		if runwith.CodeOf(plain) != test.plain || runwith.CodeOf(again) != test.again || len(f.calls) > 0 {
			t.Errorf("%s: Check() = %v, CheckRerun() = %v, calls %q", test.caller, plain, again, f.calls)
		}
	}
}
