package api_test

import (
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/type/expr"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/runwith/runwith/internal/engine"
)

const invoker = "roles/run.invoker"

// policy returns the policy of hello in a version.
func (c *client) policy(t *testing.T, version int32) *iampb.Policy {
	t.Helper()
	p, err := c.jobs.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{
		Resource: hello, Options: &iampb.GetPolicyOptions{RequestedPolicyVersion: version}})
	if err != nil {
		t.Fatalf("GetIamPolicy() = %v", err)
	}
	return p
}

func (c *client) setPolicy(t *testing.T, p *iampb.Policy, mask ...string) (*iampb.Policy, error) {
	t.Helper()
	req := &iampb.SetIamPolicyRequest{Resource: hello, Policy: p}
	if mask != nil {
		req.UpdateMask = &fieldmaskpb.FieldMask{Paths: mask}
	}
	return c.jobs.SetIamPolicy(t.Context(), req)
}

// mustSetPolicy sets the policy of hello, checks that it can be read back, and returns it.
func (c *client) mustSetPolicy(t *testing.T, p, want *iampb.Policy, mask ...string) *iampb.Policy {
	t.Helper()
	set, err := c.setPolicy(t, p, mask...)
	if err != nil {
		t.Fatalf("SetIamPolicy(%v) = %v", p, err)
	}
	if diff := cmp.Diff(want, set, protocmp.Transform(), protocmp.IgnoreFields(want, "etag")); diff != "" {
		t.Errorf("SetIamPolicy(%v) differs (-want +got):\n%s", p, diff)
	}
	if diff := cmp.Diff(set, c.policy(t, 3), protocmp.Transform()); diff != "" {
		t.Errorf("GetIamPolicy() after SetIamPolicy() differs (-set +got):\n%s", diff)
	}
	return set
}

func TestSetPolicy(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		job := c.create(t, shell("true"))
		unset := c.policy(t, 0)
		if diff := cmp.Diff(&iampb.Policy{Etag: []byte{0, 0x20, 1}}, unset, protocmp.Transform()); diff != "" {
			t.Errorf("GetIamPolicy() of a new job differs (-want +got):\n%s", diff)
		}
		sent := &iampb.Policy{Etag: unset.Etag, Bindings: []*iampb.Binding{
			{Role: invoker, Members: []string{"user:ann@example.com", "user:ann@example.com"}},
			{Role: "roles/run.viewer", Members: []string{"allUsers"}},
			{Role: invoker, Members: []string{"group:ops@example.com"}},
		}}
		want := &iampb.Policy{Version: 1, Bindings: []*iampb.Binding{
			{Role: invoker, Members: []string{"user:ann@example.com", "group:ops@example.com"}},
			{Role: "roles/run.viewer", Members: []string{"allUsers"}},
		}}
		first := c.mustSetPolicy(t, sent, want)
		if diff := cmp.Diff(job, c.job(t, hello), protocmp.Transform()); diff != "" {
			t.Errorf("the job changes with its policy (-before +after):\n%s", diff)
		}
		// A mask without bindings leaves them as they are, and so their version.
		c.mustSetPolicy(t, &iampb.Policy{}, want, "etag")
		second := c.mustSetPolicy(t, &iampb.Policy{Version: 3, Bindings: []*iampb.Binding{{
			Role: invoker, Members: []string{"allUsers"}, Condition: &expr.Expr{Title: "always", Expression: "true"},
		}}}, want, "etag")
		if string(second.Etag) == string(first.Etag) {
			t.Errorf("the etag is %x after a second request too", second.Etag)
		}
		if _, err := c.update(t, &runpb.UpdateJobRequest{Job: job}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(second, c.policy(t, 0), protocmp.Transform()); diff != "" {
			t.Errorf("an update of the job changes its policy (-before +after):\n%s", diff)
		}
		c.mustSetPolicy(t, &iampb.Policy{}, &iampb.Policy{Version: 1})

		c.mustSetPolicy(t, want, want)
		if _, err := c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello}); err != nil {
			t.Fatal(err)
		}
		_, err := c.setPolicy(t, want)
		wantCode(t, "SetIamPolicy() of a deleted job", err, codes.NotFound, "Resource 'hello' of kind 'JOB' in region 'us-east4' in project 'demo' does not exist.")
		_, err = c.jobs.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: hello})
		wantCode(t, "GetIamPolicy() of a deleted job", err, codes.NotFound, "Resource 'hello' of kind 'JOB' in region 'us-east4' in project 'demo' does not exist.")
		c.create(t, shell("true"))
		if got := c.policy(t, 0); len(got.Bindings) != 0 {
			t.Errorf("a job that was created anew has the policy %v, want none", got)
		}
	})
}

