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

// Annotations in Google's namespace that are not in the tables of this package:
// those that the server alone sets.
const (
	group = "run.googleapis.com/"

	creatorAnnotation   = group + "creator"
	modifierAnnotation  = group + "lastModifier"
	operationAnnotation = group + "operation-id" // never set here: v2 keeps none
)

// annotation stands for a field of a v2 message.
type annotation[M any] struct {
	key  string
	show func(of M) string // empty for none
	read func(p jobspec.Place, value string, into M)
}

// annotations are those of v1 that v2 has fields for, in one kind of message.
type annotations[M any] []annotation[M]

// show adds what the message's fields say.
func (all annotations[M]) show(of M, into map[string]string) {
	for _, a := range all {
		if value := a.show(of); value != "" {
			into[a.key] = value
		}
	}
}

// read sets the message's fields and returns the annotations that are a caller's
// own.
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

// isServers reports whether a caller's annotation is ignored, because it only
// repeats what the server has told.
func isServers(key string) bool {
	return slices.Contains([]string{creatorAnnotation, modifierAnnotation, operationAnnotation}, key)
}

// isReserved reports whether the key of a label or an annotation is Google's to
// give meaning to.
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
	return "has no meaning to a job here, leave it out"
}

// text is an annotation that is a string in v2, too.
func text[M any](key string, field func(of M) *string) annotation[M] {
	return annotation[M]{
		key:  group + key,
		show: func(of M) string { return *field(of) },
		read: func(_ jobspec.Place, value string, into M) { *field(into) = value },
	}
}

// enumText is an enum's value by its v1 name, or its number where v1 has none.
func enumText(value int32, names []string) string {
	if 0 <= value && int(value) < len(names) {
		return names[value]
	}
	return strconv.Itoa(int(value))
}

// enumValue is the value of which enumText has made a text.
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

// jsonText is a value as JSON on one line.
func jsonText(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // strings always encode
	return strings.TrimSpace(out.String())
}

// readJSON reads what jsonText has written, or a caller.
func readJSON(p jobspec.Place, text string, into any) {
	if err := Unmarshal([]byte(text), into); err != nil {
		p.Addf("is not the JSON that it must be: %s", strings.TrimPrefix(err.Error(), "body: "))
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

// copied is a copy of a map, never nil.
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
