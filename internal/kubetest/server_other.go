//go:build !linux

package kubetest

import "errors"

type server struct{ kubeconfig string }

func able() error { return errors.New("only Linux can run Kubernetes") }

func serve([]string) (*server, error) { return nil, errors.ErrUnsupported }

func (s *server) order(string) error { return errors.ErrUnsupported }

func (s *server) end() error { return errors.ErrUnsupported }