func TestSetPolicyChecksEtag(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("true"))
		mine, yours := c.policy(t, 0), c.policy(t, 0)
		mine.Bindings = []*iampb.Binding{{Role: invoker, Members: []string{"allUsers"}}}
		set, err := c.setPolicy(t, mine)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.setPolicy(t, yours)
		wantCode(t, "SetIamPolicy() with the etag before", err, codes.Aborted, "policy.etag")
		_, err = c.setPolicy(t, mine)
		wantCode(t, "SetIamPolicy() with the etag before, repeated", err, codes.Aborted, "policy.etag")
		if diff := cmp.Diff(set, c.policy(t, 0), protocmp.Transform()); diff != "" {
			t.Errorf("a refused request changes the policy (-before +after):\n%s", diff)
		}
		if _, err := c.setPolicy(t, set); err != nil {
			t.Errorf("SetIamPolicy() with the newest etag = %v", err)
		}
		if _, err := c.setPolicy(t, &iampb.Policy{}); err != nil {
			t.Errorf("SetIamPolicy() without an etag = %v", err)
		}
	})
}

func TestPolicyWithConditionsNeedsVersion3(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("true"))
		until := &expr.Expr{Title: "until 2030", Description: "for now", Expression: `request.time < timestamp("2030-01-01T00:00:00Z")`}
		want := &iampb.Policy{Version: 3, Bindings: []*iampb.Binding{
			{Role: invoker, Members: []string{"user:ann@example.com"}, Condition: until},
			{Role: invoker, Members: []string{"user:bob@example.com"}},
		}}
		c.mustSetPolicy(t, want, want)
		c.mustSetPolicy(t, &iampb.Policy{}, want, "version") // bindings stay, conditions with them

		set := c.policy(t, 3)
		plain := c.policy(t, 0)
		hidden := plain.Bindings[0]
		if plain.Version != 1 {
			t.Errorf("version = %d, want 1", plain.Version)
		}
		if hidden.Condition != nil {
			t.Errorf("condition in version 1 = %v, want none", hidden.Condition)
		}
		if want := invoker + "_withcond_"; !strings.HasPrefix(hidden.Role, want) {
			t.Errorf("role with a condition = %q, want %s in front", hidden.Role, want)
		}
		if role := plain.Bindings[1].Role; role != invoker {
			t.Errorf("role without a condition = %q, want %q", role, invoker)
		}
		_, err := c.setPolicy(t, plain)
		wantCode(t, "SetIamPolicy() of what version 1 shows", err, codes.InvalidArgument, "policy.bindings[0].role")
		_, err = c.setPolicy(t, &iampb.Policy{Etag: set.Etag, Version: 1})
		wantCode(t, "SetIamPolicy() of version 1 over conditions", err, codes.InvalidArgument, "policy.version")
		_, err = c.setPolicy(t, &iampb.Policy{Version: 1, Bindings: want.Bindings})
		wantCode(t, "SetIamPolicy() of a condition in version 1", err, codes.InvalidArgument, "policy.bindings[0].condition")
		_, err = c.jobs.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{
			Resource: hello, Options: &iampb.GetPolicyOptions{RequestedPolicyVersion: 2}})
		wantCode(t, "GetIamPolicy() of version 2", err, codes.InvalidArgument, "options.requested_policy_version")
		c.mustSetPolicy(t, &iampb.Policy{}, &iampb.Policy{Version: 1}) // without an etag all goes
	})
}

