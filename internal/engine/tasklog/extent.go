package tasklog

import "context"

// Extent is the length of one stream of an attempt.
type Extent struct {
	Lines int // complete lines
	Tail  int // bytes of the incomplete last line
}

// Written returns the length of the stored output of one container of the attempt. It
// includes the output that earlier Writers of the attempt stored.
func (w *Writer) Written(ctx context.Context, container int) (stdout, stderr Extent, err error) {
	streams := map[Stream]*Extent{Stdout: &stdout, Stderr: &stderr}
	for e, err := range w.log.store.Read(ctx, w.log.name, Query{Tasks: []int{w.task}}) {
		if err != nil {
			return Extent{}, Extent{}, err
		}
		at := streams[e.Stream]
		switch {
		case at == nil || e.Attempt != w.attempt || e.Container != container && !e.lost():
		case e.lost():
			w.lose()
		case e.Continued:
			at.Tail += len(e.Text)
		default:
			*at = Extent{Lines: at.Lines + 1}
		}
	}
	return stdout, stderr, ctx.Err()
}
