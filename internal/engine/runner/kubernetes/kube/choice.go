package kube

import (
	"cmp"
	"encoding/base64"
	"fmt"
)

// target returns what a context of the kubeconfig names.
func (k *kubeconfig) target(o Options) (*target, error) {
	files := "kubeconfig " + list(k.files)
	name := cmp.Or(o.Context, k.CurrentContext)
	if name == "" {
		return nil, fmt.Errorf("%s has no current context: choose one with --kube-context; it has %s", files, list(k.contextNames()))
	}
	chosen, ok := k.context(name)
	if !ok {
		return nil, fmt.Errorf("%s has no context %q; it has %s", files, name, list(k.contextNames()))
	}
	c, ok := k.cluster(chosen.Cluster)
	if !ok {
		return nil, fmt.Errorf("%s: context %q names cluster %q, which is not there", files, name, chosen.Cluster)
	}
	u, ok := k.user(chosen.User)
	if !ok && chosen.User != "" {
		return nil, fmt.Errorf("%s: context %q names user %q, which is not there", files, name, chosen.User)
	}
	t := &target{
		cluster: fmt.Sprintf("cluster %q", chosen.Cluster), user: fmt.Sprintf("user %q", chosen.User),
		namespace: chosen.Namespace,
	}
	if err := c.fill(t); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", files, t.cluster, err)
	}
	if err := u.fill(t, &c, o); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", files, t.user, err)
	}
	return t, nil
}

// configCluster is a cluster of a kubeconfig.
type configCluster struct {
	Server                   string            `yaml:"server"`
	CertificateAuthority     string            `yaml:"certificate-authority"`
	CertificateAuthorityData string            `yaml:"certificate-authority-data"`
	InsecureSkipTLSVerify    bool              `yaml:"insecure-skip-tls-verify"`
	TLSServerName            string            `yaml:"tls-server-name"`
	ProxyURL                 string            `yaml:"proxy-url"`
	Extensions               []configExtension `yaml:"extensions"`
}

// configExtension is content that belongs to another program.
type configExtension struct {
	Name      string `yaml:"name"`
	Extension any    `yaml:"extension"`
}

// fill sets what a target needs to know of its cluster.
func (c *configCluster) fill(t *target) error {
	authority, err := decode("certificate-authority-data", c.CertificateAuthorityData)
	if err != nil {
		return err
	}
	t.server, t.proxy = c.Server, c.ProxyURL
	t.tls = tlsOptions{authority: newSource(authority, c.CertificateAuthority), insecure: c.InsecureSkipTLSVerify, name: c.TLSServerName}
	return nil
}

// decode decodes a field in Base64. The value is not in the error: it may be a secret.
func decode(field, value string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, fmt.Errorf("%s is not Base64", field)
	}
	return data, nil
}
