package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/runwith/runwith"
)

// progress is a bar of the tasks that have ended, below the job's output. It is
// there where standard error is a terminal. It may be used concurrently.
type progress struct {
	mu  sync.Mutex
	bar *progressbar.ProgressBar // nil where no bar is shown
}

func newProgress(w io.Writer, invocation *runwith.Invocation) *progress {
	p := &progress{}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bar = progressbar.NewOptions(-1,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription(invocation.Job),
			progressbar.OptionSetWidth(30),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetSpinnerChangeInterval(0), // else it draws on its own, amid output and after close
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetRenderBlankState(true),
		)
	}
	return p
}

func (p *progress) visible() bool { return p.bar != nil }

// show brings the bar up to an invocation.
func (p *progress) show(invocation *runwith.Invocation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil || invocation.Counts.Tasks == 0 {
		return
	}
	p.bar.ChangeMax(invocation.Counts.Tasks)
	p.draw(p.bar.Set(invocation.Counts.Done()))
}

// print prints a line above the bar.
func (p *progress) print(w io.Writer, line string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.draw(p.bar.Clear())
	}
	_, err := fmt.Fprintln(w, line)
	if p.bar != nil {
		p.draw(p.bar.RenderBlank())
	}
	return err
}

// close takes the bar away.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.draw(p.bar.Clear())
		p.bar = nil
	}
}

// draw gives up a bar that cannot be drawn: the terminal may be gone.
func (p *progress) draw(err error) {
	if err != nil {
		p.bar = nil
	}
}
