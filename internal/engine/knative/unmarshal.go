package knative

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// Unmarshal parses JSON into an object of this package. An empty body is an empty object,
// null means unset, and numbers may be in quotes. Unknown and duplicate fields are refused
// with their path.
func Unmarshal(raw []byte, into any) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	if err := checkSyntax(raw); err != nil {
		return err
	}
	violations := &jobspec.Violations{}
	r := &reader{json.NewDecoder(bytes.NewReader(raw))}
	r.UseNumber()
	r.read(violations.Root(), reflect.ValueOf(into).Elem())
	return violations.Err()
}

// checkSyntax reports invalid JSON with its position, so that the reader only sees valid
// JSON.
func checkSyntax(raw []byte) error {
	if !utf8.Valid(raw) {
		return runwith.Errorf(runwith.InvalidArgument, "body: is not valid UTF-8")
	}
	err := json.Unmarshal(raw, new(json.RawMessage))
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return err
	}
	before := raw[:syntax.Offset]
	line, column := bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n')-1
	return runwith.Errorf(runwith.InvalidArgument, "body: line %d:%d: %s", line+1, max(column, 1), syntax)
}

// reader reads valid JSON by tokens.
type reader struct{ *json.Decoder }

// next returns the next token, which exists because checkSyntax has passed.
func (r *reader) next() json.Token {
	token, _ := r.Token()
	return token
}

// read reads the next value into v.
func (r *reader) read(p jobspec.Place, v reflect.Value) {
	r.readToken(p, v, r.next())
}

// readToken reads the value that begins with the token.
func (r *reader) readToken(p jobspec.Place, v reflect.Value, token json.Token) {
	switch {
	case token == nil:
		return
	case v.Type() == reflect.TypeFor[json.RawMessage](): // in a status, which only the server sets
		r.skip(token)
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
		if r.opens(p, token, '[', "a list") {
			r.readElements(p, v)
		}
	default:
		readScalar(p, v, token)
		r.skip(token)
	}
}

// opens reports whether the token opens the wanted value. Otherwise it skips the value and
// adds a violation.
func (r *reader) opens(p jobspec.Place, token json.Token, want json.Delim, what string) bool {
	if token == want {
		return true
	}
	p.Addf("must be %s, not %s", what, kindOf(token))
	r.skip(token)
	return false
}

// skip skips the value that begins with the token.
func (r *reader) skip(token json.Token) {
	if token != json.Delim('{') && token != json.Delim('[') {
		return
	}
	for depth := 1; depth > 0; {
		switch r.next() {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

func (r *reader) readFields(p jobspec.Place, v reflect.Value) {
	seen := map[string]bool{}
	for r.More() {
		name := fmt.Sprint(r.next())
		at := p.Field(name)
		field, known := fieldNamed(v.Type(), name)
		switch {
		case seen[name]:
			at.Addf("occurs twice")
			r.skip(r.next())
		case !known:
			p.Field(printable(name)).Addf("is not a field of %s", v.Type().Name())
			r.skip(r.next())
		case field.Type == reflect.TypeFor[refused]():
			r.readRefused(at, field.Tag.Get("refused"))
		case field.Type == reflect.TypeFor[fixed]():
			r.readFixed(at, field.Tag.Get("fixed"))
		default:
			r.read(at, v.FieldByIndex(field.Index))
		}
		seen[name] = true
	}
	r.next() // the end
}

// fieldNamed returns the field with the JSON name.
func fieldNamed(t reflect.Type, name string) (reflect.StructField, bool) {
	for field := range t.Fields() {
		if jsonName(field) == name {
			return field, true
		}
	}
	return reflect.StructField{}, false
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// printable returns a name in a form that is safe in a path.
func printable(name string) string {
	if quoted := jobspec.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// readRefused accepts an empty value and refuses any other with the reason why.
func (r *reader) readRefused(p jobspec.Place, why string) {
	token := r.next()
	_, opens := token.(json.Delim)
	if opens && !r.More() {
		r.next()
		return
	}
	r.skip(token)
	if opens || !saysNothing(token) {
		p.Addf("%s", why)
	}
}

func (r *reader) readFixed(p jobspec.Place, value string) {
	token := r.next()
	r.skip(token)
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
		key := fmt.Sprint(r.next())
		value := reflect.New(v.Type().Elem()).Elem()
		at := p.Key(key)
		if v.MapIndex(reflect.ValueOf(key)).IsValid() {
			at.Addf("occurs twice")
		}
		r.read(at, value)
		v.SetMapIndex(reflect.ValueOf(key), value)
	}
	r.next()
}

func (r *reader) readElements(p jobspec.Place, v reflect.Value) {
	for i := 0; r.More(); i++ {
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		r.read(p.Index(i), v.Index(i))
	}
	r.next()
}

// readScalar sets a string, a boolean or a number.
func readScalar(p jobspec.Place, v reflect.Value, token json.Token) {
	switch v.Kind() {
	case reflect.String:
		if text, ok := token.(string); ok {
			v.SetString(text)
			return
		}
		p.Addf("must be a string, not %s", kindOf(token))
	case reflect.Bool:
		if truth, ok := token.(bool); ok {
			v.SetBool(truth)
			return
		}
		p.Addf("must be true or false, not %s", kindOf(token))
	case reflect.Int32, reflect.Int64:
		if n, ok := integer(token, v.Type().Bits()); ok {
			v.SetInt(n)
			return
		}
		p.Addf("must be a whole number of %d bits, not %s", v.Type().Bits(), kindOf(token))
	default:
		panic("knative: no JSON is read into " + v.Type().String())
	}
}

func integer(token json.Token, bits int) (int64, bool) {
	switch token := token.(type) {
	case json.Number:
		return parseInteger(token.String(), bits)
	case string:
		return parseInteger(token, bits)
	}
	return 0, false
}

// kindOf describes a token without its value, which may be secret. Numbers are shown.
func kindOf(token json.Token) string {
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return "an object"
		}
		return "a list"
	case json.Number:
		return fmt.Sprintf("%.40s", token)
	case bool:
		return fmt.Sprint(token)
	}
	return "a string"
}
