package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/client"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/durablefile"
	"github.com/runwith/runwith/internal/engine/metadata/host"
	"github.com/runwith/runwith/internal/engine/runner"
)

// The names of the daemon's machine inside containers.
const (
	podmanHost = "host.containers.internal"
	dockerHost = "host.docker.internal"
)

// metadataHost serves the metadata server, and nothing else, to containers.
type metadataHost struct {
	*host.Host

	address string // HOST:PORT inside containers
}

// serveMetadata opens the metadata server's own listener. It keeps the port of the
// earlier server if it is free, for tasks that outlive a server.
func (r *Runner) serveMetadata(ctx context.Context) (*metadataHost, error) {
	if err := r.checkNetwork(ctx); err != nil || r.config.Metadata == nil {
		return nil, err
	}
	at, err := r.metadataPlace(ctx)
	if err != nil {
		return nil, fmt.Errorf("find an address for the metadata server: %w", err)
	}
	file := filepath.Join(r.config.Dir, "metadata-port")
	kept, _ := os.ReadFile(file) // absent at the first start
	listener, err := at.listen(ctx, strings.TrimSpace(string(kept)))
	if err != nil {
		return nil, fmt.Errorf("listen for the metadata server: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if err := durablefile.Write(file, []byte(port+"\n"), 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	served, err := host.Serve(listener, at.only(r.config.Metadata), []string{at.name}, r.log)
	if err != nil {
		return nil, err
	}
	return &metadataHost{served, net.JoinHostPort(at.name, port)}, nil
}

// addTo adds the variables that name its address, unless the environment has its own.
func (h *metadataHost) addTo(env map[string]string, asProxy bool) {
	if h == nil {
		return
	}
	runner.AddMetadata(env, h.address)
	if asProxy {
		runner.AddMetadataProxy(env, h.address)
	}
}

// place is where the metadata server listens, and its name inside containers.
type place struct {
	ip    netip.Addr
	name  string // the address, or a host name
	local bool   // others reach it too: only callers of this machine are served
}

// metadataPlace finds an address of this machine that containers reach, and that as few
// others as possible reach.
func (r *Runner) metadataPlace(ctx context.Context) (place, error) {
	own, err := ownAddresses()
	if err != nil {
		return place{}, err
	}
	switch {
	case r.daemon.remote: // a virtual machine, which forwards to this machine's loopback
		name := dockerHost
		if r.daemon.podman {
			name = podmanHost
		}
		return place{ip: netip.AddrFrom4([4]byte{127, 0, 0, 1}), name: name}, nil
	case r.daemon.rootless: // its network ends in this machine's
		i := slices.IndexFunc(own, func(ip netip.Addr) bool { return ip.Is4() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() })
		if i < 0 {
			return place{}, errors.New("this machine has no address but loopback; connect it to a network")
		}
		name := podmanHost
		if !r.daemon.podman {
			name = own[i].String()
		}
		return place{ip: own[i], name: name, local: true}, nil
	}
	return r.bridgePlace(ctx, own)
}

// bridgePlace returns this machine's address on the network of the containers: the
// bridge's, or, if the server is itself a container there, its own.
func (r *Runner) bridgePlace(ctx context.Context, own []netip.Addr) (place, error) {
	reply, err := r.daemon.NetworkInspect(ctx, r.networkName(), client.NetworkInspectOptions{})
	if err != nil {
		return place{}, fmt.Errorf("look at network %s: %s", r.networkName(), messageOf(err))
	}
	var gateway netip.Addr
	for _, config := range reply.Network.IPAM.Config {
		i := slices.IndexFunc(own, func(ip netip.Addr) bool { return config.Subnet.IsValid() && config.Subnet.Contains(ip) })
		if i >= 0 {
			return place{ip: own[i], name: own[i].String()}, nil
		}
		if config.Gateway.Is4() && !gateway.IsValid() {
			gateway = config.Gateway
		}
	}
	if !gateway.IsValid() {
		return place{}, fmt.Errorf("network %s has no gateway; name another one with --network", r.networkName())
	}
	return place{ip: gateway, name: gateway.String()}, nil
}

// networkName returns the name of the network of containers.
func (r *Runner) networkName() string {
	switch {
	case r.config.Network != "":
		return r.config.Network
	case r.daemon.podman:
		return "podman"
	}
	return "bridge"
}

// checkNetwork refuses a network that does not exist, and one on which an image could
// reach the engine: it could start processes on this machine.
func (r *Runner) checkNetwork(ctx context.Context) error {
	name := r.config.Network
	mode, _, _ := strings.Cut(name, ":")
	switch {
	case name == "":
		return nil
	case mode == "host" || mode == "container" || mode == "ns" || mode == "slirp4netns" || mode == "pasta":
		return fmt.Errorf("--network %s: tasks would reach what listens on this machine's loopback, the engine itself too; name a network of the daemon's", name)
	}
	_, err := r.daemon.NetworkInspect(ctx, name, client.NetworkInspectOptions{})
	if err != nil {
		return fmt.Errorf("--network %s: %s; make it first (docker network create %[1]s)", name, messageOf(err))
	}
	return nil
}

// listen listens on the kept port, or on any free port if that one is taken.
func (p place) listen(ctx context.Context, kept string) (net.Listener, error) {
	config := &net.ListenConfig{Control: freeBind}
	if port, err := strconv.ParseUint(kept, 10, 16); err == nil {
		if l, err := config.Listen(ctx, "tcp", netip.AddrPortFrom(p.ip, uint16(port)).String()); err == nil {
			return l, nil
		}
	}
	return config.Listen(ctx, "tcp", netip.AddrPortFrom(p.ip, 0).String())
}

// only refuses callers that are not of this machine, if others reach the listener.
func (p place) only(next http.Handler) http.Handler {
	if !p.local {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		own, ownErr := ownAddresses()
		if err != nil || ownErr != nil || !slices.Contains(own, from.Addr().Unmap()) {
			apierror.WriteText(w, runwith.Errorf(runwith.PermissionDenied, "metadata is for the containers of this machine"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownAddresses returns the addresses of this machine.
func ownAddresses() (own []netip.Addr, err error) {
	all, err := net.InterfaceAddrs()
	for _, address := range all {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil {
			own = append(own, prefix.Addr())
		}
	}
	return own, err
}
