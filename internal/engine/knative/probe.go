package knative

import (
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// Probe is a health check of a container.
type Probe struct {
	InitialDelaySeconds int32            `json:"initialDelaySeconds,omitempty"`
	TimeoutSeconds      int32            `json:"timeoutSeconds,omitempty"`
	PeriodSeconds       int32            `json:"periodSeconds,omitempty"`
	FailureThreshold    int32            `json:"failureThreshold,omitempty"`
	HTTPGet             *HTTPGetAction   `json:"httpGet,omitempty"`
	TCPSocket           *TCPSocketAction `json:"tcpSocket,omitempty"`
	GRPC                *GRPCAction      `json:"grpc,omitempty"`

	SuccessThreshold fixed   `json:"successThreshold,omitzero" fixed:"1"`
	Exec             refused `json:"exec,omitzero" refused:"is not supported by Cloud Run"`
}

// HTTPGetAction is an HTTP probe.
type HTTPGetAction struct {
	Path        string       `json:"path,omitempty"`
	Port        int32        `json:"port,omitempty"`
	HTTPHeaders []HTTPHeader `json:"httpHeaders,omitempty"`

	Host   refused `json:"host,omitzero" refused:"is not supported by Cloud Run"`
	Scheme refused `json:"scheme,omitzero" refused:"is not supported by Cloud Run"`
}

// HTTPHeader is a header that a probe sends.
type HTTPHeader struct {
	Name  string `json:"name,omitempty"`
	Value string `json:"value,omitempty"`
}

// TCPSocketAction is a probe that opens a connection.
type TCPSocketAction struct {
	Port int32 `json:"port,omitempty"`

	Host refused `json:"host,omitzero" refused:"is not supported by Cloud Run"`
}

// GRPCAction is a gRPC probe.
type GRPCAction struct {
	Port    int32  `json:"port,omitempty"`
	Service string `json:"service,omitempty"`
}

func fromProbe(p *runpb.Probe) *Probe {
	if p == nil {
		return nil
	}
	probe := &Probe{
		InitialDelaySeconds: p.GetInitialDelaySeconds(),
		TimeoutSeconds:      p.GetTimeoutSeconds(),
		PeriodSeconds:       p.GetPeriodSeconds(),
		FailureThreshold:    p.GetFailureThreshold(),
	}
	switch kind := p.GetProbeType().(type) {
	case *runpb.Probe_HttpGet:
		probe.HTTPGet = &HTTPGetAction{Path: kind.HttpGet.GetPath(), Port: kind.HttpGet.GetPort()}
		for _, h := range kind.HttpGet.GetHttpHeaders() {
			probe.HTTPGet.HTTPHeaders = append(probe.HTTPGet.HTTPHeaders, HTTPHeader{h.GetName(), h.GetValue()})
		}
	case *runpb.Probe_TcpSocket:
		probe.TCPSocket = &TCPSocketAction{Port: kind.TcpSocket.GetPort()}
	case *runpb.Probe_Grpc:
		probe.GRPC = &GRPCAction{kind.Grpc.GetPort(), kind.Grpc.GetService()}
	}
	return probe
}

func (b *Probe) v2(p jobspec.Place) *runpb.Probe {
	if b == nil {
		return nil
	}
	probe := &runpb.Probe{
		InitialDelaySeconds: b.InitialDelaySeconds,
		TimeoutSeconds:      b.TimeoutSeconds,
		PeriodSeconds:       b.PeriodSeconds,
		FailureThreshold:    b.FailureThreshold,
	}
	kinds := 0
	if b.HTTPGet != nil {
		get := &runpb.HTTPGetAction{Path: b.HTTPGet.Path, Port: b.HTTPGet.Port}
		for _, h := range b.HTTPGet.HTTPHeaders {
			get.HttpHeaders = append(get.HttpHeaders, &runpb.HTTPHeader{Name: h.Name, Value: h.Value})
		}
		probe.ProbeType = &runpb.Probe_HttpGet{HttpGet: get}
		kinds++
	}
	if b.TCPSocket != nil {
		probe.ProbeType = &runpb.Probe_TcpSocket{TcpSocket: &runpb.TCPSocketAction{Port: b.TCPSocket.Port}}
		kinds++
	}
	if b.GRPC != nil {
		probe.ProbeType = &runpb.Probe_Grpc{Grpc: &runpb.GRPCAction{Port: b.GRPC.Port, Service: b.GRPC.Service}}
		kinds++
	}
	if kinds > 1 {
		p.Addf("can have only one of httpGet, tcpSocket and grpc")
	}
	return probe
}
