package jobspec

import "regexp"

// maxImageName is the maximum length of an image's name, without tag and digest.
const maxImageName = 255

// imagePath matches HOST:PORT/PATH:TAG@DIGEST. Only the path is required. The first group
// is the name.
//
// See https://github.com/distribution/reference.
var imagePath = regexp.MustCompile(`^(` +
	`(?:(?:` + hostLabel + `(?:\.` + hostLabel + `)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?/)?` +
	imagePart + `(?:/` + imagePart + `)*)` +
	`(?::\w[\w.-]{0,127})?` +
	`(?:@(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$`)

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
	m := imagePath.FindStringSubmatch(image)
	if m == nil || len(m[1]) > maxImageName {
		p.Addf("must be an image path like [host/]repo-path[:tag and/or @digest], not %s", Quote(image))
	}
}
