package server

import (
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/runwith/runwith/internal/descriptor"
)

// warnEvery is the least time between two warnings about descriptors.
const warnEvery = time.Minute

// patient is a listener that outlasts a lack of descriptors: the callers wait, and are
// accepted as soon as there is one again. The servers behind it would take such an error
// for the end of the listener, or wait longer and log each try.
type patient struct {
	net.Listener
	log    *slog.Logger
	began  time.Time
	warned atomic.Int64 // since began; 0 for never
}

func newPatient(l net.Listener, log *slog.Logger) *patient {
	return &patient{Listener: l, log: log, began: time.Now()}
}

// Accept returns the next connection.
func (p *patient) Accept() (net.Conn, error) {
	for pauses := descriptor.Pauses(); ; time.Sleep(pauses.Next()) {
		conn, err := p.Listener.Accept()
		if !descriptor.Exhausted(err) {
			return conn, err
		}
		p.warn(err)
	}
}

func (p *patient) warn(err error) {
	now := int64(time.Since(p.began)) + 1
	if last := p.warned.Load(); last != 0 && now-last < int64(warnEvery) {
		return
	}
	p.warned.Store(now)
	p.log.Warn("no file descriptor is left: callers wait until there is one; raise the limit (ulimit -n) or run fewer tasks at once (--max-tasks)",
		"limit", descriptor.Limit(), "error", err)
}
