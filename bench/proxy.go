package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// proxy stands between an invoker and its Cloud Run. It breaks connections at any byte, so
// that requests and answers are lost.
type proxy struct {
	listener net.Listener
	target   string

	mu   sync.Mutex
	rand *rand.Rand
	open sync.WaitGroup
}

// startProxy serves until ctx ends. The seed decides the lives of connections.
func startProxy(ctx context.Context, target string, seed uint64) (*proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, target: target, rand: rand.New(rand.NewPCG(seed, 1))}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	p.open.Go(func() { p.serve(ctx) })
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// wait waits until the proxy has ended.
func (p *proxy) wait() { p.open.Wait() }

func (p *proxy) serve(ctx context.Context) {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.open.Go(func() { p.carry(ctx, conn) })
	}
}

// life returns the life of a connection.
func (p *proxy) life() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(p.rand.Int64N(int64(2 * time.Second)))
}

func (p *proxy) carry(ctx context.Context, client net.Conn) {
	defer client.Close()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	ctx, cancel := context.WithTimeout(ctx, p.life())
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = errors.Join(client.Close(), server.Close()) })
	defer stop()
	var both sync.WaitGroup
	for _, way := range []struct{ to, from net.Conn }{{server, client}, {client, server}} {
		both.Go(func() {
			_, _ = io.Copy(way.to, way.from) // it ends with either connection
			cancel()
		})
	}
	both.Wait()
}
