package callback

import (
	"net/netip"
	"strings"
	"testing"
)

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	closed := newChecker(nil)
	for addr, want := range map[string]string{ // "": allowed
		"8.8.8.8":                 "",
		"1.1.1.1":                 "",
		"100.63.255.255":          "",
		"100.128.0.0":             "",
		"172.15.255.255":          "",
		"172.32.0.0":              "",
		"223.255.255.255":         "",
		"2606:4700:4700::1111":    "",
		"2a00:1450:4001:80f::200": "",
		"::ffff:8.8.8.8":          "",

		"0.0.0.0":         "unspecified",
		"0.1.2.3":         "unspecified",
		"10.255.255.255":  "private",
		"100.64.0.0":      "CGNAT",
		"100.127.255.255": "CGNAT",
		"127.0.0.1":       "loopback",
		"127.255.255.254": "loopback",
		"169.254.0.1":     "link-local",
		"172.16.0.1":      "private",
		"172.31.255.255":  "private",
		"192.0.0.8":       "reserved",
		"192.0.2.1":       "documentation",
		"192.88.99.1":     "6to4",
		"192.168.1.1":     "private",
		"198.18.0.1":      "benchmarks",
		"198.19.255.255":  "benchmarks",
		"198.51.100.7":    "documentation",
		"203.0.113.7":     "documentation",
		"224.0.0.1":       "multicast",
		"239.255.255.255": "multicast",
		"240.0.0.1":       "reserved",
		"255.255.255.255": "reserved",

		"169.254.169.254": "metadata",
		"169.254.170.2":   "metadata",
		"169.254.170.23":  "metadata",
		"100.100.100.200": "metadata",
		"192.0.0.192":     "metadata",
		"168.63.129.16":   "metadata",
		"fd20:ce::254":    "metadata",
		"fd00:ec2::254":   "metadata",

		"::":                     "not public",
		"::1":                    "loopback",
		"::7f00:1":               "not public", // ::127.0.0.1, compatible with IPv4
		"::ffff:127.0.0.1":       "loopback",
		"::ffff:10.0.0.1":        "private",
		"::ffff:169.254.169.254": "metadata",
		"64:ff9b::7f00:1":        "not public", // NAT64 of 127.0.0.1
		"64:ff9b::808:808":       "not public",
		"64:ff9b:1::a00:1":       "not public", // local NAT64
		"100::1":                 "not public",
		"2001::1":                "Teredo",
		"2001:0:7f00:1::":        "Teredo",
		"2001:1::1":              "reserved",
		"2001:20::1":             "reserved",
		"2001:db8::1":            "documentation",
		"2002:7f00:1::":          "6to4", // of 127.0.0.1
		"3fff::1":                "documentation",
		"4000::1":                "not public",
		"5f00::1":                "not public",
		"fc00::1":                "not public",
		"fd12:3456::1":           "not public",
		"fe80::1":                "not public",
		"fe80::1%eth0":           "network interface",
		"::1%lo":                 "network interface",
		"2606:4700::1%eth0":      "network interface",
		"fec0::1":                "not public",
		"ff02::1":                "not public",
	} {
		err := closed.check(netip.MustParseAddr(addr), false)
		if want == "" && err != nil {
			t.Errorf("check(%s) = %v, want allowed", addr, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("check(%s) = %v, want an error with %q", addr, err, want)
		}
	}
	if err := closed.check(netip.Addr{}, false); err == nil {
		t.Error("check() of no address = nil, want an error")
	}
}

