package kubernetes

import (
	"strconv"
	"sync"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// attempt is one that this Runner placed or adopted, or may adopt. It is known until its
// Pod is removed, or the Runner lets go of it.
type attempt struct {
	*runner.Detachable
	pod  string // name
	left bool   // an earlier server placed it

	seen      time.Time      // when the Pod was made or found, by this machine's clock
	following sync.WaitGroup // goroutines that write its output
	gone      chan struct{}  // closed when the Pod is removed

	mu         sync.Mutex
	uid        string // empty while the Pod is not known
	version    uint64 // of the newest status
	verdict    verdict
	news       chan struct{} // closed when the next verdict has come
	mayRun     bool          // the gate is to be opened
	killing    bool          // the Runner deletes the Pod to end it
	stopped    bool          // the Runner has asked the cluster to end it, and it had not ended before
	removing   bool          // the Pod is being removed
	confirming bool          // confirmLater asks for the Pod
	names      []string      // of the template's containers in the Pod; nil if there is no template
	out        runner.Output
	readers    map[string]chan struct{} // by container; closed when the container has ended
	stderr     map[string]int           // lines of stderr in the logs of the containers, if they are read apart
}

func (r *Runner) newAttempt(id runner.ID) *attempt {
	return &attempt{
		Detachable: runner.NewDetachable(r.life, id), pod: podName(r.engine, id), seen: time.Now(),
		news: make(chan struct{}), gone: make(chan struct{}), readers: make(map[string]chan struct{}),
		stderr: make(map[string]int),
	}
}

// bind makes a Pod the attempt's.
func (a *attempt) bind(pod *kube.Pod) {
	a.mu.Lock()
	a.uid = pod.Metadata.UID
	a.mu.Unlock()
	a.observe(pod)
}

// observe records a Pod's status. It ignores another Pod of the same name, and a status
// that is older than the recorded one.
func (a *attempt) observe(pod *kube.Pod) {
	v := judge(pod)
	version, err := strconv.ParseUint(pod.Metadata.ResourceVersion, 10, 64)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.uid != pod.Metadata.UID || err == nil && version < a.version {
		return
	}
	a.version = version
	a.set(v)
}

// vanish records that the Pod with a UID no longer exists.
func (a *attempt) vanish(uid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.uid != uid {
		return
	}
	v := a.verdict
	v.over, v.deleting, v.settled, v.gone = true, true, true, true
	switch v.phase {
	case ended, broken:
	case closes: // a task that has ended must not run again because its sidecars had no time to
		v.close()
	default:
		v.phase = lost
	}
	a.set(v)
}

// set replaces the verdict. The caller holds mu.
func (a *attempt) set(v verdict) {
	a.verdict = v
	close(a.news)
	a.news = make(chan struct{})
}

// now returns the newest verdict. news is closed when the next one has come.
func (a *attempt) now() (v verdict, news <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.verdict, a.news
}

// podUID returns the UID of the Pod, or nothing while the Pod is not known.
func (a *attempt) podUID() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.uid
}

// kill notes that the Runner is about to delete the Pod, so that its end is not somebody else's
// doing.
func (a *attempt) kill() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.killing = true
}

// noteStopped notes that the cluster was asked to end the attempt, unless it had ended before.
func (a *attempt) noteStopped() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = a.stopped || !a.verdict.over
}

// result returns how the attempt ended. The time that a stopped one ran is unknown: it says
// nothing about the timeout if the clocks of engine and node differ.
func (a *attempt) result(v verdict) runner.Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		v.result.Ran = 0
	}
	return v.result
}

// isKilled reports whether the Runner has ended the attempt by deleting its Pod.
func (a *attempt) isKilled(v verdict) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.killing && v.killed
}

// allow sets whether the gate is to be opened.
func (a *attempt) allow(may bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mayRun = may
}

// setConfirming sets whether confirmLater asks for the Pod, and reports whether that has changed.
func (a *attempt) setConfirming(is bool) (changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	changed = a.confirming != is
	a.confirming = is
	return changed
}

// writeTo notes that out receives the output of the containers with these names.
func (a *attempt) writeTo(names []string, out runner.Output) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names, a.out = names, out
}

// noteStderr notes how many lines of stderr come from the log of a container.
func (a *attempt) noteStderr(container string, lines int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stderr[container] = lines
}
