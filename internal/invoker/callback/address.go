package callback

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// Allowed are the ranges of private addresses that the operator has opened for callbacks
// (--callback-allow). Nil opens none.
type Allowed []netip.Prefix

// ParseAllowed reads ranges such as 10.0.0.0/8, or single addresses.
func ParseAllowed(texts []string) (Allowed, error) {
	allowed := make(Allowed, 0, len(texts))
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("%q: must be a range of addresses, such as 10.0.0.0/8 or fd00::/8", text)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if prefix.Addr().Is4In6() {
			return nil, fmt.Errorf("%q: write the IPv4 range itself, such as 10.0.0.0/8", text)
		}
		allowed = append(allowed, prefix.Masked())
	}
	return allowed, nil
}

func (a Allowed) contains(addr netip.Addr) bool {
	for _, prefix := range a {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// purpose is what a range of addresses is for.
type purpose struct {
	prefix netip.Prefix
	name   string
}

// metadata returns the addresses of the clouds' metadata servers, which hand out credentials.
// No range opens them, nor the IPv6 addresses that lead to them.
func metadata() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("169.254.169.254"), // Google, AWS, Azure and most others
		netip.MustParseAddr("169.254.170.2"),   // AWS, of containers
		netip.MustParseAddr("169.254.170.23"),  // AWS, of Pods
		netip.MustParseAddr("100.100.100.200"), // Alibaba
		netip.MustParseAddr("192.0.0.192"),     // Oracle
		netip.MustParseAddr("168.63.129.16"),   // Azure
		netip.MustParseAddr("fd20:ce::254"),    // Google
		netip.MustParseAddr("fd00:ec2::254"),   // AWS
		netip.MustParseAddr("fd00:ec2::23"),    // AWS, of Pods
		netip.MustParseAddr("fd00:42::42"),     // Scaleway
	}
}

// special returns the ranges that are not public. For IPv6, only 2000::/3 is public at all, so
// ::, ::1, ::/96, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), fc00::/7, fe80::/10, fec0::/10 and
// ff00::/8 need no row of their own.
// See https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry.
func special() []purpose {
	row := func(prefix, name string) purpose { return purpose{netip.MustParsePrefix(prefix), name} }
	return []purpose{
		row("0.0.0.0/8", "unspecified"),
		row("10.0.0.0/8", "private"),
		row("100.64.0.0/10", "shared by carriers (CGNAT)"),
		row("127.0.0.0/8", "loopback"),
		row("169.254.0.0/16", "link-local"),
		row("172.16.0.0/12", "private"),
		row("192.0.0.0/24", "reserved"),
		row("192.0.2.0/24", "for documentation"),
		row("192.88.99.0/24", "a 6to4 relay"),
		row("192.168.0.0/16", "private"),
		row("198.18.0.0/15", "for benchmarks"),
		row("198.51.100.0/24", "for documentation"),
		row("203.0.113.0/24", "for documentation"),
		row("224.0.0.0/4", "multicast"),
		row("240.0.0.0/4", "reserved"),
		row("2001::/32", "a Teredo tunnel"),
		row("2001::/23", "reserved"),
		row("2001:db8::/32", "for documentation"),
		row("2002::/16", "a 6to4 tunnel"),
		row("3fff::/20", "for documentation"),
		row("::1/128", "loopback"),
	}
}

// checker decides which addresses callbacks may be sent to.
type checker struct {
	allowed  Allowed
	metadata map[netip.Addr]bool
	special  []purpose
	public6  netip.Prefix
}

func newChecker(allowed Allowed) *checker {
	c := &checker{allowed: allowed, metadata: map[netip.Addr]bool{}, special: special(), public6: netip.MustParsePrefix("2000::/3")}
	for _, addr := range metadata() {
		c.metadata[addr] = true
	}
	return c
}

// check returns why addr must not be called. With onlyAllowed, public addresses are refused
// too. An IPv4 address that is mapped into IPv6 counts as itself.
func (c *checker) check(addr netip.Addr, onlyAllowed bool) error {
	bare := addr.Unmap()
	switch {
	case !addr.IsValid(), addr.Zone() != "":
		return fmt.Errorf("address %s is not allowed: it is local to a network interface", addr)
	case c.isMetadata(bare):
		return fmt.Errorf("address %s is not allowed: it belongs to a metadata server", addr)
	case c.allowed.contains(bare):
		return nil
	}
	if name := c.purpose(bare); name != "" {
		return fmt.Errorf("address %s is not allowed: it is %s; --callback-allow opens it", addr, name)
	}
	if onlyAllowed {
		return fmt.Errorf("address %s is public: use https", addr)
	}
	return nil
}

// isMetadata reports whether packets to an address can arrive at a metadata server.
func (c *checker) isMetadata(addr netip.Addr) bool {
	return c.metadata[addr] || slices.ContainsFunc(embedded(addr), func(inner netip.Addr) bool { return c.metadata[inner] })
}

// embedded returns the IPv4 addresses that an IPv6 address contains: a translator or a tunnel may
// forward its packets there. In the local prefix of NAT64, the IPv4 address can stand at several
// places. An operator's own prefix cannot be known.
//
// See https://www.rfc-editor.org/rfc/rfc6052#section-2.2 (NAT64), rfc8215 (its local prefix),
// rfc3056 (6to4) and rfc4380#section-4 (Teredo).
func embedded(addr netip.Addr) []netip.Addr {
	b := addr.As16()
	last := netip.AddrFrom4([4]byte(b[12:]))
	switch in := func(prefix string) bool { return netip.MustParsePrefix(prefix).Contains(addr) }; {
	case in("64:ff9b::/96"):
		return []netip.Addr{last}
	case in("64:ff9b:1::/48"):
		return []netip.Addr{
			last, // /96
			netip.AddrFrom4([4]byte{b[9], b[10], b[11], b[12]}), // /64
			netip.AddrFrom4([4]byte{b[7], b[9], b[10], b[11]}),  // /56
			netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]}),   // /48
		}
	case in("2002::/16"):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case in("2001::/32"):
		server, client := netip.AddrFrom4([4]byte(b[4:8])), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
		return []netip.Addr{server, client}
	case in("::/96"), in("::ffff:0:0:0/96"): // compatible with IPv4, and translated by SIIT
		return []netip.Addr{last}
	}
	return nil
}

// purpose returns what an address is for, and "" if it is public.
func (c *checker) purpose(addr netip.Addr) string {
	for _, p := range c.special {
		if p.prefix.Contains(addr) {
			return p.name
		}
	}
	if addr.Is6() && !c.public6.Contains(addr) {
		return "not public"
	}
	return ""
}

// control returns a function for [net.Dialer.Control], which sees the address of each
// connection after the name was resolved. So a name cannot change its address between the
// check and the connection.
func (c *checker) control(onlyAllowed bool) func(network, address string, _ syscall.RawConn) error {
	return func(network, address string, _ syscall.RawConn) error {
		if network != "tcp4" && network != "tcp6" {
			return fmt.Errorf("network %s is not allowed", network)
		}
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return fmt.Errorf("address %q is not allowed: %w", address, err)
		}
		addr, err := netip.ParseAddr(host)
		if err != nil {
			return fmt.Errorf("address %q is not allowed: it is no IP address", host)
		}
		return c.check(addr, onlyAllowed)
	}
}
