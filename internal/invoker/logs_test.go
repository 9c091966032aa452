package invoker

import (
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

// printer is a job that prints a line a second for ten seconds, and then ends. Its log
// comes late by delay.
type printer struct {
	began time.Time
	delay time.Duration
	read  int   // lines that were given out
	fail  error // of every other read
	reads int
}

func (p *printer) execution(name string) (*runpb.Execution, error) {
	if time.Since(p.began) < 10*time.Second {
		return &runpb.Execution{Name: name}, nil
	}
	return success(name), nil
}

func (p *printer) log(after cloudrun.Cursor) (lines []runwith.LogLine, next cloudrun.Cursor, err error) {
	if p.reads++; p.fail != nil && p.reads%2 == 1 {
		return nil, after, p.fail
	}
	for ; p.read < min(10, int((time.Since(p.began)-p.delay)/time.Second)); p.read++ {
		lines = append(lines, runwith.LogLine{Text: fmt.Sprint(p.read + 1)})
	}
	return lines, after, nil
}

var allLines = []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}

func openPrinter(t *testing.T, p *printer) *Invoker {
	t.Helper()
	p.began = time.Now()
	return open(t, &cloud{execution: p.execution, log: p.log}, func(c *Config) { c.LogDelay = p.delay })
}

func readLog(t *testing.T, v *Invoker, id string, follow bool) (texts []string, err error) {
	t.Helper()
	for line, err := range v.Logs(t.Context(), id, LogQuery{Follow: follow}) {
		if err != nil {
			return texts, err
		}
		texts = append(texts, line.Text)
	}
	return texts, nil
}

func TestLogsFollow(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*printer{
		"at once":         {},
		"late":            {delay: 20 * time.Second},
		"with errors":     {fail: runwith.Errorf(runwith.Unavailable, "why")},
		"with a quota":    {fail: runwith.Errorf(runwith.ResourceExhausted, "why")},
		"late and broken": {delay: 20 * time.Second, fail: runwith.Errorf(runwith.Unavailable, "why")},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				v := openPrinter(t, p)
				got, err := readLog(t, v, invoke(t, v, runwith.Overrides{}).ID, true)
				if diff := cmp.Diff(allLines, got); diff != "" || err != nil {
					t.Errorf("Logs() = %v (-want +got):\n%s", err, diff)
				}
			})
		})
	}
}

func TestLogs(t *testing.T) {
	in(t, func(t *testing.T) {
		v := openPrinter(t, &printer{})
		id := invoke(t, v, runwith.Overrides{}).ID
		if got, err := readLog(t, v, id, false); got != nil || err != nil {
			t.Errorf("Logs() before the start = %q, %v, want nothing", got, err)
		}
		time.Sleep(3500 * time.Millisecond)
		if got, err := readLog(t, v, id, false); err != nil || !cmp.Equal(got, allLines[:3]) {
			t.Errorf("Logs() = %q, %v, want %q", got, err, allLines[:3])
		}
	})
}

func TestLogsFailures(t *testing.T) {
	in(t, func(t *testing.T) {
		code, began := runwith.PermissionDenied, time.Now()
		c := &cloud{
			log: func(after cloudrun.Cursor) ([]runwith.LogLine, cloudrun.Cursor, error) {
				return nil, after, runwith.Errorf(code, "why")
			},
			execution: func(name string) (*runpb.Execution, error) {
				if time.Since(began) < time.Minute {
					return &runpb.Execution{Name: name}, nil
				}
				return success(name), nil
			},
		}
		v := open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateRunning)
		if _, err := readLog(t, v, id, true); runwith.CodeOf(err) != code {
			t.Errorf("Logs() = %v, want %v", err, code)
		}
		code = runwith.Unavailable
		if _, err := readLog(t, v, id, false); runwith.CodeOf(err) != code {
			t.Errorf("Logs() = %v, want %v", err, code)
		}
		wait(t, v, id)
		if _, err := readLog(t, v, id, true); runwith.CodeOf(err) != code {
			t.Errorf("Logs() of an ended invocation = %v, want %v in the end", err, code)
		}
	})
}

// TestLogsOfNothing follows the log of an invocation that never gets an execution.
func TestLogsOfNothing(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{job: func(string) (*runpb.Job, error) { return nil, errDial }})
		id := invoke(t, v, runwith.Overrides{}).ID
		done := make(chan error)
		go func() {
			_, err := readLog(t, v, id, true)
			done <- err
		}()
		time.Sleep(time.Minute)
		v.close()
		if err := <-done; runwith.CodeOf(err) != runwith.Unavailable {
			t.Errorf("Logs() = %v, want UNAVAILABLE", err)
		}
		closeInvoker(t, v)
	})
}

func TestLogsCallerStops(t *testing.T) {
	in(t, func(t *testing.T) {
		v := openPrinter(t, &printer{})
		n := 0
		for range v.Logs(t.Context(), invoke(t, v, runwith.Overrides{}).ID, LogQuery{Follow: true}) {
			if n++; n == 3 {
				break
			}
		}
		if n != 3 {
			t.Errorf("%d lines, want to stop after 3", n)
		}
	})
}

// TestALineAfterALongSilence lets a task print a line after minutes, and checks how much
// later somebody who follows an engine's log gets it.
func TestALineAfterALongSilence(t *testing.T) {
	in(t, func(t *testing.T) {
		began := time.Now()
		var printed bool
		c := &cloud{log: func(after cloudrun.Cursor) (lines []runwith.LogLine, next cloudrun.Cursor, err error) {
			if !printed && time.Since(began) >= 3*time.Minute {
				printed = true
				lines = append(lines, runwith.LogLine{Text: "late"})
			}
			return lines, after, nil
		}}
		v := open(t, c, local)
		id := invoke(t, v, runwith.Overrides{}).ID
		for line, err := range v.Logs(t.Context(), id, LogQuery{Follow: true}) {
			if late := time.Since(began) - 3*time.Minute; err != nil || line.Text != "late" || late > 500*time.Millisecond {
				t.Errorf("%q, %v, %v after it was printed", line.Text, err, late)
			}
			break
		}
	})
}
