package jobspec

import "strings"

const (
	// maxLabel is the length of a DNS label (RFC 1123).
	maxLabel = 63
	// maxExecutionID has room for the longest job's ID and the hyphen and five
	// characters that Cloud Run appends.
	maxExecutionID = maxLabel + 6
	// maxOperationID is our own bound.
	maxOperationID = 128
	// maxTasks of an execution.
	maxTasks = 10_000
)

// isLabel reports whether s is a DNS label (RFC 1123) of at most limit
// characters: lower-case letters, digits and hyphens, at neither end a hyphen.
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

// isDomain reports whether s is DNS labels with dots between them.
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

// isProject reports whether s may be the ID or the number of a project, alone or
// behind a domain (example.com:project).
//
// Deviation: Google asks an ID for six characters; on one's own machine a project
// may be called demo.
func isProject(s string) bool {
	domain, id, scoped := strings.Cut(s, ":")
	if !scoped {
		return isLabel(s, maxLabel)
	}
	return isDomain(domain) && isLabel(id, maxLabel)
}

// isOperationID reports whether s may be the ID of an operation.
//
// Deviation: Cloud Run's are UUIDs, as those are that the engine gives; a request
// may ask for any other, and is told that it does not exist.
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
