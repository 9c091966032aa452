package engine_test

import (
	"runtime"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/enginetest"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/testneed"
)

// TestFloodsOfOutputLeaveMemoryFlat prints far more than the log's limit, as fast as
// possible, in many lines and in one.
func TestFloodsOfOutputLeaveMemoryFlat(t *testing.T) { // not parallel: it measures memory
	testneed.Long(t)
	const mebibyte = 1 << 20
	for name, script := range map[string]string{
		"many lines": `yes "a line of output, forty characters long" | head -c 500000000`,
		"one line":   `head -c 1073741824 /dev/zero`,
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Open(t, enginetest.Config{MaxLog: 8 * mebibyte}).Engine
			createShell(t, e, 1, script)
			before := heap()
			operation := runHello(t, e)
			stop, peak := make(chan struct{}), make(chan uint64)
			go func() {
				var most uint64
				for {
					select {
					case <-stop:
						peak <- most
						return
					case <-time.After(20 * time.Millisecond):
						most = max(most, heap())
					}
				}
			}()
			x := wait(t, e, operation)
			close(stop)
			if x.SucceededCount != 1 {
				t.Errorf("conditions = %v, want the execution to succeed", x.Conditions)
			}
			if grown := int64(<-peak) - int64(before); grown > 64*mebibyte {
				t.Errorf("the heap grew by %d MiB, want no growth", grown/mebibyte)
			}
			if kept := keptOf(t, e, x); kept > 9*mebibyte || kept < 4*mebibyte {
				t.Errorf("log = %d bytes, want most of 8 MiB", kept)
			}
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// keptOf returns the size of an execution's stored output.
func keptOf(t *testing.T, e *engine.Engine, x *runpb.Execution) (size int) {
	t.Helper()
	for _, entry := range logged(t, e, x.Name, tasklog.Query{}) {
		size += len(entry.Text)
	}
	return size
}
