package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/moby/moby/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

// Defaults of a probe. https://cloud.google.com/run/docs/configuring/jobs/healthchecks
const (
	defaultPort      = 8080
	defaultPeriod    = 10 // seconds
	defaultTimeout   = 1  // seconds
	defaultThreshold = 3
)

// checkProbe refuses a startup probe if this machine cannot reach containers.
func (r *Runner) checkProbe(field string, c *runpb.Container) error {
	switch {
	case c.GetStartupProbe().GetProbeType() == nil:
		return nil
	case r.daemon.remote || r.daemon.rootless:
		return runner.Refuse(field, "the containers of %v cannot be reached from here; leave the probe out, or use a daemon that runs as root on this machine", r.daemon)
	}
	return nil
}

// probe waits until a started container is up. Without a startup probe that is at once.
// It ignores the end of the main container.
func (l *launch) probe(ctx context.Context, i int, m *member) error {
	c := l.spec.Template.Containers[i]
	p := c.GetStartupProbe()
	if p.GetProbeType() == nil {
		return nil
	}
	address, err := l.address(ctx)
	if errors.Is(err, errOwnerEnded) && m.id == l.owner {
		select {
		case <-m.ended:
			return endedTooSoon(m)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return startError(i, c.GetImage(), err)
	}
	try := prober(p, address, port(c))
	for failures := int32(0); ; {
		if err := l.rest(ctx, m, delay(p, failures)); err != nil {
			return err
		}
		if runner.IsClosed(m.ended) {
			return endedTooSoon(m)
		}
		timeout, cancel := context.WithTimeout(ctx, seconds(p.GetTimeoutSeconds(), defaultTimeout))
		err := try(timeout)
		cancel()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if failures++; failures >= cmp.Or(p.GetFailureThreshold(), defaultThreshold) {
			return runwith.Errorf(runwith.FailedPrecondition,
				"template.template.containers[%d].startup_probe: failed %d times, the last time with: %v", i, failures, err)
		}
	}
}

// rest waits while the container runs.
func (l *launch) rest(ctx context.Context, m *member, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-m.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// endedTooSoon is the result for a container that ends before it is up.
func endedTooSoon(m *member) error {
	if m.main {
		return nil
	}
	return runwith.Errorf(runwith.FailedPrecondition,
		"container %q ended with exit code %d before its startup probe succeeded", m.name, m.exit.code)
}

// delay returns the wait before the next try.
func delay(p *runpb.Probe, failures int32) time.Duration {
	if failures == 0 {
		return time.Duration(p.GetInitialDelaySeconds()) * time.Second
	}
	return seconds(p.GetPeriodSeconds(), defaultPeriod)
}

func seconds(n, unset int32) time.Duration { return time.Duration(cmp.Or(n, unset)) * time.Second }

func port(c *runpb.Container) int32 {
	if len(c.GetPorts()) > 0 {
		return cmp.Or(c.GetPorts()[0].GetContainerPort(), defaultPort)
	}
	return defaultPort
}

// errOwnerEnded means that the container has ended whose network all share.
var errOwnerEnded = errors.New("the container that was started first has ended, and the network of all with it")

// address returns the address of the attempt's containers.
func (l *launch) address(ctx context.Context) (netip.Addr, error) {
	reply, err := l.daemon.ContainerInspect(ctx, l.owner, client.ContainerInspectOptions{})
	if err != nil {
		return netip.Addr{}, err
	}
	if state := reply.Container.State; state != nil && hasEnded(state) {
		return netip.Addr{}, errOwnerEnded
	}
	if settings := reply.Container.NetworkSettings; settings != nil {
		for _, network := range settings.Networks {
			if network.IPAddress.IsValid() {
				return network.IPAddress, nil
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("the containers have no address on their network, so that none can be probed")
}

// prober is one try of a probe.
func prober(p *runpb.Probe, address netip.Addr, unset int32) func(context.Context) error {
	at := func(port int32) string {
		return net.JoinHostPort(address.String(), strconv.Itoa(int(cmp.Or(port, unset))))
	}
	switch probe := p.GetProbeType().(type) {
	case *runpb.Probe_HttpGet:
		return func(ctx context.Context) error { return probeHTTP(ctx, at(probe.HttpGet.GetPort()), probe.HttpGet) }
	case *runpb.Probe_Grpc:
		return func(ctx context.Context) error {
			return probeGRPC(ctx, at(probe.Grpc.GetPort()), probe.Grpc.GetService())
		}
	}
	return func(ctx context.Context) error { return probeTCP(ctx, at(p.GetTcpSocket().GetPort())) }
}

func probeTCP(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// probeHTTP wants a status from 200 to 399. It follows no redirect and uses no proxy.
func probeHTTP(ctx context.Context, address string, get *runpb.HTTPGetAction) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+cmp.Or(get.GetPath(), "/"), nil)
	if err != nil {
		return err
	}
	for _, h := range get.GetHttpHeaders() {
		if http.CanonicalHeaderKey(h.GetName()) == "Host" {
			request.Host = h.GetValue()
		}
		request.Header.Add(h.GetName(), h.GetValue())
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 399 {
		return fmt.Errorf("GET %s: status %s", cmp.Or(get.GetPath(), "/"), response.Status)
	}
	return nil
}

// probeGRPC calls the standard health service.
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md
func probeGRPC(ctx context.Context, address, service string) error {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	if err != nil {
		return err
	}
	if answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("health of %q: %s", service, answer.GetStatus())
	}
	return nil
}
