//go:build unix

package postgrestest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// RequireTLS makes the server refuse connections without TLS. It returns the file with the
// server's certificate, which clients may trust with the parameter sslrootcert.
func (c *Cluster) RequireTLS(t testing.TB) (certificate string) {
	t.Helper()
	certificate = filepath.Join(c.data, "server.crt")
	if err := c.certify(certificate, filepath.Join(c.data, "server.key")); err != nil {
		t.Fatalf("write the certificate of PostgreSQL: %v", err)
	}
	rules := "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
	if err := c.write(filepath.Join(c.data, "pg_hba.conf"), []byte(rules)); err != nil {
		t.Fatal(err)
	}
	c.Set(t, "ssl", "on")
	return certificate
}

// certify writes a certificate for 127.0.0.1 that signs itself.
func (c *Cluster) certify(certificate, key string) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(1, 0, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	public, err := x509.CreateCertificate(rand.Reader, about, about, private.Public(), private)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	return errors.Join(
		c.write(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public})),
		c.write(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
	)
}
