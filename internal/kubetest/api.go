package kubetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// apiTimeout bounds a request of a test. A namespace may wait for a busy machine.
const apiTimeout = 2 * time.Minute

// connect returns a client with the credentials in a kubeconfig.
func (c *Cluster) connect(kubeconfig string) (*kube.Client, error) {
	return kube.Connect(kube.Options{Kubeconfig: kubeconfig, Environ: c.Command().Environ(), Rate: -1})
}

// send sends an object, and decodes the answer into a value unless that is nil. Each start of kubectl
// takes as much processor time as a Pod, so what every test does goes this way.
func (c *Cluster) send(method, path, contentType, object string, into any) error {
	admin, err := c.admin()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, admin.Server+path, strings.NewReader(object))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := admin.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", method, path, err)
	case response.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s %s: %w", method, path, errNotFound)
	case response.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(answer))
	case into == nil:
		return nil
	}
	return json.Unmarshal(answer, into)
}

var errNotFound = errors.New("there is no such object")

const (
	jsonType       = "application/json"
	mergePatchType = "application/merge-patch+json"
)

func (c *Cluster) create(path, object string, into any) error {
	return c.send(http.MethodPost, path, jsonType, object, into)
}

func (c *Cluster) get(path string, into any) error {
	return c.send(http.MethodGet, path, jsonType, "", into)
}

func (c *Cluster) delete(path string) error {
	return c.send(http.MethodDelete, path, jsonType, "", nil)
}
