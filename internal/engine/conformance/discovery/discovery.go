// Package discovery compares answers of a Cloud Run server with Google's discovery
// documents, for tests. It reports unknown fields and wrong types, formats and enum values.
// The documents come from google.golang.org/api, whose Go clients are generated from them.
//
// See https://developers.google.com/discovery/v1/reference/apis.
package discovery

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Document describes one version of the Cloud Run Admin API. Its methods may be
// called concurrently.
type Document struct {
	schemas map[string]*schema
	methods []*method
}

// method is one HTTP method and path.
type method struct {
	ID         string `json:"id"`
	HTTPMethod string `json:"httpMethod"`
	Path       string `json:"path"`
	FlatPath   string `json:"flatPath"`
	Response   *schema
	pattern    *regexp.Regexp
}

// resource is a node in the tree of methods.
type resource struct {
	Methods   map[string]*method
	Resources map[string]*resource
}

// Read returns the document of a version, "v1" or "v2", from the module in the build list.
// It needs the go command.
func Read(version string) ([]byte, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "google.golang.org/api").Output()
	if err != nil {
		return nil, fmt.Errorf("find module google.golang.org/api: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "run", version, "run-api.json"))
	if err != nil {
		return nil, fmt.Errorf("read discovery document: %w", err)
	}
	return text, nil
}

// Load parses the document of [Read].
func Load(version string) (*Document, error) {
	text, err := Read(version)
	if err != nil {
		return nil, err
	}
	var raw struct {
		resource
		Schemas map[string]*schema
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("read discovery document %s: %w", version, err)
	}
	d := &Document{schemas: raw.Schemas}
	d.collect(&raw.resource)
	return d, nil
}

func (d *Document) collect(r *resource) {
	for _, m := range r.Methods {
		m.pattern = compile(m.flat())
		d.methods = append(d.methods, m)
	}
	for _, below := range r.Resources {
		d.collect(below)
	}
}

func (m *method) flat() string {
	if m.FlatPath != "" {
		return m.FlatPath
	}
	return m.Path
}

// compile returns a pattern for a path such as v2/projects/{projectsId}/locations:list.
func compile(path string) *regexp.Regexp {
	variable := regexp.MustCompile(`\\{[^{}]*\\}`)
	return regexp.MustCompile(`^/` + variable.ReplaceAllString(regexp.QuoteMeta(path), `[^/:]+`) + `$`)
}

// find returns the method of a request, or nil.
func (d *Document) find(httpMethod, path string) *method {
	for _, m := range d.methods {
		if m.HTTPMethod == httpMethod && m.pattern.MatchString(path) {
			return m
		}
	}
	return nil
}

// Check compares the answer to a request with the document. It returns the method's ID,
// which is empty if the document has no method for the path, and all deviations.
func (d *Document) Check(httpMethod, path string, body []byte) (id string, deviations []string) {
	m := d.find(httpMethod, path)
	if m == nil {
		return "", nil
	}
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return m.ID, []string{fmt.Sprintf("the answer is no JSON: %v", err)}
	}
	c := &check{document: d}
	c.value("answer", m.Response, value)
	return m.ID, c.deviations
}
