package guard

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/runwith/runwith"
)

// hosts are names and addresses of this machine, in the form of hostOf, in addition to
// those that every machine has. A leading dot stands for every name below.
type hosts map[string]bool

// newHosts returns the emulated Google hosts and the extra ones. isRegional knows the
// hosts of the regions.
func newHosts(extra []string) hosts {
	h := hosts{
		"run.googleapis.com":                  true,
		"logging.googleapis.com":              true,
		"serviceusage.googleapis.com":         true,
		"cloudresourcemanager.googleapis.com": true,
		"metadata.google.internal":            true,
		"169.254.169.254":                     true, // its address
	}
	for _, name := range extra {
		h[hostOf(name)] = true
	}
	return h
}

// check refuses a request to a name of another machine. A proxy's client sends such a
// request, or a page whose name an attacker pointed to this machine (DNS rebinding). If the
// request's target is in absolute form, r.Host is the target's host.
func (h hosts) check(r *http.Request) *runwith.Error {
	if r.Method == http.MethodConnect {
		return runwith.Errorf(runwith.PermissionDenied,
			"CONNECT is refused: as a proxy runwith answers plain HTTP for the hosts that it emulates, and forwards nothing")
	}
	host := hostOf(r.Host)
	if h.meansThisMachine(host, r) {
		return nil
	}
	return runwith.Errorf(runwith.PermissionDenied,
		"host %q is not known to mean this machine; if it does, start runwith with --allow-host and that name", host)
}

func (h hosts) meansThisMachine(host string, r *http.Request) bool {
	if h[host] || h.below(host) || host == "localhost" || strings.HasSuffix(host, ".localhost") || isRegional(host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	// Addresses are safe: DNS rebinding needs a name.
	addr = addr.Unmap().WithZone("")
	return addr.IsLoopback() || addr == localAddr(r)
}

// below reports whether host is below one of the names.
func (h hosts) below(host string) bool {
	for i, r := range host {
		if r == '.' && i > 0 && h[host[i:]] {
			return true
		}
	}
	return false
}

// isRegional reports whether host is a region's Cloud Run host, such as
// us-east4-run.googleapis.com.
func isRegional(host string) bool {
	region, ok := strings.CutSuffix(host, "-run.googleapis.com")
	return ok && region != "" && !strings.Contains(region, ".")
}

// localAddr returns the address at which the request arrived, or the zero Addr if that is
// not an IP address.
func localAddr(r *http.Request) netip.Addr {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	addrPort, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return netip.Addr{}
	}
	return addrPort.Addr().Unmap().WithZone("")
}

// hostOf returns the name or address in a Host header: in lower case, without port,
// brackets and final dot.
func hostOf(hostPort string) string {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostPort, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// validHost reports whether s is a host name or an IP address.
func validHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || strings.ContainsFunc(label, notInName) {
			return false
		}
	}
	return true
}

func notInName(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
		return false
	}
	return true
}
