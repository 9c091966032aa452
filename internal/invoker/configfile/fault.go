package configfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Fault is one mistake in a file. It never contains a secret.
type Fault struct {
	// Line and Column count from 1.
	Line, Column int
	// Path is where the mistake is, such as jobs.reindex.args[0]; empty for the whole file.
	Path string
	// Text says what is wrong, and what to do about it.
	Text string
}

// String returns LINE:COLUMN: PATH: TEXT.
func (f Fault) String() string {
	if f.Path == "" {
		return fmt.Sprintf("%d:%d: %s", f.Line, f.Column, f.Text)
	}
	return fmt.Sprintf("%d:%d: %s: %s", f.Line, f.Column, f.Path, f.Text)
}

// FaultsError are all mistakes in a file, in the order of the file.
type FaultsError struct {
	// File is the name of the file.
	File string
	List []Fault
}

// Error lists the mistakes, one a line, each with the name of the file.
func (e *FaultsError) Error() string {
	lines := make([]string, len(e.List))
	for i, f := range e.List {
		lines[i] = e.File + ":" + f.String()
	}
	return strings.Join(lines, "\n")
}

// Join returns the faults of all errors as one error in the order of the file, or nil if
// there is none. It keeps other errors beside them.
func Join(errs ...error) error {
	all := &FaultsError{}
	var others []error
	for _, err := range errs {
		if faults, ok := errors.AsType[*FaultsError](err); ok {
			all.File = faults.File
			all.List = append(all.List, faults.List...)
		} else if err != nil {
			others = append(others, err)
		}
	}
	if len(all.List) > 0 {
		all.sort()
		others = append([]error{all}, others...)
	}
	if len(others) == 1 {
		return others[0]
	}
	return errors.Join(others...)
}

func (e *FaultsError) sort() {
	slices.SortStableFunc(e.List, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	e.List = slices.Compact(e.List)
}

// Path is a place in the structure of a file, such as jobs.reindex.args[0].
type Path string

// Field returns the path of a field, or of an entry by its name.
func (p Path) Field(name string) Path {
	if p == "" {
		return Path(name)
	}
	return p + "." + Path(name)
}

// Index returns the path of an element of a list.
func (p Path) Index(i int) Path { return p + Path(fmt.Sprintf("[%d]", i)) }

// parent returns the path without its last step.
func (p Path) parent() Path { return p[:max(0, strings.LastIndexAny(string(p), ".["))] }

// place is a line and a column.
type place struct{ line, column int }

// places are the line and column of each path in a file.
type places struct {
	file string
	at   map[Path]place
}

// Checker collects the mistakes that a package finds in a file that [Read] accepted.
type Checker struct {
	file   *File
	faults []Fault
}

// Check returns a checker for the file.
func (f *File) Check() *Checker { return &Checker{file: f} }

// Addf adds a mistake at a path. If the file does not have the path, the mistake is placed
// at the nearest one above it.
func (c *Checker) Addf(at Path, format string, args ...any) {
	where, known := place{1, 1}, false
	for p := at; p != "" && !known; p = p.parent() {
		if found, ok := c.file.places.at[p]; ok {
			where, known = found, true
		}
	}
	c.faults = append(c.faults, Fault{where.line, where.column, string(at), fmt.Sprintf(format, args...)})
}

// Err returns the mistakes as [*FaultsError], or nil if there are none.
func (c *Checker) Err() error {
	if len(c.faults) == 0 {
		return nil
	}
	e := &FaultsError{File: c.file.places.file, List: c.faults}
	e.sort()
	return e
}
