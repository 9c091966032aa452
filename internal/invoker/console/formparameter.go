package console

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runwith/runwith"
)

// parameterField is the field of one parameter.
type parameterField struct {
	runwith.Parameter

	Name  string
	Value string // as it was typed
	// Empty sends an empty text. Without it, an empty field leaves the parameter out.
	Empty bool
	// Hidden fields have an earlier value that the visitor may not see.
	Hidden bool
	// Gone fields belong to no parameter of the job.
	Gone bool
}

// emptyMark is the end of the name of the box that sends an empty text.
const emptyMark = ".empty"

// newParameterField returns the field of a parameter with its default filled in.
func newParameterField(name string, p runwith.Parameter) parameterField {
	return parameterField{Parameter: p, Name: name, Value: textOf(p.Default)}
}

// textOf returns a value of JSON as a field has it.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

func (p *parameterField) read(sent url.Values) {
	p.Value = sent.Get(p.ID())
	p.Empty = sent.Get(p.ID()+emptyMark) != "" && p.Value == ""
}

// set gives the field a value.
func (p *parameterField) set(text string) {
	p.Value, p.Empty = text, text == "" && p.MayBeEmpty()
}

// ID is the name of the field, and its ID in the page.
func (p parameterField) ID() string { return "p." + p.Name }

// Label is what people call the parameter.
func (p parameterField) Label() string {
	if p.Title != "" {
		return p.Title
	}
	return p.Name
}

// Choices are the only values, as text; nil means that there are others.
func (p parameterField) Choices() (all []string) {
	if p.Gone {
		return nil
	}
	if p.Type == "boolean" && p.Enum == nil {
		return []string{"true", "false"}
	}
	for _, value := range p.Enum {
		all = append(all, textOf(value))
	}
	return all
}

// Chosen reports whether the value is one of the choices.
func (p parameterField) Chosen() bool { return slices.Contains(p.Choices(), p.Value) }

// Unset is the text of the choice that leaves the parameter out; empty means that there is none.
func (p parameterField) Unset() string {
	switch {
	case slices.Contains(p.Choices(), ""):
		return ""
	case p.Required:
		return "Choose…"
	case p.Default == nil:
		return "Not set"
	case p.Value == "" || p.Hidden:
		return "Default: " + textOf(p.Default)
	}
	return ""
}

// InputType is the type of the field in HTML. Numbers are text, because browsers lose what is no
// number, and digits of large ones.
func (p parameterField) InputType() string {
	switch p.Format {
	case "date":
		if _, err := time.Parse(time.DateOnly, p.Value); err == nil || p.Value == "" {
			return "date"
		}
	case "email":
		return "email"
	case "uri":
		return "url"
	}
	return "text"
}

// InputMode is the keyboard of a phone.
func (p parameterField) InputMode() string {
	switch p.Type {
	case "integer":
		return "numeric"
	case "number":
		return "decimal"
	}
	return ""
}

// MayBeEmpty reports whether an empty text could be a value, and needs its own box, because an
// empty field leaves the parameter out.
func (p parameterField) MayBeEmpty() bool {
	return p.Type == "string" && p.MinLength == 0 && p.Format == "" && p.Pattern == "" && p.Enum == nil && p.Default == nil
}

// value returns the value as a request has it, and whether the request has it at all. What is no
// value of the type is sent as text, and refused by name.
func (p parameterField) value() (value any, sent bool) {
	text := p.Value
	if p.Type == "integer" || p.Type == "number" {
		text = strings.TrimSpace(text)
	}
	if text == "" {
		return "", p.Empty || p.emptied() || slices.Contains(p.Choices(), "")
	}
	switch {
	case p.Type == "boolean" && text == "true":
		return true, true
	case p.Type == "boolean" && text == "false":
		return false, true
	case p.Type == "integer" || p.Type == "number":
		if json.Valid([]byte(text)) && strings.Contains("-0123456789", text[:1]) {
			return json.Number(text), true
		}
	}
	return text, true
}

// emptied reports whether the visitor has emptied a text that has a default: an empty text is
// sent, so that the job gets what the form shows.
func (p parameterField) emptied() bool {
	return p.Type == "string" && p.Default != nil && p.Enum == nil && !p.Hidden
}
