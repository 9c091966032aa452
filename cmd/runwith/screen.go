package main

import (
	"io"
	"os"
	"runtime"

	"golang.org/x/term"
)

// screen is where people read: what it can show besides text.
type screen struct {
	io.Writer
	colour bool
	width  int // in characters; 0 is unbounded
}

// newScreen looks at what stands behind w. Only a terminal gets colours, unless
// NO_COLOR is set (https://no-color.org), and lines that are cut to its width.
func newScreen(w io.Writer) *screen {
	s := &screen{Writer: w}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return s
	}
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		s.width = width
	}
	// A console of Windows shows the codes of colours as text.
	s.colour = env("NO_COLOR", "") == "" && env("TERM", "") != "dumb" && runtime.GOOS != "windows"
	return s
}

// style is how a text looks, as the parameter of ANSI's SGR.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

// paint gives a text a style where the screen can show one.
func (s *screen) paint(look style, text string) string {
	if !s.colour || look == plain || text == "" {
		return text
	}
	return "\x1b[" + string(look) + "m" + text + "\x1b[0m"
}

// stateStyle is how the state of a job, an execution or an operation looks.
func stateStyle(state string) style {
	switch state {
	case "succeeded", "ready", "done":
		return green
	case "failed", "refused":
		return red
	case "cancelled", "cancelling", "deleting", "unresolved":
		return yellow
	case "running":
		return cyan
	}
	return plain
}
