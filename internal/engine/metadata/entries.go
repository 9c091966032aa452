package metadata

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// entry is a value or an empty folder of the metadata server.
type entry struct {
	// value is a string, a number or a list of strings; nil for an empty folder.
	value any
	// make computes a value from the query, instead of value. Recursive answers omit it.
	make func(query url.Values) (any, error)
}

// entries are the server's entries by path below root. Paths of folders end with a slash.
type entries map[string]entry

func (a *Authority) entries() entries {
	c := a.config
	e := entries{
		"project/project-id":         {value: c.Project},
		"project/numeric-project-id": {value: a.number},
		"project/attributes/":        {},
		"instance/attributes/":       {},
		"instance/id":                {value: a.instance},
		"instance/region":            {value: "projects/" + c.ProjectNumber + "/regions/" + c.Region},
		"instance/zone":              {value: "projects/" + c.ProjectNumber + "/zones/" + c.zone()},
		"universe/universe-domain":   {value: "googleapis.com"},
	}
	for _, account := range []string{"default", c.ServiceAccountEmail} {
		dir := accountsDir + account + "/"
		e[dir+"aliases"] = entry{value: []string{"default"}}
		e[dir+"email"] = entry{value: c.ServiceAccountEmail}
		e[dir+"scopes"] = entry{value: []string{"https://www.googleapis.com/auth/cloud-platform"}}
		e[dir+"token"] = entry{make: a.token}
		e[dir+"identity"] = entry{make: a.identityToken}
	}
	return e
}

const accountsDir = "instance/service-accounts/"

// isFolder reports whether path is a folder. path must end with a slash or be empty.
func (e entries) isFolder(path string) bool {
	for name := range e {
		if strings.HasPrefix(name, path) {
			return true
		}
	}
	return false
}

// names returns the sorted names in a folder. Names of folders end with a slash.
func (e entries) names(folder string) []string {
	names := make(map[string]bool)
	for path := range e {
		rest, below := strings.CutPrefix(path, folder)
		if !below || rest == "" {
			continue
		}
		name, _, isFolder := strings.Cut(rest, "/")
		if isFolder {
			name += "/"
		}
		names[name] = true
	}
	sorted := slices.AppendSeq([]string{}, maps.Keys(names)) // not nil, so that JSON has []
	slices.Sort(sorted)
	return sorted
}

// tree returns all values below a folder as objects, with the names of Google's JSON.
func (e entries) tree(folder string) map[string]any {
	object := make(map[string]any)
	for _, name := range e.names(folder) {
		path := folder + name
		switch {
		case strings.HasSuffix(name, "/"):
			object[jsonName(folder, strings.TrimSuffix(name, "/"))] = e.tree(path)
		case e[path].make == nil:
			object[jsonName(folder, name)] = e[path].value
		}
	}
	return object
}

// lines returns all values below a folder, each as "PATH VALUE", with the path relative
// to the folder.
func (e entries) lines(folder string) []string {
	var lines []string
	for _, path := range slices.Sorted(maps.Keys(e)) {
		rest, below := strings.CutPrefix(path, folder)
		if !below || e[path].value == nil {
			continue
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(text(e[path].value), "\n"), "\n") {
			lines = append(lines, rest+" "+line)
		}
	}
	return lines
}

// jsonName returns the JSON spelling of a name: service-accounts is serviceAccounts. Names
// of accounts stay unchanged.
func jsonName(folder, name string) string {
	if folder == accountsDir {
		return name
	}
	words := strings.Split(name, "-")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}
