package guard

import (
	"log/slog"
	"net/http"
	"time"
)

const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
)

// Server returns a server for h, which [Guard.Wrap] made, that speaks HTTP/1 and,
// for gRPC, HTTP/2 without TLS. It bounds headers and idle connections. Requests
// and responses as a whole are not bounded in time: a gRPC stream or a followed
// log may last for hours, and a REST body's time is the Guard's to bound.
//
// What net/http reports goes to logger as warnings. The caller listens, serves
// and shuts down.
func Server(h http.Handler, logger *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		// Otherwise net/http answers "OPTIONS *" itself, past the Guard.
		DisableGeneralOptionsHandler: true,
	}
}
