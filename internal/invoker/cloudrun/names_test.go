package cloudrun

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"golang.org/x/net/dns/dnsmessage"
)

// names is a name server that knows the addresses of one host, and answers nothing else, as one does
// that forwards all other questions to servers out of reach.
type names struct {
	host string

	mu     sync.Mutex
	silent []string // questions without an answer
}

// serve answers until the connection is closed.
func (n *names) serve(conn net.PacketConn) {
	packet := make([]byte, 512)
	for {
		size, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		if answer := n.answer(packet[:size]); answer != nil {
			_, _ = conn.WriteTo(answer, from) // a lost answer is asked for again
		}
	}
}

func (n *names) answer(packet []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(packet); err != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	if name := strings.TrimSuffix(q.Name.String(), "."); name != n.host {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.silent = append(n.silent, name)
		return nil
	}
	m.Response = true
	if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	m.Additionals = nil
	answer, _ := m.Pack()
	return answer
}

// TestNamesOutOfReach checks that the client needs no more from a name server than the engine's
// address. Docker's answers for containers alone if the machine has no network.
func TestNamesOutOfReach(t *testing.T) { //nolint:paralleltest // it changes the resolver of the process
	s := &server{job: &runpb.Job{Name: "projects/demo/locations/us-east4/jobs/report"}}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.start(t).logging, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{host: "engine.example"}
	var done sync.WaitGroup
	done.Go(func() { n.serve(conn) })
	resolver := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = resolver
		_ = conn.Close()
		done.Wait()
	})
	c := dial(t, Config{Endpoint: "http://engine.example:" + port, AllowPlainHTTP: true})
	if _, err := c.Job(t.Context(), s.job.GetName()); err != nil {
		t.Errorf("Job = %v, want no error", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.silent) > 0 {
		t.Errorf("the client also asks for %q", n.silent)
	}
}
