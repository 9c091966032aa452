package kubernetes

import (
	"cmp"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// defaultPort is the port of a container that names none.
// https://cloud.google.com/run/docs/configuring/jobs/healthchecks
const defaultPort = 8080

// portOf returns the port that probes of a container ask unless they name one.
func portOf(c *runpb.Container) int32 {
	if len(c.GetPorts()) == 0 {
		return defaultPort
	}
	return cmp.Or(c.GetPorts()[0].GetContainerPort(), defaultPort)
}

// probe returns a probe of a container, or nil for a probe that asks nothing. The defaults of
// its times are Cloud Run's, which are Kubernetes' too.
func probe(c *runpb.Container, p *runpb.Probe) *kube.Probe {
	made := &kube.Probe{
		InitialDelaySeconds: p.GetInitialDelaySeconds(), TimeoutSeconds: p.GetTimeoutSeconds(),
		PeriodSeconds: p.GetPeriodSeconds(), FailureThreshold: p.GetFailureThreshold(),
	}
	switch kind := p.GetProbeType().(type) {
	case *runpb.Probe_HttpGet:
		made.HTTPGet = httpGet(c, kind.HttpGet)
	case *runpb.Probe_TcpSocket:
		made.TCPSocket = &kube.TCPSocket{Port: cmp.Or(kind.TcpSocket.GetPort(), portOf(c))}
	case *runpb.Probe_Grpc:
		made.GRPC = &kube.GRPCCheck{Port: cmp.Or(kind.Grpc.GetPort(), portOf(c)), Service: kind.Grpc.GetService()}
	default:
		return nil
	}
	return made
}

func httpGet(c *runpb.Container, get *runpb.HTTPGetAction) *kube.HTTPGet {
	made := &kube.HTTPGet{Path: cmp.Or(get.GetPath(), "/"), Port: cmp.Or(get.GetPort(), portOf(c))}
	for _, h := range get.GetHttpHeaders() {
		made.HTTPHeaders = append(made.HTTPHeaders, kube.HTTPHeader{Name: h.GetName(), Value: h.GetValue()})
	}
	return made
}
