package cloudrun

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/googleapis/gax-go/v2"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
)

// stage is where a connection is cut.
type stage int

const (
	never       stage = iota
	atDial            // the connection is taken, and closed
	atSettings        // after the first frame of HTTP/2
	atHeaders         // after RunJob's header
	atData            // after RunJob's message
	atAnswer          // instead of the answer's first byte
	inAnswer          // after the answer's header, without its message and status
	afterGoAway       // the server says that it processed no stream, and leaves
)

// wire is a proxy that cuts connections and counts what passes: every RunJob that
// leaves the client on any connection, whether or not the server sees it.
type wire struct {
	target string
	cut    stage
	runs   atomic.Int32 // headers of RunJob
	conns  atomic.Int32
	open   sync.WaitGroup
}

// start listens until the test's end, and returns where.
func (w *wire) start(t *testing.T) (addr string) {
	t.Helper()
	listener := listen(t)
	t.Cleanup(w.open.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	w.open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			w.conns.Add(1)
			w.open.Go(func() { w.carry(conn) })
		}
	})
	return listener.Addr().String()
}

// carry brings bytes from one side to the other, and reads along.
func (w *wire) carry(client net.Conn) {
	defer client.Close()
	if w.cut == atDial {
		return
	}
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	defer both.Wait()
	asked := make(chan struct{}) // RunJob has passed
	cut := make(chan struct{})   // or the connection is cut
	both.Go(func() {
		defer client.Close()
		w.answers(client, server, asked, cut)
	})
	w.requests(client, server, asked)
	close(cut)
	_ = errors.Join(client.Close(), server.Close())
}

// requests reads the client's frames, and cuts the connection on demand.
func (w *wire) requests(client, server net.Conn, asked chan struct{}) {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(client, preface); err != nil {
		return
	}
	if _, err := server.Write(preface); err != nil {
		return
	}
	in, out := http2.NewFramer(io.Discard, io.TeeReader(client, server)), http2.NewFramer(client, nil)
	headers := hpack.NewDecoder(4096, nil)
	for isRun := false; ; {
		frame, err := in.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if w.cut == atSettings {
				return
			}
		case *http2.HeadersFrame:
			fields, err := headers.DecodeFull(f.HeaderBlockFragment())
			if err != nil {
				return
			}
			for _, field := range fields {
				isRun = isRun || field.Name == ":path" && strings.HasSuffix(field.Value, "/RunJob")
			}
			if !isRun {
				continue
			}
			w.runs.Add(1)
			switch w.cut {
			case atHeaders:
				return
			case afterGoAway:
				_ = out.WriteGoAway(0, http2.ErrCodeNo, nil)
				return
			}
		case *http2.DataFrame:
			if isRun && w.cut == atData {
				return
			}
			if isRun && f.StreamEnded() {
				close(asked)
				isRun = false
			}
		}
	}
}

// answers reads what the server sends. Until RunJob was asked everything passes.
func (w *wire) answers(client, server net.Conn, asked, cut chan struct{}) {
	in := http2.NewFramer(nil, server)
	out := http2.NewFramer(client, nil)
	for {
		frame, err := in.ReadFrame()
		if err != nil {
			return
		}
		if h, ok := frame.(*http2.HeadersFrame); ok {
			select { // there is no answer before
			case <-asked:
			case <-cut: // behind the message, which the server may have answered already
				return
			}
			if w.cut == atAnswer {
				return
			}
			_ = out.WriteHeaders(http2.HeadersFrameParam{StreamID: h.StreamID, BlockFragment: h.HeaderBlockFragment(),
				EndHeaders: h.HeadersEnded(), EndStream: h.StreamEnded()})
			if w.cut == inAnswer {
				return
			}
			continue
		}
		if err := forward(out, frame); err != nil {
			return
		}
	}
}

// forward writes a frame as it was read.
func forward(out *http2.Framer, frame http2.Frame) error {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			return out.WriteSettingsAck()
		}
		var settings []http2.Setting
		_ = f.ForeachSetting(func(s http2.Setting) error {
			settings = append(settings, s)
			return nil
		})
		return out.WriteSettings(settings...)
	case *http2.DataFrame:
		return out.WriteData(f.StreamID, f.StreamEnded(), f.Data())
	case *http2.WindowUpdateFrame:
		return out.WriteWindowUpdate(f.StreamID, f.Increment)
	case *http2.PingFrame:
		return out.WritePing(f.IsAck(), f.Data)
	case *http2.GoAwayFrame:
		return out.WriteGoAway(f.LastStreamID, f.ErrCode, f.DebugData())
	case *http2.RSTStreamFrame:
		return out.WriteRSTStream(f.StreamID, f.ErrCode)
	}
	return errors.New("a frame that no server sends here")
}

// TestOneRunJobOnTheWire counts what leaves for one intent while connections are cut
// at every stage, and the library is given the retries that it does not have by
// default. gRPC itself sends again what a GOAWAY says was not processed.
//
// net/http repeats requests too, with a key or on a connection that was used before.
// RunJob does not go that way, which the count pins: it is of gRPC's path, and over
// REST there would be none.
func TestOneRunJobOnTheWire(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cut  stage
		runs int32
		want Outcome
	}{
		"nothing is cut":           {never, 1, Started},
		"at the dial":              {atDial, 0, NotStarted},
		"in the handshake":         {atSettings, 0, NotStarted},
		"after the header":         {atHeaders, 1, Unknown},
		"after the message":        {atData, 1, Unknown},
		"before the answer":        {atAnswer, 1, Unknown},
		"in the answer":            {inAnswer, 1, Unknown},
		"said to be not processed": {afterGoAway, 1, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{run: func(context.Context, *runpb.RunJobRequest) (*runpb.Execution, error) {
				return &runpb.Execution{Name: "projects/demo/locations/us-east4/jobs/report/executions/report-abcde"}, nil
			}}
			direct := s.start(t)
			w := &wire{target: strings.TrimPrefix(direct.endpoint, "http://"), cut: test.cut}
			c := dial(t, Config{Endpoint: "http://" + w.start(t)})
			c.jobs.CallOptions.RunJob = []gax.CallOption{gax.WithRetry(func() gax.Retryer {
				return gax.OnCodes([]codes.Code{codes.Unavailable, codes.Internal, codes.Unknown}, gax.Backoff{Initial: time.Millisecond, Max: time.Millisecond})
			})}
			_, err := c.Run(t.Context(), "report", nil)
			// Where no RunJob can have left, gRPC may still not know that: unknown is safe.
			if got := OutcomeOf(err); got != test.want && (got != Unknown || test.want != NotStarted) {
				t.Errorf("OutcomeOf(%v) = %v, want %v", err, got, test.want)
			}
			if got := w.runs.Load(); got != test.runs {
				t.Errorf("%d RunJob on the wire in %d connections, want %d", got, w.conns.Load(), test.runs)
			}
			if got := s.runs.Load(); got > 1 {
				t.Errorf("%d calls arrived, want 1 at most", got)
			}
		})
	}
}
