package kube

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// configUser is a user of a kubeconfig.
type configUser struct {
	ClientCertificate     string              `yaml:"client-certificate"`
	ClientCertificateData string              `yaml:"client-certificate-data"`
	ClientKey             string              `yaml:"client-key"`
	ClientKeyData         string              `yaml:"client-key-data"`
	Token                 string              `yaml:"token"`
	TokenFile             string              `yaml:"tokenFile"`
	Username              string              `yaml:"username"`
	Password              string              `yaml:"password"`
	As                    string              `yaml:"as"`
	AsUID                 string              `yaml:"as-uid"`
	AsGroups              []string            `yaml:"as-groups"`
	AsUserExtra           map[string][]string `yaml:"as-user-extra"`
	Exec                  *configExec         `yaml:"exec"`
	AuthProvider          *struct {
		Name string `yaml:"name"`
	} `yaml:"auth-provider"`
}

// fill sets how a target's requests prove who sends them.
func (u *configUser) fill(t *target, c *configCluster, o Options) (err error) {
	if err := u.validate(); err != nil {
		return err
	}
	t.header = u.impersonation()
	if u.Exec != nil {
		t.credentials, err = u.Exec.plugin(c, o)
		return err
	}
	t.credentials, err = u.stored()
	return err
}

func (u *configUser) validate() error {
	certificate, key := u.ClientCertificate+u.ClientCertificateData != "", u.ClientKey+u.ClientKeyData != ""
	token := u.Token+u.TokenFile != ""
	switch {
	case u.AuthProvider != nil:
		return fmt.Errorf("auth-provider %q is not supported, as in kubectl since 1.26: use a plugin (exec), which the cluster's vendor has", u.AuthProvider.Name)
	case u.Exec != nil && (token || certificate || u.Username != ""):
		return errors.New("exec and other credentials are both set: remove one")
	case token && u.Username != "":
		return errors.New("token and username are both set: remove one")
	case certificate && !key:
		return errors.New("client-certificate is set without client-key")
	case key && !certificate:
		return errors.New("client-key is set without client-certificate")
	case u.As == "" && (u.AsUID != "" || len(u.AsGroups) > 0 || len(u.AsUserExtra) > 0):
		return errors.New("as-uid, as-groups and as-user-extra need as")
	}
	return nil
}

// impersonation returns the headers that ask the server to act for another user.
func (u *configUser) impersonation() http.Header {
	header := http.Header{}
	if u.As != "" {
		header.Set("Impersonate-User", u.As)
	}
	if u.AsUID != "" {
		header.Set("Impersonate-Uid", u.AsUID)
	}
	for _, group := range u.AsGroups {
		header.Add("Impersonate-Group", group)
	}
	for key, values := range u.AsUserExtra {
		for _, value := range values {
			header.Add("Impersonate-Extra-"+url.PathEscape(key), value)
		}
	}
	return header
}

// stored returns the credentials that the kubeconfig has or names. A file of a token comes
// before a token, and data before a file of it, as with kubectl.
func (u *configUser) stored() (*stored, error) {
	certificate, err := decode("client-certificate-data", u.ClientCertificateData)
	if err != nil {
		return nil, err
	}
	key, err := decode("client-key-data", u.ClientKeyData)
	if err != nil {
		return nil, err
	}
	s := &stored{
		certificate: newSource(certificate, u.ClientCertificate), key: newSource(key, u.ClientKey),
		token: newSource(nil, u.TokenFile), username: u.Username, password: u.Password,
	}
	if s.token == nil {
		s.token = newSource([]byte(u.Token), "")
	}
	return s, nil
}
