package kubernetes

import (
	"sync"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// strayPatience is how long a stray is left alone: the engine may place its attempt again.
const strayPatience = 30 * time.Second

// strays are the gated Pods of this engine that no attempt has: a request to make one arrived
// late. The zero value is ready to use.
type strays struct {
	mu       sync.Mutex
	pods     map[string]stray // by UID
	removing map[string]bool  // names of strays that are being removed
}

// stray is one of them.
type stray struct {
	name  string
	since time.Time
}

// noteStray notes whether the Pod of an event is a stray. a is the attempt of its name, or nil.
func (r *Runner) noteStray(e kube.PodEvent, a *attempt) {
	_, ours := r.attemptOf(e.Pod)
	is := ours && e.Kind != kube.Deleted && judge(e.Pod).gated && (a == nil || a.podUID() != e.Pod.Metadata.UID)
	r.strays.set(e.Pod.Metadata.UID, e.Pod.Metadata.Name, is)
}

// set notes whether a Pod is a stray.
func (s *strays) set(uid, name string, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, was := s.pods[uid]
	switch {
	case !is:
		delete(s.pods, uid)
	case s.pods == nil:
		s.pods = map[string]stray{uid: {name, time.Now()}}
	case !was:
		s.pods[uid] = stray{name, time.Now()}
	}
}

// old returns the names of the Pods that have been strays for a time, by UID.
func (s *strays) old(patience time.Duration) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := make(map[string]string)
	for uid, one := range s.pods {
		if time.Since(one.since) >= patience {
			old[uid] = one.name
		}
	}
	return old
}

// claim begins to remove a stray, if its name is free. Until settle is called, no attempt gets
// the name.
func (s *strays) claim(name string, free func() bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !free() {
		return false
	}
	if s.removing == nil {
		s.removing = make(map[string]bool)
	}
	s.removing[name] = true
	return true
}

// settle ends the removal of a stray.
func (s *strays) settle(uid, name string, removed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.removing, name)
	if removed {
		delete(s.pods, uid)
	}
}

// give calls take, which gives an attempt its name. It does not, and returns false, while a stray
// of that name is being removed.
func (s *strays) give(name string, take func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removing[name] {
		return false
	}
	take()
	return true
}

// sweep removes strays until the Runner closes.
func (r *Runner) sweep() {
	patience := strayPatience
	if r.config.strayPatience > 0 {
		patience = r.config.strayPatience
	}
	for backoff.Sleep(r.life, patience/2) == nil {
		for uid, name := range r.strays.old(patience) {
			r.sweepOne(uid, name)
		}
	}
}

// sweepOne removes a stray, unless its attempt was placed again.
func (r *Runner) sweepOne(uid, name string) {
	if !r.strays.claim(name, func() bool { return r.known(name) == nil }) {
		return
	}
	err := r.removePod(r.life, name, uid, false)
	r.strays.settle(uid, name, err == nil)
	if err != nil {
		r.log.Warn("remove a Pod that no attempt has", "pod", name, "error", err)
		return
	}
	r.log.Info("removed a Pod that no attempt has: a request to make it arrived late", "pod", name)
}
