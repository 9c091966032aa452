package jobspec

import "cloud.google.com/go/run/apiv2/runpb"

// The maximum times of probes, in seconds. A startup probe as a whole, which is
// failure_threshold times period_seconds, has a maximum of its own.
//
// See https://cloud.google.com/run/docs/reference/rest/v2/Container#Probe and
// https://cloud.google.com/run/docs/configuring/jobs/healthchecks.
const (
	maxStartupSeconds    = 240
	maxProbeSeconds      = 3600
	maxStartupTotal      = 600
	maxStartupTotalOfGPU = 1800
)

// The settings of a probe that sets none, in seconds and failures. The port is that of a
// container that names none.
const (
	defaultProbeTimeout  = 1
	defaultProbePeriod   = 10
	defaultProbeFailures = 3
	defaultPort          = 8080
)

// validateProbes checks the probes of a container. Jobs have startup probes only.
//
// Deviation: a readiness probe is accepted, because whether Cloud Run refuses it for jobs
// is not documented.
func validateProbes(p Place, t *runpb.TaskTemplate, c *runpb.Container) {
	startup := p.Field("startup_probe")
	validateProbe(startup, c.GetStartupProbe(), maxStartupSeconds)
	validateStartupTotal(startup, c.GetStartupProbe(), usesGPU(t))
	if c.GetLivenessProbe() != nil {
		p.Field("liveness_probe").Addf("is not supported for jobs, leave it out")
	}
	validateProbe(p.Field("readiness_probe"), c.GetReadinessProbe(), maxProbeSeconds)
}

// validateProbe checks the limits documented in runpb. 0 means unset. limit is the
// maximum delay and period, in seconds.
//
// A timeout above the period is accepted, as on Cloud Run, although runpb forbids it.
func validateProbe(p Place, probe *runpb.Probe, limit int32) {
	if probe == nil {
		return
	}
	validateSeconds(p.Field("initial_delay_seconds"), probe.GetInitialDelaySeconds(), limit)
	validateSeconds(p.Field("period_seconds"), probe.GetPeriodSeconds(), limit)
	validateSeconds(p.Field("timeout_seconds"), probe.GetTimeoutSeconds(), maxProbeSeconds)
	if n := probe.GetFailureThreshold(); n < 0 {
		p.Field("failure_threshold").Addf("must not be negative, not %d", n)
	}
	validateProbeAction(p, probe)
}

// validateProbeAction checks what a probe asks. Port 0 is the container's own.
func validateProbeAction(p Place, probe *runpb.Probe) {
	switch action := probe.GetProbeType().(type) {
	case nil:
		p.Addf("must have one of http_get, tcp_socket and grpc")
	case *runpb.Probe_HttpGet:
		validatePort(p.Field("http_get.port"), action.HttpGet.GetPort())
	case *runpb.Probe_TcpSocket:
		validatePort(p.Field("tcp_socket.port"), action.TcpSocket.GetPort())
	case *runpb.Probe_Grpc:
		validatePort(p.Field("grpc.port"), action.Grpc.GetPort())
	}
}

// validateStartupTotal checks how long a startup probe can take.
func validateStartupTotal(p Place, probe *runpb.Probe, gpu bool) {
	if probe == nil || probe.GetFailureThreshold() < 0 || probe.GetPeriodSeconds() < 0 {
		return
	}
	limit := int64(maxStartupTotal)
	if gpu {
		limit = maxStartupTotalOfGPU
	}
	failures, period := int64(probe.GetFailureThreshold()), int64(probe.GetPeriodSeconds())
	if failures == 0 {
		failures = defaultProbeFailures
	}
	if period == 0 {
		period = defaultProbePeriod
	}
	if total := failures * period; total > limit {
		p.Addf("failure_threshold times period_seconds must be at most %d, not %d", limit, total)
	}
}

func validateSeconds(p Place, n, limit int32) {
	if n < 0 || n > limit {
		p.Addf("must be between 0 and %d, not %d", limit, n)
	}
}

// validatePort accepts 0 as unset.
func validatePort(p Place, n int32) {
	if n < 0 || n > 65535 {
		p.Addf("must be between 1 and 65535, not %d", n)
	}
}
