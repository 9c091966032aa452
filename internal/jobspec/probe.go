package jobspec

import "cloud.google.com/go/run/apiv2/runpb"

// The longest times of a probe, in seconds.
const (
	maxStartupSeconds = 240
	maxProbeSeconds   = 3600
)

// validateProbe checks the bounds that runpb documents; 0 is unset. The limit is
// that of the delay and of the period, in seconds.
func validateProbe(p place, probe *runpb.Probe, limit int32) {
	if probe == nil {
		return
	}
	validateSeconds(p.field("initial_delay_seconds"), probe.GetInitialDelaySeconds(), limit)
	validateSeconds(p.field("period_seconds"), probe.GetPeriodSeconds(), limit)
	validateSeconds(p.field("timeout_seconds"), probe.GetTimeoutSeconds(), maxProbeSeconds)
	if n := probe.GetFailureThreshold(); n < 0 {
		p.field("failure_threshold").addf("must not be negative, not %d", n)
	}
	if timeout, period := probe.GetTimeoutSeconds(), probe.GetPeriodSeconds(); period > 0 && timeout > period {
		p.field("timeout_seconds").addf("must not exceed period_seconds, which is %d, not %d", period, timeout)
	}
}

func validateSeconds(p place, n, limit int32) {
	if n < 0 || n > limit {
		p.addf("must be between 0 and %d, not %d", limit, n)
	}
}
