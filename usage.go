package runwith

// Usage is an estimate of what tasks have used, before any free tier. Cloud Run's bill counts.
type Usage struct {
	VCPUSeconds float64 `json:"vcpuSeconds" doc:"Processor time that was allocated, in vCPU-seconds."`
	GiBSeconds  float64 `json:"gibSeconds" doc:"Memory that was allocated, in GiB-seconds."`
	GPUSeconds  float64 `json:"gpuSeconds,omitempty" doc:"GPU time that was allocated, in seconds."`
	USD         float64 `json:"usd" doc:"Price in US dollars, before any free tier."`
}
