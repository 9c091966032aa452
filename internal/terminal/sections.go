package terminal

import "errors"

// Sections writes one thing in sections. Each has a title, and rows of a label and a
// value. The zero value with a Screen is ready to use.
type Sections struct {
	Screen *Screen

	title string
	rows  Table
	label string // of the row above
	begun bool
	errs  []error
}

// Begin ends the section and begins another.
func (s *Sections) Begin(title string) {
	s.flush()
	s.title, s.label, s.rows = title, "", Table{indent: gap}
}

func (s *Sections) flush() {
	if s.title == "" {
		return
	}
	heading := s.Screen.paint(Bold, OneLine(s.title)) + "\n"
	if s.begun {
		heading = "\n" + heading
	}
	s.begun = true
	_, err := s.Screen.Write([]byte(heading))
	s.errs = append(s.errs, err, s.rows.Write(s.Screen))
}

// Row adds a value. It leaves out an empty value, and the label if the row above has
// the same.
func (s *Sections) Row(label, value string) {
	if value == "" {
		return
	}
	shown := label
	if label == s.label {
		shown = ""
	}
	s.Cells(Cells(shown, value)...)
	s.label = label
}

// Cells adds a row of cells as they are.
func (s *Sections) Cells(row ...Cell) {
	s.label = ""
	s.rows.Add(row...)
}

// End writes the last section and returns the errors of writing.
func (s *Sections) End() error {
	s.flush()
	return errors.Join(s.errs...)
}
