package terminal

import (
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Table is text in columns. The zero value is an empty table without a head.
type Table struct {
	Head   []string
	indent string
	rows   [][]Cell
}

// Cell is one text of a table.
type Cell struct {
	Text  string
	Style Style
}

// Cells returns plain cells. Each text becomes one line without control characters.
func Cells(texts ...string) []Cell {
	row := make([]Cell, len(texts))
	for i, text := range texts {
		row[i].Text = OneLine(text)
	}
	return row
}

// Add adds a row.
func (t *Table) Add(row ...Cell) { t.rows = append(t.rows, row) }

// gap is the space between two columns.
const gap = "  "

// Write writes the table. Lines are cut at the width of the screen.
func (t *Table) Write(s *Screen) error {
	rows := t.rows
	if t.Head != nil {
		head := Cells(t.Head...)
		for i := range head {
			head[i].Style = Bold
		}
		rows = slices.Insert(slices.Clone(rows), 0, head)
	}
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.Text))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(t.line(s, row, widths))
	}
	_, err := io.WriteString(s, out.String())
	return err
}

// line returns one row as a line.
func (t *Table) line(s *Screen, row []Cell, widths []int) string {
	var out strings.Builder
	out.WriteString(t.indent)
	used := utf8.RuneCountInString(t.indent)
	for i, c := range row {
		length := utf8.RuneCountInString(c.Text)
		if room := s.width - used; s.width > 0 && length > room {
			out.WriteString(s.paint(c.Style, cut(c.Text, room)))
			break
		}
		out.WriteString(s.paint(c.Style, c.Text))
		out.WriteString(strings.Repeat(" ", widths[i]-length) + gap)
		used += widths[i] + len(gap)
	}
	return strings.TrimRight(out.String(), " ") + "\n"
}

// cut shortens a text to a number of characters, and ends it with an ellipsis.
func cut(text string, room int) string {
	if room <= 0 {
		return ""
	}
	return string([]rune(text)[:room-1]) + "…"
}

// OneLine replaces characters that would break the line or move the cursor by spaces.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
