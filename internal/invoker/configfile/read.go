package configfile

import (
	"fmt"
	"reflect"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/suggest"
)

// Read reads the content of a file. The name is that of the file, for errors. A nil resolver
// leaves the secrets unresolved. The checks find more mistakes. They run even if
// Read has found mistakes; the file then lacks the parts that Read could not read.
//
// The error is [*FaultsError] with every mistake, each with its line and column.
func Read(name, content string, resolve Resolver, checks ...func(*File) error) (*File, error) {
	r := &reader{rules: rules(), resolve: resolve, file: &File{places: places{file: name, at: map[Path]place{}}}}
	root, fault := parse(content)
	switch {
	case fault != nil:
		return nil, &FaultsError{name, []Fault{*fault}}
	case root != nil:
		r.value(root, reflect.ValueOf(r.file).Elem(), "", "")
	}
	errs := []error{r.err(), r.file.check()}
	for _, check := range checks {
		errs = append(errs, check(r.file))
	}
	if err := Join(errs...); err != nil {
		return nil, err
	}
	return r.file, nil
}

// reader fills the types of a file, and collects the mistakes.
type reader struct {
	rules   map[string]rule
	resolve Resolver
	file    *File
	faults  []Fault
}

// err returns the mistakes so far.
func (r *reader) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	return &FaultsError{r.file.places.file, r.faults}
}

func (r *reader) addf(at *token.Token, path Path, format string, args ...any) {
	r.faults = append(r.faults, Fault{at.Position.Line, at.Position.Column, string(path), fmt.Sprintf(format, args...)})
}

// value reads a node into a Go value. The tag is that of the field.
func (r *reader) value(node ast.Node, into reflect.Value, path Path, tag reflect.StructTag) {
	at := start(node)
	if _, known := r.file.places.at[path]; !known {
		r.file.places.at[path] = place{at.Position.Line, at.Position.Column}
	}
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		r.addf(at, path, "anchors and aliases are not supported: write the value out")
		return
	case *ast.TagNode, *ast.DirectiveNode:
		r.addf(at, path, "tags and directives are not supported: leave it out")
		return
	}
	if t, ok := reflect.TypeAssert[text](into.Addr()); ok {
		r.text(node, t, path, tag)
		return
	}
	if of, ok := reflect.TypeAssert[shortened](into.Addr()); ok && r.short(node, of, path) {
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		r.value(node, into.Elem(), path, tag)
	case reflect.Struct:
		r.mapping(node, into, path)
	case reflect.Map:
		r.entries(node, into, path, tag)
	case reflect.Slice:
		r.list(node, into, path, tag)
	default:
		r.scalar(node, into, path, tag)
	}
}

// short reads the short form of a struct. It is false for the long one.
func (r *reader) short(node ast.Node, into shortened, path Path) bool {
	if _, kind := scalar(node); kind == "" || kind == "null" {
		return false
	}
	var value any
	r.any(node, reflect.ValueOf(&value).Elem(), path)
	into.short(value)
	return true
}

// mapping reads the fields of a struct.
func (r *reader) mapping(node ast.Node, into reflect.Value, path Path) {
	secret := into.Type() == reflect.TypeFor[Secret]()
	found, ok := r.pairs(node, path)
	switch {
	case !ok && secret:
		r.addf(start(node), path, "must be {file: PATH} or {env: NAME}: a secret is never written into this file itself")
		return
	case !ok:
		r.addf(start(node), path, "must be a mapping with fields such as %s", fieldsOf(into.Type())[0].name)
		return
	}
	known := map[string]ast.Node{}
	for _, pair := range found {
		if _, ok := fieldNamed(into.Type(), pair.name); !ok {
			r.unknown(pair, into.Type(), path)
			continue
		}
		known[pair.name] = pair.value
	}
	for _, field := range fieldsOf(into.Type()) {
		value, given := known[field.name]
		if given && !(isNull(value) && nullable(field.of)) {
			r.value(value, into.FieldByIndex(field.index), path.Field(field.name), field.tag)
		} else if field.required() && !secret {
			r.addf(start(node), path, "%s is required: %s", field.name, field.tag.Get("doc"))
		}
	}
	if secret {
		if s, ok := reflect.TypeAssert[*Secret](into.Addr()); ok {
			r.secret(node, s, path)
		}
	}
}

