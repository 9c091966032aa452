package jobspec_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/iam/apiv1/iampb"
	"google.golang.org/genproto/googleapis/type/expr"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// granting returns a policy with one binding.
func granting(role string, members ...string) *iampb.Policy {
	return &iampb.Policy{Bindings: []*iampb.Binding{{Role: role, Members: members}}}
}

// conditional returns a policy with one conditional binding.
func conditional(version int32, c *expr.Expr) *iampb.Policy {
	p := granting("roles/run.invoker", "allUsers")
	p.Version, p.Bindings[0].Condition = version, c
	return p
}

// principals returns a policy that repeats a principal n times.
func principals(n int, member string) *iampb.Policy {
	members := make([]string, n)
	for i := range members {
		members[i] = member
	}
	return granting("roles/run.invoker", members...)
}

func TestValidatePolicy(t *testing.T) {
	t.Parallel()
	const role = "roles/run.invoker"
	notRole := func(role string) string {
		return fmt.Sprintf("policy.bindings[0].role: must be roles/ROLE, projects/PROJECT/roles/ROLE or organizations/NUMBER/roles/ROLE, not %q", role)
	}
	member := "policy.bindings[0].members[0]: must be "
	condition := "policy.bindings[0].condition"
	for _, test := range []struct {
		name   string
		policy *iampb.Policy
		says   string // empty if the policy is valid
	}{
		{"none", nil, "policy: required field not present"},
		{"an empty one", &iampb.Policy{}, ""},
		{"version 1", &iampb.Policy{Version: 1}, ""},
		{"version 2", &iampb.Policy{Version: 2}, "policy.version: must be 0, 1 or 3, not 2"},
		{"audit configs", &iampb.Policy{AuditConfigs: []*iampb.AuditConfig{{}}}, "policy.audit_configs: are of a project, a folder or an organization"},

		{"a predefined role", granting("roles/run.jobsExecutorWithOverrides", "allUsers"), ""},
		{"a role of a project", granting("projects/demo/roles/my_Runner.1", "allUsers"), ""},
		{"a role of an organization", granting("organizations/123/roles/runner", "allUsers"), ""},
		{"no role", granting("", "allUsers"), "policy.bindings[0].role: required field not present"},
		{"a bare role", granting("run.invoker", "allUsers"), notRole("run.invoker")},
		{"a role without a name", granting("roles/", "allUsers"), notRole("roles/")},
		{"a role with a space", granting("roles/run invoker", "allUsers"), notRole("roles/run invoker")},
		{"a role of a folder", granting("folders/1/roles/x", "allUsers"), notRole("folders/1/roles/x")},
		{"a role of an organization's name", granting("organizations/x/roles/x", "allUsers"), notRole("organizations/x/roles/x")},
		{"a role that hides its condition", granting("roles/run.invoker_withcond_2b17cc25d2cd9e2c54d8", "allUsers"),
			`policy.bindings[0].role: "roles/run.invoker_withcond_2b17cc25d2cd9e2c54d8" stands for a role with a condition`},

		{"no members", granting(role), "policy.bindings[0].members: required field not present"},
		{"an empty member", granting(role, ""), "policy.bindings[0].members[0]: required field not present"},
		{"everyone", granting(role, "allUsers", "allAuthenticatedUsers"), ""},
		{"a user", granting(role, "user:ann+jobs@Example.com"), ""},
		{"a user without a domain", granting(role, "user:ann"), member + `user:EMAIL, not "user:ann"`},
		{"a user with a space", granting(role, "user:an n@example.com"), member + "user:EMAIL"},
		{"a service account", granting(role, "serviceAccount:runner@demo.iam.gserviceaccount.com"), ""},
		{"a service account of Kubernetes", granting(role, "serviceAccount:demo.svc.id.goog[default/runner]"), ""},
		{"half a service account of Kubernetes", granting(role, "serviceAccount:demo.svc.id.goog[default]"), member + "serviceAccount:EMAIL"},
		{"a group", granting(role, "group:ops@example.com"), ""},
		{"a domain", granting(role, "domain:example.com"), ""},
		{"a domain that is none", granting(role, "domain:@example"), member + "domain:DOMAIN"},
		{"a principal", granting(role, "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/s"), ""},
		{"a principal from elsewhere", granting(role, "principal://example.com/x"), member + "principal://iam.googleapis.com/..."},
		{"a set of principals", granting(role, "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*"), ""},
		{"a deleted user", granting(role, "deleted:user:ann@example.com?uid=123456789012345678901"), ""},
		{"a deleted user without a number", granting(role, "deleted:user:ann@example.com"), member + "deleted:user:EMAIL?uid=NUMBER"},
		{"a deleted principal", granting(role, "deleted:principal://iam.googleapis.com/locations/global/x"), ""},
		{"a deleted domain", granting(role, "deleted:domain:example.com"), member + "allUsers, allAuthenticatedUsers, or begin with"},
		{"a bare address", granting(role, "ann@example.com"), member + "allUsers, allAuthenticatedUsers, or begin with"},
		{"an endless address", granting(role, "user:"+strings.Repeat("a", 1020)+"@example.com"), "members[0]: length cannot exceed 1024"},

		{"1,500 principals", principals(1500, "allUsers"), ""},
		{"1,501 principals", principals(1501, "allUsers"), "policy.bindings: at most 1500 principals are allowed"},
		{"250 groups", principals(250, "group:ops@example.com"), ""},
		{"251 groups", principals(251, "group:ops@example.com"), "policy.bindings: at most 250 of the principals can be groups, not 251"},

		{"a condition", conditional(3, &expr.Expr{Title: "until 2030", Expression: "request.time < x"}), ""},
		{"a condition in version 1", conditional(1, &expr.Expr{Title: "t", Expression: "true"}), condition + ": needs policy.version 3, not 1"},
		{"a condition without a title", conditional(3, &expr.Expr{Expression: "true"}), condition + ".title: required field not present"},
		{"a condition without an expression", conditional(3, &expr.Expr{Title: "t"}), condition + ".expression: required field not present"},
		{"a title of 101 characters", conditional(3, &expr.Expr{Title: strings.Repeat("ü", 101), Expression: "true"}), condition + ".title: length cannot exceed 100"},
		{"an expression of 12,001 characters", conditional(3, &expr.Expr{Title: "t", Expression: strings.Repeat("x", 12_001)}), condition + ".expression: length cannot exceed 12000"},
	} {
		err := jobspec.ValidatePolicy(test.policy, nil)
		if test.says != "" {
			wantInvalid(t, "ValidatePolicy("+test.name+")", err, test.says)
		} else if err != nil {
			t.Errorf("ValidatePolicy(%s) = %v, want no error", test.name, err)
		}
	}
}

