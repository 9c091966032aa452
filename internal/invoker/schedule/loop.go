package schedule

import (
	"container/heap"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// loop owns the queue of entries by their wake time.
type loop struct {
	*Schedules
	queue   queue
	working int             // entries that are being handled
	asked   []chan struct{} // who waits until nothing is due
	seen    time.Time       // what the clock showed last
	read    time.Time       // when the store was read last
}

func (s *Schedules) run() {
	if s.config.Ready != nil {
		select {
		case <-s.config.Ready:
		case <-s.closing.Done():
			return
		}
	}
	l := &loop{Schedules: s}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for s.closing.Err() == nil {
		l.drive()
		l.refresh()
		wait := l.start()
		l.answer(wait)
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-s.bell:
		case e := <-s.done:
			l.finished(e)
		case asked := <-s.asks:
			l.asked = append(l.asked, asked)
		case <-s.closing.Done():
		}
	}
	for ; l.working > 0; l.working-- {
		<-s.done
	}
}

// refresh takes changes from outside into the queue. After the clock was set back, all wake
// times are worked out anew. Other processes may change a shared store at any time.
func (l *loop) refresh() {
	now := l.now().Round(0) // without the monotonic clock, which nobody sets
	back := now.Before(l.seen)
	old := !l.config.Store.Alone() && now.Sub(l.read) >= idleShared
	l.seen = now
	l.mu.Lock()
	changed := l.changed || back || old
	l.changed = false
	l.mu.Unlock()
	if changed {
		l.read = now
		l.reload()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.moved {
		l.place(e)
	}
	l.moved = nil
}

// reload reads the store, and tries it again later if it fails.
func (l *loop) reload() {
	if err := l.sync(l.closing); err != nil && l.closing.Err() == nil {
		l.logger.Error("schedules: cannot read the store", "error", err)
		time.AfterFunc(backoff.Jitter(storeRetry), l.reread)
	}
}

// place puts an entry into the queue, or takes it out. The lock is held.
func (l *loop) place(e *entry) {
	switch queued := e.index >= 0; {
	case e.busy:
		e.again = true
	case e.gone || e.wake.IsZero():
		if queued {
			heap.Remove(&l.queue, e.index)
		}
	case queued:
		heap.Fix(&l.queue, e.index)
	default:
		heap.Push(&l.queue, e)
	}
}

// start handles the entries that are due, and returns how long nothing else is.
func (l *loop) start() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := idle
	if !l.config.Store.Alone() {
		most = idleShared
	}
	for l.driving && len(l.queue) > 0 && l.working < maxStarts {
		now, e := l.now(), l.queue[0]
		if wait := e.wake.Sub(now); wait > 0 {
			return min(wait, most)
		}
		heap.Pop(&l.queue)
		e.busy = true
		l.working++
		l.loops.Go(func() {
			l.handle(e)
			l.done <- e
		})
	}
	return most
}

// finished puts an entry back that was handled.
func (l *loop) finished(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.working--
	e.busy = false
	if e.again && !l.retries(e) {
		e.wake = l.wakeOf(e)
	}
	e.again = false
	l.place(e)
}

// answer tells those who wait that nothing is due.
func (l *loop) answer(wait time.Duration) {
	if l.working > 0 || wait <= 0 {
		return
	}
	for _, asked := range l.asked {
		close(asked)
	}
	l.asked = nil
}

// wakeOf returns when an entry is due next; zero: never. The lock is held.
func (s *Schedules) wakeOf(e *entry) time.Time {
	if e.gone || e.row.Paused || e.plan.paused {
		return time.Time{}
	}
	if ahead := e.row.Cursor.Sub(s.now()); ahead > setBack {
		return ledger.Stored(s.now())
	}
	slot := e.plan.next(e.row.Cursor)
	if slot.IsZero() {
		return slot
	}
	return e.plan.start(slot)
}

// queue is a heap of entries by their wake time.
type queue []*entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].wake.Before(q[j].wake) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements [heap.Interface].
func (q *queue) Push(x any) {
	e, _ := x.(*entry)
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop implements [heap.Interface].
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q, e.index = (*q)[:last], -1
	return e
}