// unknown reports a field that the type does not have. Names are not repeated where somebody
// may have written a secret.
func (r *reader) unknown(pair pair, of reflect.Type, path Path) {
	var names []string
	for _, field := range fieldsOf(of) {
		names = append(names, field.name)
	}
	if of == reflect.TypeFor[Secret]() || of == reflect.TypeFor[APIKey]() {
		r.addf(pair.at, path, "has an unknown field (its fields: %s)", joined(names))
		return
	}
	name := pair.name
	if len(name) > 80 {
		name = name[:80] + "..."
	}
	what := "this object"
	if path == "" {
		what = "the file"
	}
	r.addf(pair.at, path.Field(name), "%s", suggest.Unknown(pair.name, what, names))
}

// entries reads the entries of a map.
func (r *reader) entries(node ast.Node, into reflect.Value, path Path, tag reflect.StructTag) {
	pairs, ok := r.pairs(node, path)
	if !ok {
		r.addf(start(node), path, "must be a mapping")
		return
	}
	r.most(node, len(pairs), path, tag)
	into.Set(reflect.MakeMap(into.Type()))
	for _, pair := range pairs {
		if fault := r.rules[tag.Get("keys")].fault(pair.name); fault != "" {
			r.addf(pair.at, path, "the name %s", fault)
			continue
		}
		at := path.Field(pair.name)
		r.file.places.at[at] = place{pair.at.Position.Line, pair.at.Position.Column}
		value := reflect.New(into.Type().Elem()).Elem()
		if !isNull(pair.value) || !nullable(value.Type()) {
			r.value(pair.value, value, at, tag)
		}
		into.SetMapIndex(reflect.ValueOf(pair.name), value)
	}
}

// list reads the elements of a list, or the one value that a [List] may be.
func (r *reader) list(node ast.Node, into reflect.Value, path Path, tag reflect.StructTag) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		if !into.Type().Implements(reflect.TypeFor[oneOrMany]()) {
			r.addf(start(node), path, "must be a list")
			return
		}
		into.Set(reflect.MakeSlice(into.Type(), 1, 1))
		r.value(node, into.Index(0), path, tag)
		return
	}
	r.most(node, len(sequence.Values), path, tag)
	into.Set(reflect.MakeSlice(into.Type(), len(sequence.Values), len(sequence.Values)))
	for i, element := range sequence.Values {
		r.value(element, into.Index(i), path.Index(i), tag)
	}
	if len(sequence.Values) == 0 && tag.Get("required") != "" {
		r.addf(start(node), path, "must not be empty")
	}
}

// secret resolves a reference.
func (r *reader) secret(node ast.Node, s *Secret, path Path) {
	switch {
	case (s.File == "") == (s.Env == ""):
		r.addf(start(node), path, "must be either {file: PATH} or {env: NAME}")
	case r.resolve != nil:
		resolved, err := s.resolved(r.resolve)
		if err != nil {
			r.addf(start(node), path, "the secret cannot be read: %v", err)
			return
		}
		*s = resolved
	}
}

// most reports that there are too many entries or elements.
func (r *reader) most(node ast.Node, count int, path Path, tag reflect.StructTag) {
	if limit := number(tag.Get("most")); limit > 0 && count > limit {
		r.addf(start(node), path, "has %d entries: at most %d are allowed", count, limit)
	}
}

// pair is an entry of a mapping.
type pair struct {
	name  string
	at    *token.Token
	value ast.Node
}

// pairs returns the entries of a mapping in their order. It reports duplicates.
func (r *reader) pairs(node ast.Node, path Path) (pairs []pair, ok bool) {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, false
	}
	seen := map[string]int{}
	for _, v := range values {
		name, kind := scalar(v.Key)
		at := v.Key.GetToken()
		switch {
		case kind == "":
			r.addf(at, path, "the name must be plain text: no anchor, alias, tag or merge key")
		case seen[name] > 0:
			r.addf(at, path, "the name %s occurs a second time; the first is in line %d", jobspec.Quote(name), seen[name])
		default:
			seen[name] = at.Position.Line
			pairs = append(pairs, pair{name, at, v.Value})
		}
	}
	return pairs, true
}
