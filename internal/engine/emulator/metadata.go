package emulator

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"

	"github.com/runwith/runwith/internal/engine/metadata"
	"github.com/runwith/runwith/internal/engine/metadata/host"
)

func (s *Engine) openMetadata(c Config) (err error) {
	s.metadata, err = metadata.Open(metadata.Config{
		Project: c.Project, ProjectNumber: c.number(), Region: c.Region,
		URL: "http://" + c.Addr, Dir: filepath.Join(c.Dir, "keys"), Logger: c.Logger,
	})
	return err
}

// metadataApart returns a handler of the metadata server alone, without the API, which no
// image may call.
func (s *Engine) metadataApart() http.Handler {
	apart := http.NewServeMux()
	s.metadata.Register(apart)
	return apart
}

// serveMetadata serves the metadata server on the listener of its own, if it has one.
func (s *Engine) serveMetadata(ctx context.Context, c Config) error {
	if c.MetadataAddr == "" {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.MetadataAddr)
	if err != nil {
		return fmt.Errorf("listen for the metadata server: %w", err)
	}
	s.metadataHost, err = host.Serve(listener, s.metadataApart(), c.MetadataHosts, c.Logger)
	return err
}
