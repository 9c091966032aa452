package kube

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// configExec is a program that prints credentials: a plugin.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
type configExec struct {
	Command string   `yaml:"command"`
	Args    []string `yaml:"args"`
	Env     []struct {
		Name  string `yaml:"name"`
		Value string `yaml:"value"`
	} `yaml:"env"`
	APIVersion         string `yaml:"apiVersion"`
	InstallHint        string `yaml:"installHint"`
	ProvideClusterInfo bool   `yaml:"provideClusterInfo"`
	InteractiveMode    string `yaml:"interactiveMode"`
}

// How plugins are run.
const (
	execGroup     = "client.authentication.k8s.io"
	execTimeout   = time.Minute      // of one run
	execEarly     = 10 * time.Second // a credential is renewed so long before it expires
	execPause     = 5 * time.Second  // between a failure and the next run
	maxExecStderr = 4 << 10          // bytes of a message
)

// plugin runs a program for credentials, and keeps them until they expire.
type plugin struct {
	exec configExec
	env  []string

	turn    chan struct{} // has one element while nobody runs the program
	current credential
	expires time.Time // zero for never
	fresh   bool      // current may be used
	failure error
	failed  time.Time
}

// plugin returns the credentials of a program. The program is not run yet.
func (e *configExec) plugin(c *configCluster, o Options) (*plugin, error) {
	switch {
	case e.Command == "":
		return nil, errors.New("exec has no command")
	case e.APIVersion != execGroup+"/v1" && e.APIVersion != execGroup+"/v1beta1":
		return nil, fmt.Errorf("exec: apiVersion %q is not supported: use %[2]s/v1 or %[2]s/v1beta1", e.APIVersion, execGroup)
	case e.InteractiveMode == "Always":
		return nil, fmt.Errorf("exec: %s asks for a terminal (interactiveMode: Always), and there is none: use other credentials", filepath.Base(e.Command))
	}
	info, err := e.info(c)
	if err != nil {
		return nil, fmt.Errorf("exec: %w", err)
	}
	env := append(append([]string{}, o.Environ...), "KUBERNETES_EXEC_INFO="+string(info))
	for _, v := range e.Env {
		env = append(env, v.Name+"="+v.Value)
	}
	p := &plugin{exec: *e, env: env, turn: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	return p, nil
}

// info returns the input of a plugin: an ExecCredential without a status.
func (e *configExec) info(c *configCluster) ([]byte, error) {
	spec := map[string]any{"interactive": false}
	if e.ProvideClusterInfo {
		about, err := c.about()
		if err != nil {
			return nil, err
		}
		spec["cluster"] = about
	}
	return json.Marshal(map[string]any{"kind": "ExecCredential", "apiVersion": e.APIVersion, "spec": spec})
}

// about describes a cluster to a plugin.
func (c *configCluster) about() (map[string]any, error) {
	about := map[string]any{
		"server": c.Server, "tls-server-name": c.TLSServerName,
		"insecure-skip-tls-verify": c.InsecureSkipTLSVerify, "proxy-url": c.ProxyURL,
	}
	data, err := decode("certificate-authority-data", c.CertificateAuthorityData)
	if err != nil {
		return nil, err
	}
	if authority := newSource(data, c.CertificateAuthority); authority != nil {
		if about["certificate-authority-data"], err = authority.read(); err != nil {
			return nil, err
		}
	}
	for _, e := range c.Extensions {
		if e.Name == execGroup+"/exec" {
			about["config"] = e.Extension
		}
	}
	return about, nil
}

// get returns the current credential, and runs the program if there is none or it expires.
func (p *plugin) get(ctx context.Context) (credential, error) {
	select {
	case <-p.turn:
		defer func() { p.turn <- struct{}{} }()
	case <-ctx.Done():
		return credential{}, context.Cause(ctx)
	}
	if p.fresh && (p.expires.IsZero() || time.Until(p.expires) > execEarly) {
		return p.current, nil
	}
	if p.failure != nil && time.Since(p.failed) < execPause {
		return credential{}, p.failure
	}
	// Others wait for the result too, so it does not end with this request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), execTimeout)
	defer cancel()
	p.failure = p.renew(ctx)
	p.failed, p.fresh = time.Now(), p.failure == nil
	return p.current, p.failure
}

// refused forgets the credential, unless another request has renewed it.
func (p *plugin) refused(c credential) bool {
	<-p.turn
	defer func() { p.turn <- struct{}{} }()
	if p.current == c {
		p.fresh = false
	}
	return true
}

// renew runs the program and keeps the credential that it prints.
func (p *plugin) renew(ctx context.Context) error {
	name := filepath.Base(p.exec.Command)
	out, err := p.run(ctx)
	if err != nil {
		return fmt.Errorf("credential plugin %s: %w", name, err)
	}
	if err := p.keep(out); err != nil {
		return fmt.Errorf("output of credential plugin %s: %w", name, err)
	}
	return nil
}

func (p *plugin) run(ctx context.Context) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, p.exec.Command, p.exec.Args...)
	c.Env, c.Stdout, c.Stderr, c.WaitDelay = p.env, &stdout, &stderr, time.Second
	err := c.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New(strings.TrimSpace("is not installed. " + p.exec.InstallHint))
	case ctx.Err() != nil:
		return nil, fmt.Errorf("has not ended within %v", execTimeout)
	case err != nil:
		said := bytes.TrimSpace(stderr.Bytes())
		return nil, fmt.Errorf("%w: %s", err, said[max(0, len(said)-maxExecStderr):])
	}
	return stdout.Bytes(), nil
}

// keep reads an ExecCredential.
func (p *plugin) keep(out []byte) error {
	var made struct {
		Kind, APIVersion string
		Status           struct {
			Token                                string
			ClientCertificateData, ClientKeyData string
			ExpirationTimestamp                  time.Time
		}
	}
	if json.Unmarshal(out, &made) != nil {
		return errors.New("is not an ExecCredential in JSON") // the text may be a secret
	}
	status := made.Status
	switch {
	case made.Kind != "ExecCredential" || made.APIVersion != p.exec.APIVersion:
		return fmt.Errorf("has kind %q and apiVersion %q, want ExecCredential and %q", made.Kind, made.APIVersion, p.exec.APIVersion)
	case status.Token == "" && status.ClientCertificateData == "":
		return errors.New("has neither token nor clientCertificateData")
	case (status.ClientCertificateData == "") != (status.ClientKeyData == ""):
		return errors.New("has one of clientCertificateData and clientKeyData, want both or none")
	}
	next := credential{}
	if status.Token != "" {
		next.authorization = bearer(status.Token)
	}
	if status.ClientCertificateData != "" {
		pair, err := tls.X509KeyPair([]byte(status.ClientCertificateData), []byte(status.ClientKeyData))
		if err != nil {
			return fmt.Errorf("clientCertificateData and clientKeyData: %w", err)
		}
		next.certificate = cmp.Or(p.same(&pair), &pair)
	}
	p.current, p.expires = next, status.ExpirationTimestamp
	return nil
}

// same returns the current certificate if it equals another, so that connections with it
// are kept.
func (p *plugin) same(pair *tls.Certificate) *tls.Certificate {
	if have := p.current.certificate; have != nil && bytes.Equal(have.Leaf.Raw, pair.Leaf.Raw) {
		return have
	}
	return nil
}
