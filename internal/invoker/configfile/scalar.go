package configfile

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/suggest"
)

// text reads a type that is text in the file.
func (r *reader) text(node ast.Node, into text, path Path, tag reflect.StructTag) {
	content, kind := scalar(node)
	if _, number := into.(interface{ number() }); kind != "string" && !(number && kind == "number") {
		fault := mustBe("string", kind)
		if err := into.parse(content); kind == "number" && err != nil { // quotes would not help
			fault = fmt.Sprintf("%v, not %s", err, content)
		}
		r.addf(start(node), path, "%s", fault)
		return
	}
	if fault := r.rules[tag.Get("rule")].fault(content); tag.Get("rule") != "" && fault != "" {
		r.addf(start(node), path, "%s", fault)
		return
	}
	if err := into.parse(content); err != nil {
		r.addf(start(node), path, "%v, not %s", err, jobspec.Quote(content))
	}
}

// scalar reads text, a number or a boolean.
func (r *reader) scalar(node ast.Node, into reflect.Value, path Path, tag reflect.StructTag) {
	content, kind := scalar(node)
	if into.Kind() == reflect.Interface {
		r.any(node, into, path)
		return
	}
	wanted := kindOf(into.Type())
	if kind != wanted && !(wanted == "integer" && kind == "number") {
		r.addf(start(node), path, "%s", mustBe(wanted, kind))
		return
	}
	if fault := r.rules[tag.Get("rule")].fault(content); fault != "" {
		r.addf(start(node), path, "%s", fault)
		return
	}
	switch {
	case into.Type() == reflect.TypeFor[json.Number]():
		if !IsNumber(content) {
			r.addf(start(node), path, "must be a number as in JSON, such as 10 or 0.5")
		}
		into.SetString(content)
	case into.Kind() == reflect.Bool:
		into.SetBool(strings.EqualFold(content, "true"))
	case into.Kind() == reflect.Int:
		u := r.rules[tag.Get("rule")]
		n, err := strconv.Atoi(content)
		if err != nil || n < u.least || n > u.most {
			r.addf(start(node), path, "must be %s", u.must)
		}
		into.SetInt(int64(n))
	default:
		into.SetString(content)
	}
}

// any reads a value of a parameter: text, a number as it is written, or a boolean.
func (r *reader) any(node ast.Node, into reflect.Value, path Path) {
	content, kind := scalar(node)
	switch {
	case kind == "string" && utf8.RuneCountInString(content) <= maxText:
		into.Set(reflect.ValueOf(content))
	case kind == "number" && IsNumber(content):
		into.Set(reflect.ValueOf(json.Number(content)))
	case kind == "boolean":
		into.Set(reflect.ValueOf(strings.EqualFold(content, "true")))
	case kind == "number":
		r.addf(start(node), path, "must be a number as in JSON, such as 10 or 0.5; put text into quotes")
	case kind == "string":
		r.addf(start(node), path, "is longer than %d characters", maxText)
	default:
		r.addf(start(node), path, "must be text, a number, true or false")
	}
}

// kindOf returns the kind in JSON of a scalar's Go type.
func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[json.Number]():
		return "number"
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.Int:
		return "integer"
	}
	return "string"
}

// mustBe returns the fault of a value of the wrong kind.
func mustBe(wanted, kind string) string {
	switch {
	case kind == "null":
		return "is empty: fill it in, or leave the field out"
	case wanted == "string" && kind != "":
		return "is a " + kind + " and must be text: put it into quotes"
	case wanted == "string":
		return "must be text"
	case wanted == "boolean":
		return "must be true or false"
	case wanted == "integer":
		return "must be a whole number"
	}
	return "must be a number"
}

// fault returns the rule that a text breaks; empty means none. The zero rule accepts every
// text that is not too long.
func (u rule) fault(content string) string {
	longest := u.longest
	if longest == 0 {
		longest = maxText
	}
	given := ", not " + jobspec.Quote(content)
	if u.quiet {
		given = ""
	}
	switch {
	case utf8.RuneCountInString(content) > longest:
		return fmt.Sprintf("is longer than %d characters", longest)
	case u.words != nil:
		return u.wordFault(content)
	case u.pattern != nil && !u.pattern.MatchString(content), u.ok != nil && !u.ok(content):
		return "must be " + u.must + given
	}
	return ""
}

func (u rule) wordFault(content string) string {
	var known []string
	for _, word := range u.words {
		if word == content {
			return ""
		}
		if !strings.Contains(word, ".") { // the full name of another
			known = append(known, word)
		}
	}
	hint := ""
	if near := suggest.Nearest(content, u.words); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return fmt.Sprintf("must be one of %s, not %s%s", joined(known), jobspec.Quote(content), hint)
}

// IsNumber reports whether a text is a number in JSON with at most 40 characters, and an
// exponent of at most two digits.
func IsNumber(text string) bool {
	return len(text) <= 40 && json.Valid([]byte(text)) && strings.Trim(text, "-0123456789.eE+") == "" && !hugeExponent(text)
}

// hugeExponent reports whether a number has an exponent of more than two digits.
func hugeExponent(text string) bool {
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	return len(strings.TrimLeft(exponent, "+-")) > 2
}

func joined(names []string) string { return strings.Join(names, ", ") }

// number parses a number in a tag; 0 if there is none.
func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}
