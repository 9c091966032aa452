package bell_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/runwith/runwith/internal/bell"
)

func TestRing(t *testing.T) {
	t.Parallel()
	b := bell.New()
	b.Ring()
	b.Ring()
	if len(b) != 1 {
		t.Errorf("two rings leave %d, want 1", len(b))
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(a bell.Asks, cancel func(), ended chan struct{}){
		"nothing to do": func(a bell.Asks, _ func(), _ chan struct{}) { close(<-a) },
		"ctx, unasked":  func(_ bell.Asks, cancel func(), _ chan struct{}) { cancel() },
		"loop, unasked": func(_ bell.Asks, _ func(), ended chan struct{}) { close(ended) },
		"ctx":           func(a bell.Asks, cancel func(), _ chan struct{}) { <-a; cancel() },
		"loop":          func(a bell.Asks, _ func(), ended chan struct{}) { <-a; close(ended) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				a, ended, back := make(bell.Asks), make(chan struct{}), make(chan struct{})
				go func() {
					defer close(back)
					a.Wait(ctx, ended)
				}()
				synctest.Wait()
				select {
				case <-back:
					t.Error("Wait returned before there was a reason")
				default:
				}
				end(a, cancel, ended)
				<-back
			})
		})
	}
}
