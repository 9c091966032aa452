package api

import (
	"context"
	"iter"
	"sync"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

const (
	// maxFed is how many bytes of lines may wait for a slow client. A longer line waits
	// alone.
	maxFed = 64 << 10
	// lineCost is the size of a line without its text.
	lineCost = 128
)

// feed holds the lines between the goroutine that reads a log and the one that writes to
// a client.
type feed struct {
	more chan struct{} // receives when there is something to take, or the end
	room chan struct{} // receives when the feed is half empty again

	mu    sync.Mutex
	lines []runwith.LogLine
	bytes int
	full  bool // until half of it was taken
	ended bool
	err   error // of the log, behind all lines
}

// openFeed reads a log in the background until its end or that of ctx. wait waits for
// that.
func openFeed(ctx context.Context, v Invoker, id string, q invoker.LogQuery) (f *feed, wait func()) {
	f = &feed{more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	q.Ready = f.ready
	var pump sync.WaitGroup
	pump.Go(func() { f.end(f.read(ctx, v, id, q)) })
	return f, pump.Wait
}

func (f *feed) read(ctx context.Context, v Invoker, id string, q invoker.LogQuery) error {
	for line, err := range v.Logs(ctx, id, q) {
		if err != nil {
			return err
		}
		f.put(line)
	}
	return nil
}

func (f *feed) put(line runwith.LogLine) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, line)
	f.bytes += lineCost + len(line.Text)
	f.full = f.full || f.bytes >= maxFed
	signal(f.more)
}

func (f *feed) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended, f.err = true, err
	signal(f.more)
}

// ready waits until there is room for a line.
func (f *feed) ready(ctx context.Context) error {
	for f.isFull() {
		select {
		case <-f.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (f *feed) isFull() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.full
}

// take returns the next line. If there is none, more receives when that has changed, unless
// the log has ended.
func (f *feed) take() (line runwith.LogLine, ok, ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.lines) == 0 {
		f.lines = nil // frees its memory
		return line, false, f.ended
	}
	line, f.lines = f.lines[0], f.lines[1:]
	f.bytes -= lineCost + len(line.Text)
	if f.full && f.bytes <= maxFed/2 {
		f.full = false
		signal(f.room)
	}
	return line, true, false
}

// all yields the lines and the error of the log. An error of ctx ends it too.
func (f *feed) all(ctx context.Context) iter.Seq2[runwith.LogLine, error] {
	return func(yield func(runwith.LogLine, error) bool) {
		for {
			line, ok, ended := f.take()
			switch {
			case ok:
				if !yield(line, nil) {
					return
				}
				continue
			case ended && f.err == nil:
				return
			case ended:
				yield(runwith.LogLine{}, f.err)
				return
			}
			select {
			case <-f.more:
			case <-ctx.Done():
				yield(runwith.LogLine{}, ctx.Err())
				return
			}
		}
	}
}

// signal wakes the goroutine that waits at a channel with room for one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}
