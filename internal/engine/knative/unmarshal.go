package knative

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/runwith/runwith/internal/engine/googlejson"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/suggest"
)

// Unmarshal parses a body into an object of this package, as Google's REST APIs read JSON:
// see package googlejson. An empty body is an empty object. Unknown and duplicate fields
// are refused with their path. In place of a job, an object of another kind is refused as
// such, without a word about its fields.
func Unmarshal(raw []byte, into any) error {
	strict, err := googlejson.Strict(raw)
	if err != nil {
		return err
	}
	violations := &jobspec.Violations{}
	r := &reader{googlejson.NewReader(strict)}
	v, token := reflect.ValueOf(into).Elem(), r.Next()
	if v.Kind() == reflect.Struct && token != json.Delim('{') {
		violations.Root().Field("body").Addf("must be an object, not %s", googlejson.Kind(token))
		return violations.Err()
	}
	r.readToken(violations.Root(), v, token)
	if job, ok := into.(*Job); ok {
		if err := job.checkType(); err != nil {
			return err
		}
	}
	return violations.Err()
}

// reader reads valid JSON by tokens.
type reader struct{ *googlejson.Reader }

// read reads the next value into v.
func (r *reader) read(p jobspec.Place, v reflect.Value) {
	r.readToken(p, v, r.Next())
}

// readToken reads the value that begins with the token.
func (r *reader) readToken(p jobspec.Place, v reflect.Value, token json.Token) {
	switch {
	case token == nil:
		return
	case v.Type() == reflect.TypeFor[json.RawMessage](): // in a status, which only the server sets
		r.Skip(token)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.readToken(p, v.Elem(), token)
	case reflect.Struct:
		if r.opens(p, token, '{', "an object") {
			r.readFields(p, v)
		}
	case reflect.Map:
		if r.opens(p, token, '{', "an object") {
			r.readEntries(p, v)
		}
	case reflect.Slice:
		r.readElements(p, v, token)
	default:
		if !readScalar(v, token) {
			p.Addf("must be %s, not %s", wanted(v.Type()), googlejson.Kind(token))
		}
		r.Skip(token)
	}
}

// opens reports whether the token opens the wanted value. Otherwise it skips the value and
// adds a violation.
func (r *reader) opens(p jobspec.Place, token json.Token, want json.Delim, what string) bool {
	if token == want {
		return true
	}
	p.Addf("must be %s, not %s", what, googlejson.Kind(token))
	r.Skip(token)
	return false
}

func (r *reader) readFields(p jobspec.Place, v reflect.Value) {
	seen := map[string]bool{}
	for r.More() {
		name := fmt.Sprint(r.Next())
		at := p.Field(name)
		field, known := fieldNamed(v.Type(), name)
		switch {
		case !known:
			p.Field(googlejson.Printable(name)).Addf("%s", suggest.Unknown(name, v.Type().Name(), fieldNames(v.Type())))
			r.Skip(r.Next())
		case seen[field.Name]:
			at.Addf("occurs twice")
			r.Skip(r.Next())
		case field.Type == reflect.TypeFor[refused]():
			r.readRefused(at, field.Tag.Get("refused"))
		case field.Type == reflect.TypeFor[ignored]():
			r.Skip(r.Next())
		case field.Type == reflect.TypeFor[fixed]():
			r.readFixed(at, field.Tag.Get("fixed"))
		default:
			r.read(at, v.FieldByIndex(field.Index))
		}
		seen[field.Name] = true
	}
	r.Next() // the end
}

// fieldNamed returns the field with a name in JSON's or the proto's spelling.
func fieldNamed(t reflect.Type, name string) (reflect.StructField, bool) {
	for field := range t.Fields() {
		if own := jsonName(field); own == name || googlejson.Snake(own) == name {
			return field, true
		}
	}
	return reflect.StructField{}, false
}

// fieldNames returns the names of the fields that a caller can set.
func fieldNames(t reflect.Type) (names []string) {
	for field := range t.Fields() {
		if !slices.Contains(notStored(), field.Type) {
			names = append(names, jsonName(field))
		}
	}
	return names
}

// notStored are the types of fields that exist only to say what becomes of them.
func notStored() []reflect.Type {
	return []reflect.Type{reflect.TypeFor[refused](), reflect.TypeFor[fixed](), reflect.TypeFor[ignored]()}
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// readRefused accepts an empty value and refuses any other with the reason why.
func (r *reader) readRefused(p jobspec.Place, why string) {
	token := r.Next()
	_, opens := token.(json.Delim)
	if opens && !r.More() {
		r.Next()
		return
	}
	r.Skip(token)
	if opens || !saysNothing(token) {
		p.Addf("%s", why)
	}
}

func (r *reader) readFixed(p jobspec.Place, value string) {
	token := r.Next()
	r.Skip(token)
	if token != nil && fmt.Sprint(token) != value {
		p.Addf("must be %s or left out", value)
	}
}

func saysNothing(token json.Token) bool {
	return token == nil || token == "" || token == false || token == json.Number("0")
}

func (r *reader) readEntries(p jobspec.Place, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	for r.More() {
		key := fmt.Sprint(r.Next())
		value := reflect.New(v.Type().Elem()).Elem()
		at := p.Key(key)
		if v.MapIndex(reflect.ValueOf(key)).IsValid() {
			at.Addf("occurs twice")
		}
		r.read(at, value)
		v.SetMapIndex(reflect.ValueOf(key), value)
	}
	r.Next()
}

// readElements reads a list. One value is a list of one, and null is no element.
func (r *reader) readElements(p jobspec.Place, v reflect.Value, token json.Token) {
	if token != json.Delim('[') {
		if !fits(v.Type().Elem(), token) {
			p.Addf("must be a list of %s, not %s", plural(v.Type().Elem()), googlejson.Kind(token))
			r.Skip(token)
			return
		}
		r.readElement(p, v, token)
		return
	}
	for i := 0; r.More(); i++ {
		if token := r.Next(); token != nil {
			r.readElement(p.Index(i), v, token)
		}
	}
	r.Next()
}

// fits reports whether the token begins a value of a type.
func fits(t reflect.Type, token json.Token) bool {
	if t.Kind() == reflect.Struct || t.Kind() == reflect.Pointer {
		return token == json.Delim('{')
	}
	return t == reflect.TypeFor[json.RawMessage]() || readScalar(reflect.New(t).Elem(), token)
}

func plural(t reflect.Type) string {
	if t.Kind() == reflect.String {
		return "strings"
	}
	return "objects"
}

func (r *reader) readElement(p jobspec.Place, v reflect.Value, token json.Token) {
	v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
	r.readToken(p, v.Index(v.Len()-1), token)
}

// readScalar sets a string, a boolean or a number. It reports whether the token is one.
func readScalar(v reflect.Value, token json.Token) (ok bool) {
	switch v.Kind() {
	case reflect.String:
		text, ok := token.(string)
		v.SetString(text)
		return ok
	case reflect.Bool:
		truth, ok := googlejson.Bool(token)
		v.SetBool(truth)
		return ok
	case reflect.Int32, reflect.Int64:
		n, ok := googlejson.Integer(token, v.Type().Bits())
		v.SetInt(n)
		return ok
	}
	panic("knative: no JSON is read into " + v.Type().String())
}

// wanted describes the values that readScalar reads.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	}
	return fmt.Sprintf("a whole number of %d bits", t.Bits())
}
