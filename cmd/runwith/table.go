package main

import (
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// table is rows of cells below each other, for people.
type table struct {
	indent string
	head   []string // no line where there is none
	rows   [][]cell
}

// cell is one text of a table.
type cell struct {
	text string
	look style
}

// words are cells in the terminal's own colour.
func words(texts ...string) []cell {
	row := make([]cell, len(texts))
	for i, text := range texts {
		row[i].text = oneLine(text)
	}
	return row
}

func (t *table) add(row ...cell) { t.rows = append(t.rows, row) }

// gap is between two columns.
const gap = "  "

// write writes the table at once.
func (t *table) write(s *screen) error {
	rows := t.rows
	if t.head != nil {
		head := words(t.head...)
		for i := range head {
			head[i].look = bold
		}
		rows = slices.Insert(slices.Clone(rows), 0, head)
	}
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(t.line(s, row, widths))
	}
	_, err := io.WriteString(s, out.String())
	return err
}

// line is one row, cut where the screen ends.
func (t *table) line(s *screen, row []cell, widths []int) string {
	var out strings.Builder
	out.WriteString(t.indent)
	used := utf8.RuneCountInString(t.indent)
	for i, c := range row {
		length := utf8.RuneCountInString(c.text)
		if room := s.width - used; s.width > 0 && length > room {
			out.WriteString(s.paint(c.look, cut(c.text, room)))
			break
		}
		out.WriteString(s.paint(c.look, c.text))
		out.WriteString(strings.Repeat(" ", widths[i]-length) + gap)
		used += widths[i] + len(gap)
	}
	return strings.TrimRight(out.String(), " ") + "\n"
}

// cut shortens a text to a number of characters, the last of which says so.
func cut(text string, room int) string {
	if room <= 0 {
		return ""
	}
	return string([]rune(text)[:room-1]) + "…"
}

// oneLine takes out of a text what would break a line, or move the cursor.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
