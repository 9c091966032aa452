package auth

// ForgeKey adds the checksum to a key without it.
func ForgeKey(body string) string { return body + checksum(body) }

// Google and GoogleWithoutScheme are the spellings of Google's issuer.
const Google, GoogleWithoutScheme = google, googleWithoutScheme
