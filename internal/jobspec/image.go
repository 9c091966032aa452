package jobspec

import "regexp"

// maxImageName and maxImageTag are the maximum lengths of an image's name, which is without
// tag and digest, and of its tag.
const maxImageName, maxImageTag = 255, 128

// imagePath matches HOST:PORT/PATH:TAG@DIGEST. Only the path is required. The groups are the
// name, the tag, and the digest's algorithm and value. Their lengths are checked apart,
// because a regular expression that counts to 128 takes 130 KB more.
//
// See https://github.com/distribution/reference.
var imagePath = regexp.MustCompile(`^(` +
	`(?:(?:` + hostLabel + `(?:\.` + hostLabel + `)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?/)?` +
	imagePart + `(?:/` + imagePart + `)*)` +
	`(?::(\w[\w.-]*))?` +
	`(?:@(sha256|sha512):([0-9a-f]+))?$`)

const (
	hostLabel = `(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])`
	imagePart = `[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`
)

// validateImage accepts an empty image, because validateRequired reports it.
//
// Deviation: Cloud Run pulls only from gcr.io, docker.pkg.dev and docker.io. Other hosts
// are accepted, because a registry of one's own is useful for tests.
func validateImage(p Place, image string) {
	if image == "" {
		return
	}
	if !isImagePath(image) {
		p.Addf("must be an image path like [host/]repo-path[:tag and/or @digest], not %s", Quote(image))
	}
}

func isImagePath(s string) bool {
	m := imagePath.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	digits := map[string]int{"sha256": 64, "sha512": 128}[m[3]]
	return len(m[1]) <= maxImageName && len(m[2]) <= maxImageTag && len(m[4]) == digits
}
