package knative

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/runwith/runwith/internal/jobspec"
)

// Annotations in Google's namespace that only the server sets. The tables of this package
// do not contain them.
const (
	group = "run.googleapis.com/"

	creatorAnnotation   = group + "creator"
	modifierAnnotation  = group + "lastModifier"
	operationAnnotation = group + "operation-id" // never set, because v2 has no field for it
)

// annotation is v1's form of a field of a v2 message.
type annotation[M any] struct {
	key  string
	show func(of M) string // empty if the field is unset
	read func(p jobspec.Place, value string, into M)
}

// annotations are v1's annotations for fields of one kind of v2 message.
type annotations[M any] []annotation[M]

// show adds the annotations for the message's fields.
func (all annotations[M]) show(of M, into map[string]string) {
	for _, a := range all {
		if value := a.show(of); value != "" {
			into[a.key] = value
		}
	}
}

// read sets the message's fields, and returns the annotations that belong to the caller.
func (all annotations[M]) read(p jobspec.Place, given map[string]string, into M) map[string]string {
	for _, a := range all {
		if value, set := given[a.key]; set {
			a.read(p.Key(a.key), value, into)
		}
	}
	var rest map[string]string
	for _, key := range slices.Sorted(maps.Keys(given)) {
		switch {
		case all.has(key) || isServers(key):
		case isReserved(key):
			p.Key(key).Addf("%s", whyReserved(key))
		default:
			rest = with(rest, key, given[key])
		}
	}
	return rest
}

func (all annotations[M]) has(key string) bool {
	return slices.ContainsFunc(all, func(a annotation[M]) bool { return a.key == key })
}

// isServers reports whether an annotation is set by the server, so that a caller's value
// is ignored.
func isServers(key string) bool {
	return slices.Contains([]string{creatorAnnotation, modifierAnnotation, operationAnnotation}, key)
}

// isReserved reports whether Google has reserved the key of a label or an annotation.
func isReserved(key string) bool {
	namespace, _, found := strings.Cut(key, "/")
	return found && jobspec.IsReservedNamespace(namespace)
}

func whyReserved(key string) string {
	switch {
	case jobAnnotations.has(key):
		return "is of the job: it belongs to metadata.annotations"
	case templateAnnotations.has(key) || isKept(key):
		return "is of the execution: it belongs to spec.template.metadata.annotations"
	}
	return "has no meaning for a job, leave it out"
}

// text is an annotation whose v2 field is a string.
func text[M any](key string, field func(of M) *string) annotation[M] {
	return annotation[M]{
		key:  group + key,
		show: func(of M) string { return *field(of) },
		read: func(_ jobspec.Place, value string, into M) { *field(into) = value },
	}
}

// enumText returns the v1 name of an enum's value, or its number if v1 has no name.
func enumText(value int32, names []string) string {
	if 0 <= value && int(value) < len(names) {
		return names[value]
	}
	return strconv.Itoa(int(value))
}

// enumValue is the inverse of enumText.
func enumValue(p jobspec.Place, text string, names []string) int32 {
	if i := slices.Index(names, text); i >= 0 {
		return int32(i)
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		p.Addf("must be %s, not %s", strings.Join(names[1:], " or "), jobspec.Quote(text))
	}
	return int32(n)
}

// jsonText returns a value as JSON on one line.
func jsonText(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // strings always encode
	return strings.TrimSpace(out.String())
}

// readJSON parses JSON from jsonText or from a caller.
func readJSON(p jobspec.Place, text string, into any) {
	if err := Unmarshal([]byte(text), into); err != nil {
		p.Addf("is not the required JSON: %s", strings.TrimPrefix(err.Error(), "body: "))
	}
}

// with adds an entry to a map, which may be nil.
func with(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// copied returns a copy of a map, never nil.
func copied(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}

// putAll adds the entries that are not empty.
func putAll(into, entries map[string]string) {
	for key, value := range entries {
		if value != "" {
			into[key] = value
		}
	}
}

func truth(b bool) string {
	if b {
		return "true"
	}
	return ""
}
