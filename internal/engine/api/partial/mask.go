// Package partial makes partial answers, as every Google API can: a mask names the fields
// that an answer keeps. It is pure.
//
//	jobs(name,template.taskCount),nextPageToken
//
// A mask is a list of paths. A path joins names by dots or slashes, and ends with a mask in
// parentheses that applies below it, if it has one. Names are in JSON's or the proto's
// spelling; a key of a map may be in backticks or quotes. A star is every field. A path
// leads into each element of a list.
//
// [Parse] reads a mask, [Mask.For] compares it with what an answer can have, and
// [Mask.Apply] filters an answer.
//
// See https://cloud.google.com/apis/docs/system-parameters.
package partial

import (
	"bytes"
	"encoding/json"
)

// maxDepth is how deep a mask may lead into an answer. No answer is that deep.
const maxDepth = 50

// star is the name that stands for every field.
const star = "*"

// Mask selects fields of a value. Nil, and the mask without fields, select all of it.
type Mask struct {
	fields map[string]*Mask
}

// field returns the mask for a field, or for an entry of a map, and whether it is kept.
func (m *Mask) field(name string) (*Mask, bool) {
	if below, ok := m.fields[name]; ok {
		return below, true
	}
	below, ok := m.fields[star]
	return below, ok
}

// all reports whether a mask selects the whole value.
func (m *Mask) all() bool { return m == nil || len(m.fields) == 0 }

// merge returns the mask that selects what either selects. It changes a: a copy for each of many
// fields with one name would take minutes.
func merge(a, b *Mask) *Mask {
	if a.all() || b.all() {
		return &Mask{}
	}
	for name, below := range b.fields {
		a.add(name, below)
	}
	return a
}

// add selects a field in addition.
func (m *Mask) add(name string, below *Mask) {
	if m.fields == nil {
		m.fields = map[string]*Mask{}
	}
	if other, ok := m.fields[name]; ok {
		below = merge(other, below)
	}
	m.fields[name] = below
}

// Apply returns the selected fields of a value that is compact JSON.
func (m *Mask) Apply(raw []byte) ([]byte, error) {
	if m.all() {
		return raw, nil
	}
	f := filter{in: json.NewDecoder(bytes.NewReader(raw))}
	f.in.UseNumber()
	err := f.value(m)
	return f.out.Bytes(), err
}

// filter copies the selected fields of JSON.
type filter struct {
	in  *json.Decoder
	out bytes.Buffer
}

func (f *filter) value(m *Mask) error {
	if m.all() {
		return f.copy()
	}
	token, err := f.in.Token()
	switch {
	case err != nil:
		return err
	case token == json.Delim('{'):
		return f.object(m)
	case token == json.Delim('['):
		return f.list(m)
	}
	return f.write(token)
}

// copy copies the next value.
func (f *filter) copy() error {
	var raw json.RawMessage
	err := f.in.Decode(&raw)
	f.out.Write(raw)
	return err
}

func (f *filter) write(value any) error {
	encoder := json.NewEncoder(&f.out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	f.out.Truncate(f.out.Len() - 1) // the line break
	return err
}

func (f *filter) object(m *Mask) error {
	f.out.WriteByte('{')
	for first := true; f.in.More(); {
		name, err := f.in.Token()
		if err != nil {
			return err
		}
		key, _ := name.(string)
		below, kept := m.field(key)
		if !kept {
			var dropped json.RawMessage
			if err := f.in.Decode(&dropped); err != nil {
				return err
			}
			continue
		}
		if !first {
			f.out.WriteByte(',')
		}
		first = false
		if err := f.write(key); err != nil {
			return err
		}
		f.out.WriteByte(':')
		if err := f.value(below); err != nil {
			return err
		}
	}
	f.out.WriteByte('}')
	_, err := f.in.Token()
	return err
}

func (f *filter) list(m *Mask) error {
	f.out.WriteByte('[')
	for first := true; f.in.More(); first = false {
		if !first {
			f.out.WriteByte(',')
		}
		if err := f.value(m); err != nil {
			return err
		}
	}
	f.out.WriteByte(']')
	_, err := f.in.Token()
	return err
}
