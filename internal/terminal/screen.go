// Package terminal writes text for people: tables, sections and progress bars, with
// colours if the reader is a terminal.
package terminal

import (
	"io"
	"os"
	"runtime"

	"golang.org/x/term"
)

// Is reports whether stream is a terminal. It may be any reader or writer.
func Is(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Screen is a writer that knows what it can show.
type Screen struct {
	io.Writer
	colours bool
	width   int // in characters; 0 is unlimited
}

// NewScreen returns a screen that writes to w. Only a terminal has a width. Only a
// terminal shows colours, and only if the user wants them.
func NewScreen(w io.Writer, wantColours bool) *Screen {
	s := &Screen{Writer: w}
	file, ok := w.(*os.File)
	if !ok || !Is(w) {
		return s
	}
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		s.width = width
	}
	s.colours = wantColours && runtime.GOOS != "windows" // its console prints the codes as text
	return s
}

// Style is how a text looks, as the parameter of ANSI's SGR. The zero value is plain.
type Style string

// Styles.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Cyan   Style = "36"
)

// paint returns the text in a style, if the screen shows styles.
func (s *Screen) paint(style Style, text string) string {
	if !s.colours || style == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}
