package runwith

// Usage is an estimate of what tasks have used, before any free tier. Cloud Run's bill counts.
type Usage struct {
	VCPUSeconds float64 `json:"vcpuSeconds" doc:"Processor time that was allocated, in vCPU-seconds."`
	GiBSeconds  float64 `json:"gibSeconds" doc:"Memory that was allocated, in GiB-seconds."`
	GPUSeconds  float64 `json:"gpuSeconds,omitempty" doc:"GPU time that was allocated, in seconds."`
	USD         float64 `json:"usd" doc:"Price in US dollars, before any free tier."`

	// Basis is what the estimate comes from; empty for a sum of several.
	Basis UsageBasis `json:"basis,omitempty" enum:"tasks,execution,none" doc:"What the estimate comes from: the records of the tasks, the times of the execution because the tasks are gone, or nothing."`
	// Prices is the date of the price table, such as 2026-11-28.
	Prices string `json:"prices,omitempty" doc:"Date of the price table."`
	// PricedAs is the region whose prices were used, if those of the job's own are unknown.
	PricedAs string `json:"pricedAs,omitempty" doc:"Region whose prices were used, because those of the job's region are unknown."`
	// Unpriced is the GPU that has no known price, so that USD leaves it out.
	Unpriced string `json:"unpriced,omitempty" doc:"Type of GPU without a known price: usd leaves it out."`
}

// UsageBasis is what an estimate comes from.
type UsageBasis string

// The bases of an estimate.
const (
	// UsageFromTasks means that the estimate is the sum over the records of the tasks.
	UsageFromTasks UsageBasis = "tasks"
	// UsageFromExecution means that the tasks could not be read any more, so that the estimate
	// comes from the times of the whole execution.
	UsageFromExecution UsageBasis = "execution"
	// UsageFromNothing means that nothing shows what the execution has used.
	UsageFromNothing UsageBasis = "none"
)