func TestCheckAllowedAddress(t *testing.T) {
	t.Parallel()
	allowed, err := ParseAllowed([]string{"10.1.0.0/16", "127.0.0.1", "::1", "fd00::/8", "169.254.0.0/16"})
	if err != nil {
		t.Fatal(err)
	}
	open := newChecker(allowed)
	for _, addr := range []string{"10.1.2.3", "::ffff:10.1.2.3", "127.0.0.1", "::1", "fd12::1", "169.254.1.1"} {
		for _, onlyAllowed := range []bool{false, true} {
			if err := open.check(netip.MustParseAddr(addr), onlyAllowed); err != nil {
				t.Errorf("check(%s) in an allowed range = %v", addr, err)
			}
		}
	}
	// A range that contains the metadata servers does not open them.
	for _, addr := range []string{"169.254.169.254", "::ffff:169.254.169.254", "fd20:ce::254", "fd12::1%eth0"} {
		if open.check(netip.MustParseAddr(addr), false) == nil {
			t.Errorf("check(%s) = nil, want an error although a range contains it", addr)
		}
	}
	// Without TLS only allowed ranges are called.
	narrow := newChecker(allowed[:1])
	if err := narrow.check(netip.MustParseAddr("8.8.8.8"), true); err == nil || !strings.Contains(err.Error(), "use https") {
		t.Errorf("check(8.8.8.8) without TLS = %v, want advice to use https", err)
	}
	if narrow.check(netip.MustParseAddr("10.2.0.1"), false) == nil {
		t.Error("check(10.2.0.1) = nil, want an error: only 10.1.0.0/16 is allowed")
	}
}

// TestEmbeddedMetadataServers opens the ranges whose addresses have an IPv4 address in them.
func TestEmbeddedMetadataServers(t *testing.T) {
	t.Parallel()
	open := newChecker(allow(t, "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "::ffff:0:0:0/96"))
	for form, addrs := range map[string][2]string{ // of 169.254.169.254 and of 10.0.0.1
		"NAT64":             {"64:ff9b::a9fe:a9fe", "64:ff9b::a00:1"},
		"local NAT64, /96":  {"64:ff9b:1:7::a9fe:a9fe", "64:ff9b:1:7::a00:1"},
		"local NAT64, /64":  {"64:ff9b:1:7:a9:fea9:fe00:0", "64:ff9b:1:7:a:0:100:0"},
		"local NAT64, /56":  {"64:ff9b:1:7a9:fe:a9fe::", "64:ff9b:1:70a:0:1::"},
		"local NAT64, /48":  {"64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:a00:0:100::"},
		"6to4":              {"2002:a9fe:a9fe::1", "2002:a00:1::1"},
		"client of Teredo":  {"2001:0:a00:1::5601:5601", "2001:0:a00:1::f5ff:fffe"},
		"server of Teredo":  {"2001:0:a9fe:a9fe::f5ff:fffe", "2001:0:a00:1::f5ff:fffe"},
		"SIIT":              {"::ffff:0:a9fe:a9fe", "::ffff:0:a00:1"},
		"IPv4 in its place": {"::a9fe:a9fe", "::a00:1"},
	} {
		if err := open.check(netip.MustParseAddr(addrs[0]), false); err == nil || !strings.Contains(err.Error(), "metadata") {
			t.Errorf("%s: check(%s) = %v, want a refusal of a metadata server", form, addrs[0], err)
		}
		if err := open.check(netip.MustParseAddr(addrs[1]), false); err != nil {
			t.Errorf("%s: check(%s) in an allowed range = %v", form, addrs[1], err)
		}
	}
}

func TestParseAllowedRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "example.com", "10.0.0.0/33", "fe80::1%eth0", "::ffff:10.0.0.0/104", "10.0.0.0/8,127.0.0.0/8"} {
		if got, err := ParseAllowed([]string{text}); err == nil {
			t.Errorf("ParseAllowed(%q) = %v, want an error", text, got)
		}
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	control := newChecker(nil).control(false)
	for _, tt := range []struct {
		network, address string
		ok               bool
	}{
		{"tcp4", "8.8.8.8:443", true},
		{"tcp6", "[2606:4700::1]:443", true},
		{"tcp4", "127.0.0.1:443", false},
		{"tcp6", "[::ffff:127.0.0.1]:443", false},
		{"tcp6", "[fe80::1%eth0]:443", false},
		{"tcp6", "[::1%25]:443", false},
		{"tcp4", "localhost:443", false},
		{"tcp4", "8.8.8.8", false},
		{"udp4", "8.8.8.8:443", false},
		{"unix", "/run/docker.sock", false},
	} {
		if err := control(tt.network, tt.address, nil); (err == nil) != tt.ok {
			t.Errorf("control(%s, %s) = %v, want allowed: %v", tt.network, tt.address, err, tt.ok)
		}
	}
}