func TestValidatePolicyMask(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		paths []string
		says  string
	}{
		{nil, ""},
		{[]string{"*"}, ""},
		{[]string{"bindings", "etag", "version", "audit_configs"}, ""},
		{[]string{"bindings", "colour"}, `update_mask.paths[1]: must be bindings, etag, version or audit_configs, not "colour"`},
	} {
		err := jobspec.ValidatePolicy(&iampb.Policy{}, &fieldmaskpb.FieldMask{Paths: test.paths})
		if (err == nil) != (test.says == "") || err != nil && err.Error() != test.says {
			t.Errorf("ValidatePolicy(mask %q) = %v, want %q", test.paths, err, test.says)
		}
	}
}

func TestValidatePermissions(t *testing.T) {
	t.Parallel()
	many := strings.Split(strings.Repeat("run.jobs.run ", 101), " ")
	for _, test := range []struct {
		permissions []string
		says        string
	}{
		{nil, ""},
		{[]string{"run.jobs.run", "storage.objects.get"}, ""},
		{many[:100], ""},
		{many[:101], "permissions: at most 100 are allowed, not 101"},
		{[]string{"run.jobs.run", "run.jobs.*"}, `permissions[1]: must be SERVICE.RESOURCE.VERB without wildcards, such as run.jobs.run, not "run.jobs.*"`},
		{[]string{"run.jobs"}, "permissions[0]"},
		{[]string{"run..run"}, "permissions[0]"},
		{[]string{""}, "permissions[0]"},
	} {
		err := jobspec.ValidatePermissions(test.permissions)
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("ValidatePermissions(%.3q) = %v, want %q", test.permissions, err, test.says)
		}
	}
}

func FuzzValidatePolicy(f *testing.F) {
	f.Add([]byte(`{"bindings":[{"role":"roles/run.invoker","members":["serviceAccount:a.svc.id.goog[b/c]","deleted:user:a@b?uid=1"],`+
		`"condition":{"title":"t","expression":"e"}}],"version":3,"etag":"ACAB"}`), "bindings,etag")
	f.Add([]byte(`{"auditConfigs":[{"service":"allServices"}]}`), "bindings.role,,*")
	f.Fuzz(func(t *testing.T, text []byte, mask string) {
		policy := &iampb.Policy{}
		if protojson.Unmarshal(text, policy) != nil {
			return
		}
		paths := strings.Split(mask, ",")
		err := jobspec.ValidatePolicy(policy, &fieldmaskpb.FieldMask{Paths: paths})
		if err == nil {
			if i := slices.IndexFunc(paths, func(path string) bool { return strings.ContainsAny(path, ". ") || path == "" }); i >= 0 {
				t.Errorf("ValidatePolicy() accepts the unknown path %q, want INVALID_ARGUMENT", paths[i])
			}
			for _, b := range policy.Bindings {
				if !strings.Contains(b.Role, "roles/") || len(b.Members) == 0 {
					t.Errorf("ValidatePolicy() accepts %v, want INVALID_ARGUMENT", b)
				}
			}
			return
		}
		if runwith.CodeOf(err) != runwith.InvalidArgument || len(err.Error()) > 16<<10 {
			t.Errorf("ValidatePolicy() = %v, want a short INVALID_ARGUMENT", err)
		}
	})
}
