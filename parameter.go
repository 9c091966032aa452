package runwith

import "encoding/json"

// Parameter describes a parameter of a [Job], in the words of JSON Schema 2020-12. A field
// that is unset does not restrict the value.
type Parameter struct {
	// Type is string, integer, number or boolean.
	Type string `json:"type" enum:"string,integer,number,boolean" doc:"Type of the value."`
	// Title and Description are for people.
	Title       string `json:"title,omitempty" doc:"Name for people."`
	Description string `json:"description,omitempty" doc:"Meaning of the parameter, for people."`
	// Required means that a request must have the parameter.
	Required bool `json:"required" doc:"Whether a request must have the parameter."`
	// Default is the value if a request leaves the parameter out; nil is none.
	Default any `json:"default,omitempty" doc:"Value if a request leaves it out."`
	// Enum lists the only values.
	Enum []any `json:"enum,omitempty" nullable:"false" doc:"The only values."`
	// Pattern is a regular expression (RE2) that a part of the text must match.
	Pattern string `json:"pattern,omitempty" doc:"Regular expression (RE2) that a part of the text must match."`
	// Format is the form of the text, such as date, email or uuid.
	Format string `json:"format,omitempty" doc:"Form of the text, such as date, email or uuid."`
	// MinLength and MaxLength count characters.
	MinLength int  `json:"minLength,omitempty" doc:"Least number of characters."`
	MaxLength *int `json:"maxLength,omitempty" doc:"Largest number of characters."`
	// The bounds of a number are as the configuration has them; empty is none.
	Minimum          json.Number `json:"minimum,omitempty" doc:"Smallest number."`
	Maximum          json.Number `json:"maximum,omitempty" doc:"Largest number."`
	ExclusiveMinimum json.Number `json:"exclusiveMinimum,omitempty" doc:"The number must be larger."`
	ExclusiveMaximum json.Number `json:"exclusiveMaximum,omitempty" doc:"The number must be smaller."`
	MultipleOf       json.Number `json:"multipleOf,omitempty" doc:"The number must be a multiple."`
}
