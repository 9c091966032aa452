package knative

import (
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// secretsAnnotation lists aliases of secrets in other projects, as ALIAS:PATH. v2 uses the
// paths where v1 uses the aliases.
// https://cloud.google.com/run/docs/reference/rest/v1/SecretKeySelector
const secretsAnnotation = group + "secrets"

// aliases are one template's names for secrets of other projects.
type aliases struct {
	list   []string          // ALIAS:PATH, in the order of the annotation
	paths  map[string]string // by alias
	byPath map[string]string
}

// remotePath matches the paths of secrets that can have an alias. Others stay unchanged.
var remotePath = regexp.MustCompile(`^projects/[^/,]+/secrets/([^/,:]+)$`)

// readAliases parses the annotation.
func readAliases(p jobspec.Place, annotation string) *aliases {
	a := &aliases{paths: map[string]string{}, byPath: map[string]string{}}
	for _, pair := range splitList(annotation) {
		alias, path, found := strings.Cut(strings.TrimSpace(pair), ":")
		switch _, twice := a.paths[alias]; {
		case !found || alias == "" || !remotePath.MatchString(path):
			p.Addf("%s must be ALIAS:projects/PROJECT/secrets/SECRET", jobspec.Quote(pair))
		case twice:
			p.Addf("%s is defined twice", jobspec.Quote(alias))
		default:
			a.add(alias, path)
		}
	}
	return a
}

func (a *aliases) add(alias, path string) {
	a.list = append(a.list, alias+":"+path)
	a.paths[alias] = path
	if _, known := a.byPath[path]; !known {
		a.byPath[path] = alias
	}
}

// newAliases returns an alias for each secret of another project in a template: the one in
// the kept annotation, or one derived from the secret's name. It drops a kept alias that is
// now the name of another secret.
func newAliases(t *runpb.TaskTemplate, kept string) *aliases {
	taken := map[string]bool{}
	for secret := range secretsOf(t) {
		taken[secret] = true
	}
	var ignored jobspec.Violations // the annotation was validated when it was stored
	a := &aliases{paths: map[string]string{}, byPath: map[string]string{}}
	for alias, path := range readAliases(ignored.Root(), kept).all() {
		if !taken[alias] {
			a.add(alias, path)
		}
	}
	for alias := range maps.Keys(a.paths) {
		taken[alias] = true
	}
	last := map[string]int{} // the last number that was tried, by name
	for secret := range secretsOf(t) {
		if m := remotePath.FindStringSubmatch(secret); m != nil && a.byPath[secret] == "" {
			alias := m[1]
			for taken[alias] {
				last[m[1]] = max(2, last[m[1]]+1)
				alias = fmt.Sprintf("%s-%d", m[1], last[m[1]])
			}
			taken[alias] = true
			a.add(alias, secret)
		}
	}
	return a
}

// all yields alias and path in order.
func (a *aliases) all() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, pair := range a.list {
			alias, path, _ := strings.Cut(pair, ":")
			if !yield(alias, path) {
				return
			}
		}
	}
}

// annotation returns the text of the annotation; empty without aliases.
func (a *aliases) annotation() string { return strings.Join(a.list, ",") }

// of returns v1's name of a secret in v2.
func (a *aliases) of(secret string) string {
	if alias, ok := a.byPath[secret]; ok {
		return alias
	}
	return secret
}

// path returns v2's name of a secret in v1.
func (a *aliases) path(name string) string {
	if path, ok := a.paths[name]; ok {
		return path
	}
	return name
}

// secretsOf yields v2's names of the secrets in a template.
func secretsOf(t *runpb.TaskTemplate) iter.Seq[string] {
	var all []string
	for _, c := range t.GetContainers() {
		all = append(all, secretsOfEnv(c.GetEnv())...)
	}
	for _, s := range t.GetSandboxes().GetTemplates() {
		all = append(all, secretsOfEnv(s.GetEnv())...)
	}
	for _, v := range t.GetVolumes() {
		if s := v.GetSecret(); s != nil {
			all = append(all, s.GetSecret())
		}
	}
	return slices.Values(all)
}

func secretsOfEnv(env []*runpb.EnvVar) (all []string) {
	for _, v := range env {
		if ref := v.GetValueSource().GetSecretKeyRef(); ref != nil {
			all = append(all, ref.GetSecret())
		}
	}
	return all
}
