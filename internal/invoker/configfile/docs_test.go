package configfile_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/policy"
)

const documentation = "../../../docs/configuration.md"

func readDocumentation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// property is a part of the schema of the file.
type property struct {
	Type        any
	Description string
	Ref         string `json:"$ref"`
	AnyOf       []property
	Items       *property
	Enum        []string
	Properties  map[string]property
	Required    []string
	Defs        map[string]property `json:"$defs"`
	Additional  any                 `json:"additionalProperties"`
}

// form describes a property in a word or two.
func (p property) form() string {
	kinds := fmt.Sprint(p.Type)
	_, entries := p.Additional.(map[string]any)
	switch {
	case p.Ref != "":
		return "object"
	case len(p.AnyOf) > 0 && p.AnyOf[len(p.AnyOf)-1].Items != nil:
		return p.AnyOf[0].form() + ", or a list"
	case len(p.AnyOf) > 0:
		return p.AnyOf[0].form()
	case p.Items != nil:
		return "list"
	case entries:
		return "map by name"
	case strings.Contains(kinds, " "):
		return "text, number, true or false"
	case len(p.Enum) > 0:
		return "word"
	case kinds == "string":
		return "text"
	case kinds == "boolean":
		return "true or false"
	case kinds == "integer":
		return "whole number"
	}
	return kinds
}

// table returns the table of an object's fields. Names are in the order of the document.
func (p property) table(order []string) string {
	var b strings.Builder
	b.WriteString("| field | value | meaning |\n|---|---|---|\n")
	for _, name := range order {
		of, known := p.Properties[name]
		if !known {
			fmt.Fprintf(&b, "| `%s` | does not exist | |\n", name)
			continue
		}
		form := of.form()
		if slices.Contains(p.Required, name) {
			form += ", required"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, form, of.Description)
	}
	for name := range p.Properties {
		if !slices.Contains(order, name) {
			fmt.Fprintf(&b, "| `%s` | is missing in the document | |\n", name)
		}
	}
	return b.String()
}

var (
	marked = regexp.MustCompile(`(?s)<!-- fields: (\w+) -->\n(.*?)\n\n`)
	named  = regexp.MustCompile("(?m)^\\| `(\\w+)` ")
	yamls  = regexp.MustCompile("(?s)```yaml\n(.*?)```")
)

// TestDocumentationHasEveryField compares the tables of the document with the schema.
func TestDocumentationHasEveryField(t *testing.T) {
	text, err := configfile.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var root property
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	undocumented := map[string]bool{"File": true}
	for name := range root.Defs {
		undocumented[name] = true
	}
	for _, m := range marked.FindAllStringSubmatch(readDocumentation(t), -1) {
		object := root
		if m[1] != "File" {
			object = root.Defs[m[1]]
		}
		delete(undocumented, m[1])
		var order []string
		for _, n := range named.FindAllStringSubmatch(m[2], -1) {
			order = append(order, n[1])
		}
		if diff := cmp.Diff(strings.TrimSuffix(object.table(order), "\n"), m[2]); diff != "" {
			t.Errorf("fields of %s in docs/configuration.md (-schema +document):\n%s", m[1], diff)
		}
	}
	if len(undocumented) > 0 {
		t.Errorf("docs/configuration.md has no table of %v", undocumented)
	}
}

// TestExamplesOfDocuments checks every example of a configuration in the documents, against
// the reader, the policy and the schema.
func TestExamplesOfDocuments(t *testing.T) {
	s := schema(t)
	for _, file := range []string{"configuration", "callers", "callbacks", "triggers"} {
		text, err := os.ReadFile("../../../docs/" + file + ".md")
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range yamls.FindAllStringSubmatch(string(text), -1) {
			content := m[1]
			if !regexp.MustCompile(`(?m)^(callers|jobs|triggers|callbacks|requestCallbacks|issuers|verify):`).MatchString(content) {
				continue // of another program
			}
			if !regexp.MustCompile(`(?m)^jobs:`).MatchString(content) { // a part of a file
				content += "jobs: {reindex: {parameters: {tenant: {type: string}}, args: ['{tenant}']}}\n"
			}
			if !regexp.MustCompile(`(?m)^callers:`).MatchString(content) && regexp.MustCompile(`(?m)^triggers:`).MatchString(content) {
				content += "callers: {docs-api: {apiKeys: [{id: a, sha256: " + strings.Repeat("a", 64) + "}]}}\n"
			}
			name := fmt.Sprintf("%s.md, example %d", file, i+1)
			read, err := configfile.Read(name, content, func(configfile.Secret) (string, error) { return canary, nil })
			if err != nil {
				t.Error(err)
				continue
			}
			if _, err := policy.New(read, nil); err != nil {
				t.Error(err)
			}
			if err := validate(t, s, content); err != nil {
				t.Errorf("%s: schema: %v", name, err)
			}
		}
	}
}

// TestStarterWithoutComments checks the examples in the comments of the starter file.
func TestStarterWithoutComments(t *testing.T) {
	_, rest, _ := strings.Cut(configfile.Starter, "\ncallers:")
	fields := regexp.MustCompile(`(?m)^(\s*)# (\s*(- )?[\w-]+:( .*)?|\s*- \{.*\}.*)$`)
	prose := regexp.MustCompile(`(?m)^\s*# .*\n`)
	content := prose.ReplaceAllString(fields.ReplaceAllString("\ncallers:"+rest, "$1$2"), "")
	for _, want := range []string{"docs-api:", "subject:", "cloudRun:", "allow:", "grants:", "callbacks:"} {
		if !strings.Contains(content, want) {
			t.Errorf("the starter file without comments has no %s", want)
		}
	}
	read, err := configfile.Read("f", content, func(configfile.Secret) (string, error) { return canary, nil })
	if err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	if _, err := policy.New(read, nil); err != nil {
		t.Error(err)
	}
}
