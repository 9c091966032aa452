package jobspec

import (
	"strings"
	"unicode/utf8"

	"cloud.google.com/go/iam/apiv1/iampb"
	"google.golang.org/genproto/googleapis/type/expr"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

const (
	// maxPrincipals and maxGroups limit all bindings of a policy together, including
	// repetitions.
	maxPrincipals = 1500
	maxGroups     = 250
	// maxTitle and maxCondition limit a binding's condition, in characters.
	maxTitle     = 100
	maxCondition = 12_000
)

// PolicyVersion is the format of a policy. Versions 0 and 1 have no conditions.
// https://cloud.google.com/iam/docs/allow-policies#versions
type PolicyVersion = int32

// ConditionalPolicy is the version of policies with conditions.
const ConditionalPolicy PolicyVersion = 3

// ConditionalRole precedes a fingerprint in a role's name if the policy's version
// cannot show the binding's condition.
// https://cloud.google.com/iam/docs/troubleshooting-withcond
const ConditionalRole = "_withcond_"

// ValidatePolicyVersion checks the version in a request to read a policy.
func ValidatePolicyVersion(version PolicyVersion) error {
	var f Violations
	validateVersion(f.Root().Field("options.requested_policy_version"), version)
	return f.Err()
}

// ValidatePolicy checks a policy that a caller sets on a job, and the mask of the
// fields to change.
//
// Deviation: audit_configs are refused. Cloud Run's jobs have none of their own.
//
// See https://cloud.google.com/iam/docs/reference/rest/v1/Policy.
func ValidatePolicy(policy *iampb.Policy, mask *fieldmaskpb.FieldMask) error {
	var f Violations
	p := f.Root().Field("policy")
	if policy == nil {
		p.Addf(required)
	}
	validateVersion(p.Field("version"), policy.GetVersion())
	validateBindings(p.Field("bindings"), policy.GetBindings(), policy.GetVersion())
	if len(policy.GetAuditConfigs()) > 0 {
		p.Field("audit_configs").Addf("are of a project, a folder or an organization, and not of a job")
	}
	for i, path := range mask.GetPaths() {
		switch path {
		case "bindings", "etag", "version", "audit_configs", "*":
		default:
			f.Root().Field("update_mask.paths").Index(i).Addf("must be bindings, etag, version or audit_configs, not %s", Quote(path))
		}
	}
	return f.Err()
}

func validateVersion(p Place, version PolicyVersion) {
	if version != 0 && version != 1 && version != ConditionalPolicy {
		p.Addf("must be 0, 1 or 3, not %d", version)
	}
}

// validateBindings checks the bindings of a policy of the version.
//
// Deviation: roles and members are checked only for their format; they need not exist.
func validateBindings(p Place, bindings []*iampb.Binding, version PolicyVersion) {
	principals, groups := 0, 0
	for i, b := range bindings {
		at := p.Index(i)
		validateRole(at.Field("role"), b.GetRole())
		if len(b.GetMembers()) == 0 {
			at.Field("members").Addf(required)
		}
		for j, member := range b.GetMembers() {
			if principals++; principals > maxPrincipals {
				break // report the number, not the excess members
			}
			if strings.HasPrefix(member, "group:") {
				groups++
			}
			validateMember(at.Field("members").Index(j), member)
		}
		validateCondition(at.Field("condition"), b.GetCondition(), version)
	}
	if principals > maxPrincipals {
		p.Addf("at most %d principals are allowed", maxPrincipals)
	}
	if groups > maxGroups {
		p.Addf("at most %d of the principals can be groups, not %d", maxGroups, groups)
	}
}

// validateCondition checks a binding's condition.
//
// Deviation: only the length of the expression is checked, because the engine never
// evaluates it.
func validateCondition(p Place, c *expr.Expr, version PolicyVersion) {
	if c == nil {
		return
	}
	if version != ConditionalPolicy {
		p.Addf("needs policy.version 3, not %d", version)
	}
	for _, text := range []struct {
		field, value string
		limit        int
	}{{"title", c.GetTitle(), maxTitle}, {"expression", c.GetExpression(), maxCondition}} {
		at := p.Field(text.field)
		switch {
		case text.value == "":
			at.Addf(required)
		case utf8.RuneCountInString(text.value) > text.limit:
			at.Addf("length cannot exceed %d", text.limit)
		}
	}
}

// validateRole accepts predefined roles, known or not, and custom ones.
// https://cloud.google.com/iam/docs/roles-overview
func validateRole(p Place, role string) {
	owner, name, found := strings.Cut("/"+role, "/roles/")
	kind, id, _ := strings.Cut(strings.TrimPrefix(owner, "/"), "/")
	switch {
	case role == "":
		p.Addf(required)
	case !found || !isRoleID(name) || owner != "" && !isRoleOwner(kind, id):
		p.Addf("must be roles/ROLE, projects/PROJECT/roles/ROLE or organizations/NUMBER/roles/ROLE, not %s", Quote(role))
	case strings.Contains(name, ConditionalRole):
		p.Addf("%s stands for a role with a condition: read the policy in version 3, and set it so", Quote(role))
	}
}

func isRoleOwner(kind, id string) bool {
	return kind == "projects" && isProject(id) || kind == "organizations" && isNumber(id)
}

func isRoleID(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLower(c) && !isUpper(c) && !isDigit(c) && c != '_' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= 2*maxLabel
}

func isNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= maxLabel
}
