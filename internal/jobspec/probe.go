package jobspec

import "cloud.google.com/go/run/apiv2/runpb"

// The maximum times of probes, in seconds.
const (
	maxStartupSeconds = 240
	maxProbeSeconds   = 3600
)

// validateProbe checks the limits documented in runpb. 0 means unset. limit is the
// maximum delay and period, in seconds.
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
	if timeout, period := probe.GetTimeoutSeconds(), probe.GetPeriodSeconds(); period > 0 && timeout > period {
		p.Field("timeout_seconds").Addf("must not exceed period_seconds, which is %d, not %d", period, timeout)
	}
}

func validateSeconds(p Place, n, limit int32) {
	if n < 0 || n > limit {
		p.Addf("must be between 0 and %d, not %d", limit, n)
	}
}
