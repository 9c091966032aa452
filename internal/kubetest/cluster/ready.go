//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// await calls try until it returns nil. It is the only loop here that polls.
func await(what string, try func() error) error {
	var err error
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = try(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("waited %v in vain for %s: %w", limit, what, err)
}

// usable waits until the node is ready, and Pods can be made in the first namespace.
func (k *cluster) usable() error {
	if err := await("the node", k.nodeReady); err != nil {
		return k.explain("kubelet", err)
	}
	return k.explain("controllers", await("the service account", func() error {
		return k.get("/api/v1/namespaces/default/serviceaccounts/default", nil)
	}))
}

// explain adds the end of a component's log to an error.
func (k *cluster) explain(component string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\nThe end of the log of %s:\n%s", err, component, k.lastLines(component))
}

// ready waits until a component answers.
func (k *cluster) ready(component string) error {
	switch component {
	case "etcd":
		return await(component, func() error { return fetch(http.DefaultClient, "http://"+etcdAddress+"/health", "", nil) })
	case "containerd":
		return await(component, k.containerdReady)
	case "apiserver":
		return await(component, func() error { return k.get("/readyz", nil) })
	case "kubelet":
		return await(component, func() error { return fetch(http.DefaultClient, "http://127.0.0.1:10248/healthz", "", nil) })
	}
	return nil // the other components have no clients
}

func (k *cluster) containerdReady() error {
	conn, err := net.Dial("unix", containerdSocket)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (k *cluster) nodeReady() error {
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := k.get("/api/v1/nodes/"+nodeName, &node); err != nil {
		return err
	}
	for _, c := range node.Status.Conditions {
		if c.Type == "Ready" && c.Status != "True" {
			return errors.New(c.Message)
		}
	}
	return nil
}

// get asks the API server as administrator, and decodes the answer unless into is nil.
func (k *cluster) get(path string, into any) error {
	trusted, err := os.ReadFile(certificate)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trusted)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
	return fetch(&http.Client{Transport: transport}, k.apiServer()+path, k.tokens[admin], into)
}

// fetch sends a GET request, and decodes the answer unless into is nil.
func fetch(client *http.Client, url, token string, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", response.Status, text)
	case into == nil:
		return nil
	}
	return json.Unmarshal(text, into)
}
