package metadata

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// entry is what stands at a path.
type entry struct {
	// value is a string, a number or a list of strings; nil for a folder that is
	// there though it is empty.
	value any
	// make makes what the query asks for, instead of a value. No list of values has it.
	make func(query url.Values) (any, error)
}

// entries are the server's, by their path below root. Those of folders end with a
// slash.
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

// isFolder reports whether there is a folder at path, which ends with a slash or is
// empty.
func (e entries) isFolder(path string) bool {
	for name := range e {
		if strings.HasPrefix(name, path) {
			return true
		}
	}
	return false
}

// names returns the sorted names in a folder, those of folders with a slash behind
// them.
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
	sorted := slices.AppendSeq([]string{}, maps.Keys(names)) // none is [] in JSON
	slices.Sort(sorted)
	return sorted
}

// tree returns all values below a folder, in objects with the names that Google's
// server gives them in JSON.
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

// lines returns all values below a folder, each as the rest of its path, a space and
// the value.
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

// jsonName is how a name is spelled in JSON: service-accounts is serviceAccounts. The
// names of accounts stay as they are.
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
