package postgrestest

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// Relay passes connections on to a server, and can disturb them. Its methods may be called
// concurrently.
type Relay struct {
	// Address is the URL of the database behind the relay.
	Address string

	server string
	mu     sync.Mutex
	open   map[net.Conn]bool
	ended  bool
	left   int           // bytes until the next cut; negative: none comes
	held   chan struct{} // closed when bytes pass
}

// NewRelay starts a relay to the database with a URL, and ends it with the test.
func NewRelay(t testing.TB, address string) *Relay {
	t.Helper()
	return NewRelayAt(t, "127.0.0.1", address)
}

// NewRelayAt is NewRelay for a relay that listens at an address of this machine.
func NewRelayAt(t testing.TB, host, address string) *Relay {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{server: u.Host, open: map[net.Conn]bool{}, left: -1, held: make(chan struct{})}
	close(r.held)
	u.Host = listener.Addr().String()
	r.Address = u.String()
	var work sync.WaitGroup
	work.Go(func() { r.serve(listener, &work) })
	t.Cleanup(func() {
		_ = listener.Close()
		r.Pass()
		r.end()
		work.Wait()
	})
	return r
}

// Cut ends all connections now. New ones work.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut()
}

func (r *Relay) cut() {
	for conn := range r.open {
		_ = conn.Close()
	}
}

// CutAfter ends all connections when n more bytes have passed, in either direction. New ones
// work.
func (r *Relay) CutAfter(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = n
}

// Hold holds all bytes back, as a network does that loses every packet: nothing fails, and nothing
// arrives.
func (r *Relay) Hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.held:
		r.held = make(chan struct{})
	default:
	}
}

// Pass ends a [Relay.Hold]. The bytes that it held back arrive.
func (r *Relay) Pass() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.held:
	default:
		close(r.held)
	}
}

// end cuts all connections, and takes no more.
func (r *Relay) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.cut()
}

func (r *Relay) serve(listener net.Listener, work *sync.WaitGroup) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		r.add(client, server)
		work.Go(func() { r.carry(server, client) })
		work.Go(func() { r.carry(client, server) })
	}
}

func (r *Relay) add(both ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range both {
		r.open[conn] = true
	}
	if r.ended {
		r.cut()
	}
}

// carry passes bytes on in one direction, until either connection ends.
func (r *Relay) carry(to, from net.Conn) {
	defer r.forget(from, to)
	bytes := make([]byte, 32<<10)
	for {
		n, err := from.Read(bytes)
		n, last := r.admit(n)
		_, failed := to.Write(bytes[:n])
		if last {
			r.Cut()
		}
		if err != nil || failed != nil {
			return
		}
	}
}

func (r *Relay) forget(both ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range both {
		_ = conn.Close()
		delete(r.open, conn)
	}
}

// admit waits while bytes are held back. It returns how many of n may pass, and whether all
// connections must then be cut.
func (r *Relay) admit(n int) (pass int, last bool) {
	r.mu.Lock()
	held := r.held
	r.mu.Unlock()
	<-held
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left < 0 {
		return n, false
	}
	pass = min(n, r.left)
	r.left -= pass
	if r.left > 0 {
		return pass, false
	}
	r.left = -1
	return pass, true
}
