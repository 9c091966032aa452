package jobspec

import "strings"

const (
	// maxLabel is the maximum length of a DNS label (RFC 1123).
	maxLabel = 63
	// maxExecutionID is the length of the longest job ID plus the hyphen and five
	// characters that Cloud Run appends.
	maxExecutionID = maxLabel + 6
	// maxOperationID is our own limit.
	maxOperationID = 128
	// MaxTasks is the maximum number of tasks of an execution.
	MaxTasks = 10_000
)

// isLabel reports whether s is a DNS label (RFC 1123) of at most limit
// characters: lower-case letters, digits and hyphens, without a hyphen at either end.
func isLabel(s string, limit int) bool {
	if s == "" || len(s) > limit || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLower(c) && !isDigit(c) && c != '-' {
			return false
		}
	}
	return true
}

// isName reports whether s is a DNS label that begins with a letter.
func isName(s string, limit int) bool { return isLabel(s, limit) && isLower(s[0]) }

// isDomain reports whether s consists of DNS labels separated by dots.
func isDomain(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label, maxLabel) {
			return false
		}
	}
	return true
}

// isProject reports whether s has the form of a project's ID or number, with or without
// a domain (example.com:project).
//
// Deviation: Google requires six characters; a local project may be called demo.
func isProject(s string) bool {
	domain, id, scoped := strings.Cut(s, ":")
	if !scoped {
		return isLabel(s, maxLabel)
	}
	return isDomain(domain) && isLabel(id, maxLabel)
}

// isOperationID reports whether s has the form of an operation's ID.
//
// Deviation: Cloud Run's IDs are UUIDs, and so are the engine's. A request may contain
// other IDs, and the answer is NOT_FOUND.
func isOperationID(s string) bool {
	if s == "" || len(s) > maxOperationID {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLower(c) && !isUpper(c) && !isDigit(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
