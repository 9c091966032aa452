package terminal

import (
	"fmt"
	"io"
	"sync"

	"github.com/schollz/progressbar/v3"
)

// Progress is a bar below the lines that a program prints. It shows nothing if its
// writer is not a terminal. Its methods may be called concurrently.
type Progress struct {
	mu  sync.Mutex
	bar *progressbar.ProgressBar // nil if no bar is shown
}

// NewProgress shows a bar. The caller closes it.
func NewProgress(w io.Writer, title string) *Progress {
	p := &Progress{}
	if Is(w) {
		p.bar = progressbar.NewOptions(-1,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription(OneLine(title)),
			progressbar.OptionSetWidth(30),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetSpinnerChangeInterval(0), // otherwise it draws by itself, amid output and after Close
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetRenderBlankState(true),
		)
	}
	return p
}

// Visible reports whether there is a bar.
func (p *Progress) Visible() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bar != nil
}

// Set shows that done of total are done. A total of 0 is unknown and shows nothing.
func (p *Progress) Set(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil || total == 0 {
		return
	}
	p.bar.ChangeMax(total)
	p.drawn(p.bar.Set(done))
}

// Println prints a line to w, above the bar.
func (p *Progress) Println(w io.Writer, line string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.drawn(p.bar.Clear())
	}
	_, err := fmt.Fprintln(w, line)
	if p.bar != nil {
		p.drawn(p.bar.RenderBlank())
	}
	return err
}

// Close removes the bar. A second call does nothing.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.drawn(p.bar.Clear())
		p.bar = nil
	}
}

// drawn gives up the bar after an error, because the terminal may be gone.
func (p *Progress) drawn(err error) {
	if err != nil {
		p.bar = nil
	}
}
