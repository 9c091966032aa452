package server_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/runwith/runwith/internal/server"
)

// splitServer serves everything but gRPC, by an answer with protocol, path and body, and
// returns its address and the other listener.
func splitServer(t *testing.T) (addr string, grpc net.Listener) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rest, grpc := server.Split(l)
	s := server.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Proto, r.URL.Path, body)
	}), slog.New(slog.DiscardHandler))
	go func() { _ = s.Serve(rest) }()
	t.Cleanup(func() {
		_ = s.Close()
		_ = grpc.Close()
	})
	return l.Addr().String(), grpc
}

func TestRESTOverHTTP2(t *testing.T) {
	t.Parallel()
	addr, _ := splitServer(t)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for i := range 20 { // on one connection
		path, body := fmt.Sprintf("/%d", i), strings.Repeat("x", i<<12)
		response, err := client.Post("http://"+addr+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if want := "HTTP/2.0 " + path + " " + body; err != nil || response.StatusCode != 200 || string(got) != want {
			t.Fatalf("POST %s = %d %.40q, %v, want 200 %.40q", path, response.StatusCode, got, err, want)
		}
	}
}

// A client may acknowledge settings before its first request or later, byte by byte, and
// may send other frames before.
func TestAcknowledgementsOfSettings(t *testing.T) {
	t.Parallel()
	for name, frames := range map[string]func(f *http2.Framer, request func(id uint32)){
		"before the request": func(f *http2.Framer, request func(uint32)) {
			_ = f.WriteSettingsAck()
			request(1)
			_ = f.WriteSettingsAck()
		},
		"after the request": func(f *http2.Framer, request func(uint32)) {
			request(1)
			_ = f.WriteSettingsAck()
			_ = f.WriteSettingsAck()
		},
		"after several frames": func(f *http2.Framer, request func(uint32)) {
			_ = f.WriteWindowUpdate(0, 1<<20)
			_ = f.WritePing(false, [8]byte{1})
			request(1)
			_ = f.WriteWindowUpdate(1, 1<<20)
			_ = f.WritePing(false, [8]byte{2})
			_ = f.WriteSettingsAck()
			_ = f.WriteSettingsAck()
		},
	} {
		addr, _ := splitServer(t)
		conn := dialed(t, listening(addr), http2.ClientPreface)
		var out bytes.Buffer
		writer := http2.NewFramer(&out, nil)
		request := func(id uint32) {
			_ = writer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: headers(id), EndHeaders: true, EndStream: true})
		}
		_ = writer.WriteSettings()
		frames(writer, request)
		request(3) // works only if the connection survived
		for _, b := range out.Bytes() {
			if _, err := conn.Write([]byte{b}); err != nil {
				t.Fatalf("%s: write: %v", name, err)
			}
		}
		reader, bodies := http2.NewFramer(nil, conn), ""
		for !strings.Contains(bodies, "/1 ") || !strings.Contains(bodies, "/3 ") {
			frame, err := reader.ReadFrame()
			if err != nil {
				t.Fatalf("%s: after %q: %v", name, bodies, err)
			}
			switch frame := frame.(type) {
			case *http2.DataFrame:
				bodies += string(frame.Data())
			case *http2.GoAwayFrame:
				t.Fatalf("%s: the server ended the connection with %v", name, frame.ErrCode)
			}
		}
	}
}

type listening string

func (l listening) Network() string { return "tcp" }
func (l listening) String() string  { return string(l) }

// headers encodes the first request of a connection, or a later one, without a table.
func headers(id uint32, more ...hpack.HeaderField) []byte {
	var out bytes.Buffer
	encoder := hpack.NewEncoder(&out)
	encoder.SetMaxDynamicTableSize(0)
	for _, field := range append([]hpack.HeaderField{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "localhost"}, {Name: ":path", Value: fmt.Sprint("/", id)},
	}, more...) {
		_ = encoder.WriteField(field)
	}
	return out.Bytes()
}

func TestFirstRequestDecides(t *testing.T) {
	t.Parallel()
	addr, grpc := splitServer(t)
	for _, contentType := range []string{"application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"} {
		conn := dialed(t, listening(addr), http2.ClientPreface)
		var out bytes.Buffer
		writer := http2.NewFramer(&out, nil)
		_ = writer.WriteSettings()
		_ = writer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: headers(1, hpack.HeaderField{Name: "content-type", Value: contentType})})
		if _, err := conn.Write(out.Bytes()); err != nil {
			t.Fatal(err)
		}
		got, err := grpc.Accept()
		if err != nil {
			t.Fatal(err)
		}
		want := http2.ClientPreface + out.String()
		read := make([]byte, len(want))
		if _, err := io.ReadFull(got, read); err != nil || string(read) != want {
			t.Errorf("%s: the gRPC server reads %q, %v, want all from the beginning", contentType, read, err)
		}
		_ = got.Close()
	}
}

// TestEndlessBegin sends a first request whose headers do not end. No frame of it has a header, so that
// none is too large.
func TestEndlessBegin(t *testing.T) {
	t.Parallel()
	addr, _ := splitServer(t)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	frames := http2.NewFramer(conn, conn)
	frames.AllowIllegalWrites = true
	_, _ = io.WriteString(conn, http2.ClientPreface)
	_ = frames.WriteSettings()
	_ = frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x20}})
	for sent := 0; ; sent += 16 << 10 {
		if err := frames.WriteContinuation(1, false, bytes.Repeat([]byte{0x20}, 16<<10)); err != nil {
			return // the server has closed the connection
		}
		if sent > 64<<20 {
			t.Fatalf("the server took %d bytes, want the connection closed", sent)
		}
	}
}
