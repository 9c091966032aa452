package jobspec

import (
	"regexp"
	"strings"
)

// The forms of names of other services' resources.
const (
	secretForm    = "projects/PROJECT/secrets/SECRET"
	bucketForm    = "projects/PROJECT/buckets/BUCKET"
	connectorForm = locationForm + "/connectors/CONNECTOR"
	keyForm       = locationForm + "/keyRings/KEYRING/cryptoKeys/KEY"
)

// The maximum lengths of IDs. The patterns below do not count, because one that counts to
// 255 takes 240 KB.
const (
	maxSecretID     = 255
	maxVersionAlias = 63
	maxBucketID     = 222
)

var (
	// referenceID matches one ID in the name of another service's resource. It is wide,
	// because each service has rules of its own.
	referenceID = regexp.MustCompile(`^[A-Za-z0-9_](?:[A-Za-z0-9._:-]*[A-Za-z0-9_-])?$`)
	// See https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create.
	secretID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	// A version is a number, or an alias such as latest.
	// See https://cloud.google.com/secret-manager/docs/assign-alias-to-secret-version.
	secretVersion = regexp.MustCompile(`^(?:[0-9]{1,19}|[A-Za-z][A-Za-z0-9_-]*)$`)
	// Deviation: names of fewer than 3 characters are accepted.
	// See https://cloud.google.com/storage/docs/buckets#naming.
	bucketID = regexp.MustCompile(`^[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?$`)
	// See https://cloud.google.com/sql/docs/mysql/connect-run.
	cloudSQLInstance = regexp.MustCompile(`^[A-Za-z0-9.-]+(?::[A-Za-z0-9-]+){2,3}$`)
	// See https://cloud.google.com/iam/docs/service-account-overview.
	accountEmail = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$`)
)

// CutSecret returns the ID of a secret from its name, which may contain the project. It
// returns false if the name is invalid. An ID is safe as the name of a file.
func CutSecret(name string) (id string, ok bool) {
	id = lastSegment(name, secretForm)
	return id, len(id) <= maxSecretID && secretID.MatchString(id)
}

// IsSecretVersion reports whether s is a number or an alias of a secret's version. Either
// is safe as the name of a file.
func IsSecretVersion(s string) bool {
	return len(s) <= maxVersionAlias && secretVersion.MatchString(s)
}

// CutBucket returns the ID of a bucket from its name, which may contain the project. It
// returns false if the name is invalid. An ID is safe as the name of a folder.
func CutBucket(name string) (id string, ok bool) {
	id = lastSegment(name, bucketForm)
	return id, len(id) <= maxBucketID && bucketID.MatchString(id) && !strings.Contains(id, "..")
}

// lastSegment returns the last part of a name of the given form. A name without slashes is
// returned whole, and "" stands for a name of another form.
func lastSegment(name, form string) string {
	if !strings.Contains(name, "/") {
		return name
	}
	if !hasForm(name, form) {
		return ""
	}
	return name[strings.LastIndexByte(name, '/')+1:]
}

// hasForm reports whether a name has the collections of the form, and an ID after each.
func hasForm(name, form string) bool {
	segments := strings.Split(name, "/")
	for i, collection := range collections(form) {
		if 2*i+1 >= len(segments) || segments[2*i] != collection || !referenceID.MatchString(segments[2*i+1]) {
			return false
		}
	}
	return len(segments) == strings.Count(form, "/")+1
}

// validateForm accepts an empty name as unset.
func validateForm(p Place, name, form string) {
	if name != "" && !hasForm(name, form) {
		p.Addf("must have the form %s, not %s", form, Quote(name))
	}
}

// validateAccount accepts an empty email address as unset.
func validateAccount(p Place, email string) {
	if email != "" && !accountEmail.MatchString(email) {
		p.Addf("must be the email address of a service account, not %s", Quote(email))
	}
}

// validateSecret accepts an empty name, because validateRequired reports it.
func validateSecret(p Place, name string) {
	if _, ok := CutSecret(name); !ok && name != "" {
		p.Addf("must be a secret's name, or %s, not %s", secretForm, Quote(name))
	}
}

// validateSecretVersion accepts an empty version as the latest.
func validateSecretVersion(p Place, version string) {
	if version != "" && !IsSecretVersion(version) {
		p.Addf("must be latest, a number or an alias, not %s", Quote(version))
	}
}
