package knative

import (
	"regexp"
	"strings"
	"sync"
)

// Path converts a path of a v2 message to v1's spelling:
// template.template.containers[0].env[1].value_source of a job becomes
// spec.template.spec.template.spec.containers[0].env[1].valueFrom.
func Path(v2 string) string {
	path := v2
	for _, s := range spellings() {
		path = s.v2.ReplaceAllString(path, s.v1)
	}
	return strings.ReplaceAll(outsideQuotes(path, camel), `["`+keptNamespace, `["`+group)
}

// spelling is the v1 place of a v2 field.
type spelling struct {
	v2 *regexp.Regexp
	v1 string
}

const (
	specPath        = "spec.template.spec.template.spec"
	metadataPath    = "spec.template.metadata"
	annotationsPath = metadataPath + `.annotations["` + group
)

// spellings returns the differences, which are applied in order. The remaining names differ
// only in camel case. The patterns are compiled when the first error needs them.
var spellings = sync.OnceValue(func() []spelling {
	return []spelling{
		at(`^(job_id|job\.name|name)$`, "metadata.name"),
		at(`^etag$`, "metadata.resourceVersion"),
		at(`^job$`, "body"),
		at(`^page_token$`, "continue"),
		at(`^page_size$`, "limit"),
		at(`^(labels|annotations)\b`, "metadata.$1"),
		at(`^launch_stage$`, `metadata.annotations["`+launchAnnotation+`"]`),
		at(`^(start|run)_execution_token$`, "spec.${1}_execution_token"),
		at(`^overrides\.timeout$`, "overrides.timeout_seconds"),

		at(`^template$`, "spec.template"),
		at(`^template\.(labels|annotations)\b`, metadataPath+".$1"),
		at(`^template\.template\.execution_environment$`, annotationsPath+`execution-environment"]`),
		at(`^template\.template\.encryption_key$`, annotationsPath+`encryption-key"]`),
		at(`^template\.template\.gpu_zonal_redundancy_disabled$`, annotationsPath+`gpu-zonal-redundancy-disabled"]`),
		at(`^template\.template\.vpc_access\.connector$`, annotationsPath+`vpc-access-connector"]`),
		at(`^template\.template\.vpc_access\.egress$`, annotationsPath+`vpc-access-egress"]`),
		at(`^template\.template\.vpc_access\b.*`, annotationsPath+`network-interfaces"]`),
		at(`^template\.template\.containers\[\d+\]\.depends_on\b.*`, annotationsPath+`container-dependencies"]`),
		at(`^template\.template\.containers\[\d+\]\.source_code\b.*`, annotationsPath+`sources"]`),
		at(`^template\.template\.containers\[\d+\]\.base_image_uri$`, annotationsPath+`base-images"]`),
		at(`^template\.template\.containers\[\d+\]\.resources\.cpu_idle$`, annotationsPath+`cpu-throttling"]`),
		at(`^template\.template\.containers\[\d+\]\.resources\.startup_cpu_boost$`, annotationsPath+`startup-cpu-boost"]`),
		at(`^template\.template\.service_account$`, specPath+".service_account_name"),
		at(`^template\.template\.timeout$`, specPath+".timeout_seconds"),
		at(`^template\.template\.node_selector\.accelerator$`, specPath+`.node_selector["`+acceleratorSelector+`"]`),
		at(`^template\.template\b`, specPath),
		at(`^template\.`, "spec.template.spec."),

		at(`^([^"]*)\.value_source\b`, "$1.value_from"),
		at(`^([^"]*)\.secret_key_ref\.secret$`, "$1.secret_key_ref.name"),
		at(`^([^"]*)\.secret_key_ref\.version$`, "$1.secret_key_ref.key"),
		at(`^([^"]*volumes\[\d+\])\.secret\.secret$`, "$1.secret.secret_name"),
		at(`^([^"]*volumes\[\d+\]\.secret\.items\[\d+\])\.version$`, "$1.key"),
		at(`^([^"]*volumes\[\d+\])\.gcs\.bucket$`, `$1.csi.volume_attributes["`+bucketAttribute+`"]`),
		at(`^([^"]*volumes\[\d+\])\.gcs\.mount_options\b.*`, `$1.csi.volume_attributes["`+optionsAttribute+`"]`),
		at(`^([^"]*volumes\[\d+\])\.cloud_sql_instance\.instances\b.*`, `$1.csi.volume_attributes["`+instancesAttribute+`"]`),
		at(`^([^"]*volumes\[\d+\])\.(gcs|cloud_sql_instance)\b`, "$1.csi"),
	}
})

func at(v2, v1 string) spelling { return spelling{regexp.MustCompile(v2), v1} }

// quoted matches the key of a map in a path.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// outsideQuotes applies f to the parts of a path that are not keys of maps.
func outsideQuotes(path string, f func(string) string) string {
	var out strings.Builder
	done := 0
	for _, key := range quoted.FindAllStringIndex(path, -1) {
		out.WriteString(f(path[done:key[0]]) + path[key[0]:key[1]])
		done = key[1]
	}
	return out.String() + f(path[done:])
}

// camel converts my_field to myField.
func camel(s string) string {
	words := strings.Split(s, "_")
	for i := 1; i < len(words); i++ {
		if words[i] != "" {
			words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
		}
	}
	return strings.Join(words, "")
}
