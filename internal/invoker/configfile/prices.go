package configfile

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/runwith/runwith/internal/invoker/usage"
)

// priceFile is a file of prices, as `runwith usage prices` prints it. Its tags are those of
// [File]. Prices are in US dollars.
type priceFile struct {
	Date           Time                  `yaml:"date" required:"true" doc:"The date of the prices, such as 2026-11-28."`
	MinimumSeconds json.Number           `yaml:"minimumSeconds" required:"true" doc:"The least time that is charged for an attempt of a task."`
	OtherRegions   string                `yaml:"otherRegions" rule:"region" doc:"The region whose prices are used for those that are not listed. Without it, tasks there have no price."`
	FreeTier       priceFree             `yaml:"freeTier" doc:"What a month has for free."`
	Regions        map[string]priceRates `yaml:"regions" keys:"region" most:"200" required:"true" doc:"The prices of each region."`
}

type priceFree struct {
	VCPUSeconds json.Number `yaml:"vcpuSeconds" doc:"vCPU-seconds."`
	GiBSeconds  json.Number `yaml:"gibSeconds" doc:"GiB-seconds."`
}

type priceRates struct {
	VCPUSecond     json.Number            `yaml:"vcpuSecond" required:"true" doc:"Price of a vCPU-second."`
	GiBSecond      json.Number            `yaml:"gibSecond" required:"true" doc:"Price of a GiB-second."`
	GPUSecond      map[string]json.Number `yaml:"gpuSecond" keys:"gpu" most:"20" doc:"Price of a second of each type of GPU, without zonal redundancy."`
	ZonalGPUSecond map[string]json.Number `yaml:"zonalGpuSecond" keys:"gpu" most:"20" doc:"The same with zonal redundancy."`
}

// ReadPrices reads the content of a file of prices in YAML or JSON. The name is that of the
// file. The error is [*FaultsError] with every mistake, each with its line and column.
func ReadPrices(name, content string) (usage.Prices, error) {
	var file priceFile
	r := &reader{rules: rules(), file: &File{places: places{file: name, at: map[Path]place{}}}}
	root, fault := parse(content)
	switch {
	case fault != nil:
		return usage.Prices{}, &FaultsError{name, []Fault{*fault}}
	case root == nil:
		return usage.Prices{}, &FaultsError{name, []Fault{{Line: 1, Column: 1, Text: "the file is empty: begin with what runwith usage prices prints"}}}
	}
	r.value(root, reflect.ValueOf(&file).Elem(), "", "")
	p := r.prices(file)
	return p, r.err()
}

// prices translates a file, and checks its numbers.
func (r *reader) prices(file priceFile) usage.Prices {
	p := usage.Prices{
		Date: file.Date.Format(time.DateOnly), Minimum: time.Duration(r.price(file.MinimumSeconds, "minimumSeconds", 3600, 1e9)), Fallback: file.OtherRegions,
		Free: usage.Free{
			VCPUSeconds: r.price(file.FreeTier.VCPUSeconds, Path("freeTier").Field("vcpuSeconds"), 1e12, 1),
			GiBSeconds:  r.price(file.FreeTier.GiBSeconds, Path("freeTier").Field("gibSeconds"), 1e12, 1),
		},
		Regions: map[string]usage.Rates{},
	}
	for name, rates := range file.Regions {
		at := Path("regions").Field(name)
		p.Regions[name] = usage.Rates{
			VCPUSecond: r.price(rates.VCPUSecond, at.Field("vcpuSecond"), 1, 1e9), GiBSecond: r.price(rates.GiBSecond, at.Field("gibSecond"), 1, 1e9),
			GPUSecond: r.perGPU(rates.GPUSecond, at.Field("gpuSecond")), ZonalGPUSecond: r.perGPU(rates.ZonalGPUSecond, at.Field("zonalGpuSecond")),
		}
	}
	if _, listed := p.Regions[p.Fallback]; p.Fallback != "" && !listed {
		r.fault("otherRegions", "%q has no prices below regions", p.Fallback)
	}
	return p
}

func (r *reader) perGPU(prices map[string]json.Number, at Path) map[string]int64 {
	found := map[string]int64{}
	for gpu, price := range prices {
		found[gpu] = r.price(price, at.Field(gpu), 1, 1e9)
	}
	return found
}

// price returns a number in units of 1/scale. It must not be negative, nor more than most, nor
// have more digits than the unit.
func (r *reader) price(n json.Number, at Path, most, scale float64) int64 {
	if n == "" { // missing, or a fault already
		return 0
	}
	f, err := n.Float64()
	scaled := math.Round(f * scale)
	switch {
	case err != nil:
	case f < 0 || f > most:
		r.fault(at, "must be from 0 to %v", most)
	case math.Abs(f*scale-scaled) > 1e-3:
		r.fault(at, "has more digits than count: %v is the smallest step", 1/scale)
	}
	return int64(min(max(0, scaled), most*scale))
}

// fault reports a mistake at a path that was read.
func (r *reader) fault(at Path, format string, args ...any) {
	place := r.file.places.at[at]
	r.faults = append(r.faults, Fault{place.line, place.column, string(at), fmt.Sprintf(format, args...)})
}
