package kube_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// certificateOf returns a client certificate of a user and its key, in PEM.
func certificateOf(t *testing.T, user string) (certificate, key string) {
	t.Helper()
	return certificateUntil(t, user, time.Now().Add(time.Hour))
}

// certificateUntil returns a certificate that expires at some time, and its key, in PEM.
func certificateUntil(t *testing.T, name string, expires time.Time) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: expires,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// askingForCertificates returns a server that accepts the client certificate of one user.
func askingForCertificates(t *testing.T, user *atomic.Value) *server {
	return newServerWith(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.PeerCertificates[0].Subject.CommonName != user.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answerVersion(w)
	}))
}

func TestCertificateInAKubeconfig(t *testing.T) {
	t.Parallel()
	var user atomic.Value
	user.Store("ann")
	s := askingForCertificates(t, &user)
	certificate, key := certificateOf(t, "ann")
	encode := base64.StdEncoding.EncodeToString
	fields := fmt.Sprintf(`{"client-certificate-data": %q, "client-key-data": %q}`, encode([]byte(certificate)), encode([]byte(key)))
	if err := version(t, connect(t, kube.Options{Kubeconfig: write(t, t.TempDir(), "config", s.kubeconfig(fields))})); err != nil {
		t.Error(err)
	}
}

func TestCertificateInAFileIsReadAgain(t *testing.T) {
	t.Parallel()
	var user atomic.Value
	s, dir := askingForCertificates(t, &user), t.TempDir()
	c := kube.Options{Kubeconfig: write(t, dir, "config", s.kubeconfig(`{"client-certificate": "crt", "client-key": "key"}`))}
	client := connect(t, c)
	for _, name := range []string{"ann", "bob"} {
		user.Store(name)
		certificate, key := certificateOf(t, name)
		write(t, dir, "crt", certificate)
		write(t, dir, "key", key)
		if err := version(t, client); err != nil {
			t.Errorf("with the certificate of %s: %v", name, err)
		}
	}
}

func TestCertificateOfAPluginIsRenewed(t *testing.T) {
	t.Parallel()
	var user atomic.Value
	s, dir := askingForCertificates(t, &user), t.TempDir()
	printed := func(name string) string {
		user.Store(name)
		certificate, key := certificateOf(t, name)
		return execCredential(fmt.Sprintf(`{"clientCertificateData": %q, "clientKeyData": %q}`, certificate, key))
	}
	c := connect(t, kube.Options{Environ: os.Environ(), Kubeconfig: write(t, dir, "config", s.kubeconfig(plugin(t, dir, printed("ann"))))})
	if err := version(t, c); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "output", printed("bob"))
	if err := version(t, c); err != nil {
		t.Errorf("after the server refused the first certificate: %v", err)
	}
}
