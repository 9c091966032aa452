package server

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// sniffer reads the beginning of an HTTP/2 connection up to its first request, which
// decides about the server of the connection: gRPC's own transport refuses every other
// request with 415.
//
// Some clients send no request before they have the server's settings, so the sniffer
// sends empty ones. The settings of the server itself follow later, as HTTP/2 allows.
type sniffer struct {
	net.Conn
	seen bytes.Buffer // everything that was read
	// kept is the same without the client's acknowledgement of the sniffer's settings,
	// which net/http would take for a protocol error.
	kept         bytes.Buffer
	acknowledged bool
}

// maxBegin is the most that a client may send up to the end of its first request, in bytes: the
// headers, and as much of other frames.
const maxBegin = 2 * maxHeaderBytes

var errLongBegin = errors.New("the connection begins with too much")

// sniff returns the connection for the server of its first request, which may read it from
// the beginning, and reports whether that is gRPC. So is a connection without a request
// within a time.
func sniff(conn net.Conn, begin []byte) (_ net.Conn, isGRPC bool) {
	s := &sniffer{Conn: conn}
	s.seen.Write(begin)
	_ = conn.SetDeadline(time.Now().Add(headerTimeout))
	isGRPC, err := s.first()
	_ = conn.SetDeadline(time.Time{})
	if errors.Is(err, errLongBegin) {
		_ = conn.Close() // an attack: no client begins so
	}
	if err != nil || isGRPC {
		return &begunConn{Conn: conn, begin: s.seen.Bytes()}, true // which ignores the acknowledgement
	}
	rest := &begunConn{Conn: conn, begin: s.kept.Bytes()}
	if s.acknowledged {
		return rest, false
	}
	return &ackFilter{begunConn: rest, pass: int64(s.kept.Len())}, false
}

// first reads up to the first request and reports whether that is a call of gRPC.
func (s *sniffer) first() (isGRPC bool, err error) {
	if _, err := io.CopyN(&s.seen, s.Conn, int64(len(http2.ClientPreface)-s.seen.Len())); err != nil {
		return false, err
	}
	if s.seen.String() != http2.ClientPreface {
		return false, errors.New("the connection does not begin as HTTP/2 does")
	}
	s.kept.Write(s.seen.Bytes())
	// One request may be any number of frames, which the framer reads as one.
	begin := &io.LimitedReader{R: s.Conn, N: maxBegin}
	frames := http2.NewFramer(s.Conn, io.TeeReader(begin, &s.seen))
	frames.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	frames.MaxHeaderListSize = maxHeaderBytes
	frames.SetMaxReadFrameSize(maxFrame)
	if err := frames.WriteSettings(); err != nil {
		return false, err
	}
	for {
		seen := s.seen.Len()
		frame, err := frames.ReadFrame()
		if err != nil && begin.N <= 0 {
			return false, errLongBegin
		}
		if err != nil {
			return false, err
		}
		if settings, ok := frame.(*http2.SettingsFrame); ok && settings.IsAck() && !s.acknowledged {
			s.acknowledged = true
			continue
		}
		s.kept.Write(s.seen.Bytes()[seen:])
		if request, ok := frame.(*http2.MetaHeadersFrame); ok {
			return callsGRPC(request), nil
		}
	}
}

// callsGRPC reports whether a request is a call of gRPC.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
func callsGRPC(request *http2.MetaHeadersFrame) bool {
	for _, field := range request.RegularFields() {
		if field.Name == "content-type" {
			return strings.HasPrefix(field.Value, "application/grpc")
		}
	}
	return false
}

// ackFilter drops the first acknowledgement of settings from the frames of a client.
type ackFilter struct {
	*begunConn
	pass int64 // bytes to read before the next frame
	head []byte
	held []byte // read already, and to be returned
	done bool
}

// maxFrame is the largest frame that a client may send by default.
// https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2
const maxFrame = 16 << 10

const frameHead = 9 // bytes: length, type, flags and stream

// Read returns the bytes of the client without that frame.
func (f *ackFilter) Read(p []byte) (int, error) {
	if len(f.held) > 0 {
		n := copy(p, f.held)
		f.held = f.held[n:]
		return n, nil
	}
	if f.done {
		return f.begunConn.Read(p)
	}
	if f.pass > 0 {
		n, err := f.begunConn.Read(p[:min(int64(len(p)), f.pass)])
		f.pass -= int64(n)
		return n, err
	}
	if err := f.next(); err != nil {
		return 0, err
	}
	return f.Read(p)
}

// next reads the head of a frame. If a deadline ends it, the next call continues.
func (f *ackFilter) next() error {
	for len(f.head) < frameHead {
		buf := make([]byte, frameHead-len(f.head))
		n, err := f.begunConn.Read(buf)
		f.head = append(f.head, buf[:n]...)
		if err != nil {
			return err
		}
	}
	head := f.head
	f.head = nil
	isAck := http2.FrameType(head[3]) == http2.FrameSettings && http2.Flags(head[4]).Has(http2.FlagSettingsAck)
	if f.done = isAck; !isAck {
		f.held, f.pass = head, int64(binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))
	}
	return nil
}
