package jobspec

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMember is the maximum length of a principal, in characters.
const maxMember = 1024

// memberRule is the form of principals with one prefix.
type memberRule struct {
	prefix string
	form   string // for error messages
	is     func(rest string) bool
}

// memberRules are the forms of Google's principals. They check email addresses and
// attributes of pools only roughly.
// https://cloud.google.com/iam/docs/principal-identifiers
func memberRules() []memberRule {
	return []memberRule{
		{"user:", "user:EMAIL", isEmail},
		{"serviceAccount:", "serviceAccount:EMAIL", isServiceAccount},
		{"group:", "group:EMAIL", isEmail},
		{"domain:", "domain:DOMAIN", isDomain},
		{"principal://", "principal://iam.googleapis.com/...", isPool},
		{"principalSet://", "principalSet://iam.googleapis.com/...", isPool},
		{"deleted:user:", "deleted:user:EMAIL?uid=NUMBER", isDeleted},
		{"deleted:serviceAccount:", "deleted:serviceAccount:EMAIL?uid=NUMBER", isDeleted},
		{"deleted:group:", "deleted:group:EMAIL?uid=NUMBER", isDeleted},
		{"deleted:principal://", "deleted:principal://iam.googleapis.com/...", isPool},
	}
}

// validateMember checks a principal of a binding.
func validateMember(p Place, member string) {
	switch {
	case member == "":
		p.Addf(required)
		return
	case member == "allUsers", member == "allAuthenticatedUsers":
		return
	case utf8.RuneCountInString(member) > maxMember:
		p.Addf("length cannot exceed %d", maxMember)
		return
	}
	for _, rule := range memberRules() {
		if rest, ok := strings.CutPrefix(member, rule.prefix); ok {
			if !rule.is(rest) || strings.ContainsFunc(rest, unicode.IsSpace) {
				p.Addf("must be %s, not %s", rule.form, Quote(member))
			}
			return
		}
	}
	p.Addf("must be allUsers, allAuthenticatedUsers, or begin with user:, serviceAccount:, group:, domain:, principal://, "+
		"principalSet:// or deleted:, not %s", Quote(member))
}

func isEmail(s string) bool {
	name, domain, ok := strings.Cut(s, "@")
	return ok && name != "" && isDomain(strings.ToLower(domain))
}

// isServiceAccount accepts an address, and a Kubernetes service account
// (PROJECT.svc.id.goog[NAMESPACE/NAME]).
func isServiceAccount(s string) bool {
	pool, account, ok := strings.Cut(s, "[")
	if !ok {
		return isEmail(s)
	}
	namespace, name, both := strings.Cut(strings.TrimSuffix(account, "]"), "/")
	return strings.HasSuffix(account, "]") && strings.HasSuffix(pool, ".svc.id.goog") && both && isDomain(namespace) && isDomain(name)
}

func isDeleted(s string) bool {
	email, uid, ok := strings.Cut(s, "?uid=")
	return ok && isEmail(email) && isNumber(uid)
}

func isPool(s string) bool {
	path, ok := strings.CutPrefix(s, "iam.googleapis.com/")
	return ok && path != ""
}
