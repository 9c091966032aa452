package tasklog

import "context"

// Extent is how far one stream of an attempt has come.
type Extent struct {
	Lines int // that have ended
	Tail  int // bytes of the line that has not
}

// Written returns what there is already of one container of the attempt, by this Writer
// and by those before it.
func (w *Writer) Written(ctx context.Context, container int) (stdout, stderr Extent, err error) {
	streams := map[Stream]*Extent{Stdout: &stdout, Stderr: &stderr}
	for e, err := range w.log.store.Read(ctx, w.log.name, Query{Tasks: []int{w.task}}) {
		if err != nil {
			return Extent{}, Extent{}, err
		}
		at := streams[e.Stream]
		switch {
		case at == nil || e.Attempt != w.attempt || e.Container != container:
		case e.Continued:
			at.Tail += len(e.Text)
		default:
			*at = Extent{Lines: at.Lines + 1}
		}
	}
	return stdout, stderr, ctx.Err()
}
