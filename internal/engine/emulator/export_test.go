package emulator

// MetadataAddr returns the HOST:PORT of the metadata server's own listener.
func (s *Engine) MetadataAddr() string { return s.metadataHost.Addr() }
