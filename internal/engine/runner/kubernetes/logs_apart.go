package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// errNotApart means that a node shows both streams of a container only as one.
var errNotApart = errors.New("the node does not show stdout and stderr apart")

// logStream is a stream of a container, or both as one.
type logStream struct {
	name   string        // in requests; empty is both
	out    io.Writer     // nil drops the output
	kept   runner.Extent // how much of it earlier processes have written
	record string        // path of its logRecord
	late   int64         // see logCursor
	shown  *shownApart   // of both streams; nil if they are read as one
}

// stdoutRecord and stderrRecord are the paths of a stream's record, if streams are read apart.
func stdoutRecord(record string) string { return beside(record, ".stdout") }
func stderrRecord(record string) string { return beside(record, ".stderr") }

func beside(record, suffix string) string {
	if record == "" {
		return "" // none is kept
	}
	return record + suffix
}

// runApart reads stdout and stderr, each on its own. It returns errNotApart if the cluster refuses
// both, and nothing is written then.
func (l *logReader) runApart(ctx context.Context, stdout, stderr runner.Extent) error {
	late := l.late()
	if late > 0 && l.hasBeginning(ctx, late) {
		late = 0
	}
	shown := newShownApart()
	of := func(name, record string, out io.Writer, kept runner.Extent) logStream {
		return logStream{name: name, out: out, kept: kept, record: record, late: late, shown: shown}
	}
	other := make(chan error, 1)
	go func() {
		lines, err := l.runStream(ctx, of(kube.Stderr, stderrRecord(l.record), l.out.Stderr, stderr))
		l.stderrLines = lines
		other <- err
	}()
	_, err := l.runStream(ctx, of(kube.Stdout, stdoutRecord(l.record), l.out.Stdout, stdout))
	e := <-other
	if shown.isMerged() {
		return errNotApart
	}
	return errors.Join(err, e)
}

// readBefore reports that an earlier process has read both streams as one, and written some of
// it. Its place is in that log, so reading goes on as it did.
func (l *logReader) readBefore() bool {
	_, err := os.Stat(l.record)
	return err == nil
}

// hasBeginning reports that the log still begins with the container's first output. What one
// stream has first may come at any time after that.
func (l *logReader) hasBeginning(ctx context.Context, late int64) bool {
	wait := logBackoff()
	for range lastTries {
		at, err := l.firstStamp(ctx)
		if err == nil {
			return at <= late
		}
		if isFinal(err) || backoff.Sleep(ctx, backoff.Jitter(wait.Next())) != nil {
			break
		}
	}
	return false // it is not known
}

// firstStamp returns the timestamp of the log's first line, of either stream; 0 if the log is
// empty.
func (l *logReader) firstStamp(ctx context.Context) (at int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, idleTimeout)
	defer cancel()
	body, err := l.client.OpenLog(ctx, l.pod, kube.LogOptions{Container: l.container})
	if err != nil {
		return 0, err
	}
	defer body.Close()
	head, err := io.ReadAll(io.LimitReader(body, int64(maxStamp+1)))
	if err != nil || len(head) == 0 {
		return 0, err
	}
	text, _, _ := strings.Cut(string(head), " ")
	stamp, err := time.Parse(time.RFC3339Nano, text)
	return stamp.UnixNano(), err
}

// isNotApart reports that a server does not show the streams apart: the kubelet, or one of
// several API servers.
func isNotApart(err error) bool {
	status, ok := errors.AsType[*kube.StatusError](err)
	return ok && (status.Code == http.StatusUnprocessableEntity ||
		status.Code == http.StatusBadRequest && strings.Contains(status.Message, "given log stream"))
}

// readStream makes one reading. again means that it was in vain, and the next one will not be.
func (l *logReader) readStream(ctx context.Context, c *logCursor, o kube.LogOptions) (again bool, err error) {
	err = l.read(ctx, c, o)
	if !c.apart {
		return false, err
	}
	switch {
	case isNotApart(err):
		return false, c.shown.refuse(ctx, o.Stream, err)
	case !o.Follow && c.doubts(err):
		err = l.trust(ctx, c, err)
		return err == nil, err
	}
	return false, err
}

// doubts reports that a reading, which ended with err, has text without a timestamp that may be
// output.
//
// A kubelet puts a timestamp before each text that follows a newline, and counts the newlines of
// both streams together. So text has none if the other stream has an unfinished line before it.
func (c *logCursor) doubts(err error) bool {
	return c.apart && !c.trusted && (c.unstamped || errors.Is(err, errBroken))
}

// trust makes the cursor trust such text, if the kubelet shows both streams together up to their
// end. The reason why a kubelet cannot read a log has no timestamp, either.
func (l *logReader) trust(ctx context.Context, c *logCursor, doubt error) error {
	body, err := l.client.OpenLog(ctx, l.pod, kube.LogOptions{Container: l.container, Since: c.at.since()})
	if err != nil {
		return err
	}
	defer body.Close()
	var end lastLine
	parser := &lineParser{to: &end}
	if _, err := io.Copy(parser, body); err != nil {
		return err
	}
	if parser.finish(); !end.stamped {
		return cmp.Or(doubt, errBroken)
	}
	c.trusted = true
	return nil
}

// lastLine receives the lines of a log, and keeps whether the last one had a timestamp.
type lastLine struct{ stamped bool }

func (l *lastLine) start(_ int64, stamped bool) { l.stamped = stamped }
func (*lastLine) text([]byte)                   {}
func (*lastLine) end()                          {}
