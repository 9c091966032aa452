package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy passes connections on to a server, and can cut or hush them.
type proxy struct {
	net.Listener
	to string

	mu   sync.Mutex
	open []*passage
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, to: to}
	t.Cleanup(func() { l.Close(); p.cut() })
	go p.serve()
	return p
}

func (p *proxy) url() string { return "http://" + p.Addr().String() }

func (p *proxy) serve() {
	for {
		from, err := p.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", p.to)
		if err != nil {
			from.Close()
			continue
		}
		one := &passage{from: from, to: to}
		p.mu.Lock()
		p.open = append(p.open, one)
		p.mu.Unlock()
		go one.pass(to, from)
		go one.pass(from, to)
	}
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.open {
		one.close()
	}
	p.open = nil
}

// hush lets the connections stay open, but passes on nothing more of them. New ones are not hushed.
func (p *proxy) hush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.open {
		one.hushed.Store(true)
	}
}

// passage is one connection through a proxy.
type passage struct {
	from, to net.Conn
	hushed   atomic.Bool
}

func (p *passage) pass(to io.Writer, from io.Reader) {
	_, _ = io.Copy(unlessHushed{p, to}, from)
	p.close()
}

func (p *passage) close() {
	p.from.Close()
	p.to.Close()
}

// unlessHushed passes bytes on. Once its passage is hushed, it drops them.
type unlessHushed struct {
	*passage

	to io.Writer
}

func (w unlessHushed) Write(b []byte) (int, error) {
	if w.hushed.Load() {
		return len(b), nil
	}
	return w.to.Write(b)
}
