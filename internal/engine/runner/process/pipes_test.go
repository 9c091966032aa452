//go:build linux || darwin

package process

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runwith/runwith/internal/engine/runner"
)

// TestPipeGivenUp checks that the Runner reads the rest of a pipe that another process holds, and
// then stops.
func TestPipeGivenUp(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p, err := openPipes(runner.Output{Stdout: &out}, new(buffers))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.closeWriters)
	want := strings.Repeat("x", 60<<10)
	if _, err := unix.Write(p.streams[0].writer, []byte(want)); err != nil {
		t.Fatal(err)
	}
	for i := range p.streams {
		if err := p.streams[i].reader.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	p.copy()
	<-p.done
	if out.String() != want {
		t.Errorf("read %d bytes, want %d", out.Len(), len(want))
	}
}
