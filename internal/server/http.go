package server

import (
	"log/slog"
	"net/http"
	"time"
)

const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	// maxStreams is how many requests a client may have under way on one connection of HTTP/2.
	maxStreams = 100
)

// HTTP returns an HTTP/1 server for h, which also speaks HTTP/2 without TLS, as gRPC
// does. h must be wrapped by a guard. The server limits headers and idle connections. It
// does not limit whole requests and responses, because a gRPC stream or a followed log
// may last for hours; the guard limits the time of a REST body, and how long a client may
// leave an answer unread.
//
// It logs what net/http reports as warnings.
func HTTP(h http.Handler, logger *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           h,
		Protocols:         &protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		// Otherwise net/http answers "OPTIONS *" itself, without asking the guard.
		DisableGeneralOptionsHandler: true,
	}
}