func TestPermissionsOfTheOwner(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("true"))
		ask := func(resource string, permissions ...string) ([]string, error) {
			res, err := c.jobs.TestIamPermissions(t.Context(), &iampb.TestIamPermissionsRequest{Resource: resource, Permissions: permissions})
			return res.GetPermissions(), err
		}
		got, err := ask(hello, "run.jobs.runWithOverrides", "storage.objects.get", "run.jobs.get", "run.services.get")
		if diff := cmp.Diff([]string{"run.jobs.runWithOverrides", "run.jobs.get"}, got); err != nil || diff != "" {
			t.Errorf("TestIamPermissions() = %v, %v; differs (-want +got):\n%s", got, err, diff)
		}
		if got, err := ask(parent+"/jobs/none", "run.jobs.run"); err != nil || len(got) != 0 {
			t.Errorf("TestIamPermissions() of a job that is not there = %v, %v; want none", got, err)
		}
		_, err = ask(hello, "run.*")
		wantCode(t, "TestIamPermissions(run.*)", err, codes.InvalidArgument, "permissions[0]")
		_, err = ask("projects/demo/locations/Nowhere!/jobs/hello", "run.jobs.run")
		wantCode(t, "TestIamPermissions() of a bad name", err, codes.InvalidArgument, "Nowhere!")
	})
}

// v1 shows the policy that v2 sets, and vice versa.
func TestPolicyOverV1(t *testing.T) {
	t.Parallel()
	s := openServer(t, t.TempDir(), engine.Config{})
	c := dialREST(t, s)
	c.create(t, shell("true"))
	call := func(method, verb, body string) string {
		status, answer := s.call(t, method, "/v1/"+hello+verb, body)
		return fmt.Sprint(status, " ", answer)
	}
	if got, want := call("GET", ":getIamPolicy?prettyPrint=false", ""), "200 {\"etag\":\"ACAB\"}\n"; got != want {
		t.Errorf("getIamPolicy of a new job = %s, want %s", got, want)
	}
	// As gcloud sends it: the etag URL-safe, the mask of what its file had.
	first := c.mustSetPolicy(t, &iampb.Policy{}, &iampb.Policy{Version: 1})
	raw, err := protojson.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	urlSafe := strings.NewReplacer("+", "-", "/", "_").Replace(strings.Trim(string(raw), "{}"))
	body := `{"policy":{"bindings":[{"role":"roles/run.invoker","members":["allUsers"]}],` + urlSafe + `},"updateMask":"bindings,etag"}`
	if got := call("POST", ":setIamPolicy", body); !strings.HasPrefix(got, "200 ") {
		t.Errorf("setIamPolicy %s = %s, want 200", body, got)
	}
	if got := c.policy(t, 0); len(got.Bindings) != 1 || got.Bindings[0].Role != invoker {
		t.Errorf("the policy in v2 = %v, want what v1 has set", got)
	}
	if got := call("POST", ":setIamPolicy", body); !strings.HasPrefix(got, "409 ") || !strings.Contains(got, `"ABORTED"`) {
		t.Errorf("setIamPolicy with a stale etag = %s, want 409 ABORTED", got)
	}
	if got := call("POST", ":testIamPermissions?prettyPrint=false", `{"permissions":["run.jobs.run"]}`); got != "200 {\"permissions\":[\"run.jobs.run\"]}\n" {
		t.Errorf("testIamPermissions = %s, want run.jobs.run", got)
	}
	if got := call("POST", ":setIamPolicy", `{"policy":{},"updateMask":"colour"}`); !strings.HasPrefix(got, "400 ") || !strings.Contains(got, "updateMask.paths[0]") {
		t.Errorf("setIamPolicy with an unknown mask = %s, want 400 that names it", got)
	}
}
