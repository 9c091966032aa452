package knative

import (
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// networkInterface is an element of the list in run.googleapis.com/network-interfaces.
// https://cloud.google.com/run/docs/configuring/vpc-direct-vpc
type networkInterface struct {
	Network    string   `json:"network,omitempty"`
	Subnetwork string   `json:"subnetwork,omitempty"`
	Tags       []string `json:"tags,omitempty"`
}

// vpcAccess returns the template's message and creates it if it is missing.
func vpcAccess(t *runpb.TaskTemplate) *runpb.VpcAccess {
	if t.VpcAccess == nil {
		t.VpcAccess = &runpb.VpcAccess{}
	}
	return t.VpcAccess
}

// expandConnector completes a connector that v1 names by its ID, because v2 has its full
// name. The connector is then in the job's own project and region.
// https://cloud.google.com/run/docs/configuring/vpc-connectors
func expandConnector(t *runpb.TaskTemplate, at jobspec.Location) {
	if vpc := t.GetVpcAccess(); vpc.GetConnector() != "" && !strings.Contains(vpc.GetConnector(), "/") {
		vpc.Connector = at.String() + "/connectors/" + vpc.GetConnector()
	}
}

func connector(t *runpb.TaskTemplate) string { return t.GetVpcAccess().GetConnector() }

func readConnector(_ jobspec.Place, value string, t *runpb.TaskTemplate) {
	vpcAccess(t).Connector = value
}

func egresses() []string { return []string{"", "all-traffic", "private-ranges-only"} }

func egress(t *runpb.TaskTemplate) string {
	return enumText(int32(t.GetVpcAccess().GetEgress()), egresses())
}

func readEgress(p jobspec.Place, value string, t *runpb.TaskTemplate) {
	if value == "all" { // the deprecated name of all-traffic
		vpcAccess(t).Egress = runpb.VpcAccess_ALL_TRAFFIC
		return
	}
	vpcAccess(t).Egress = runpb.VpcAccess_VpcEgress(enumValue(p, value, egresses()))
}

func networkInterfaces(t *runpb.TaskTemplate) string {
	var all []networkInterface
	for _, i := range t.GetVpcAccess().GetNetworkInterfaces() {
		all = append(all, networkInterface{i.GetNetwork(), i.GetSubnetwork(), i.GetTags()})
	}
	if all == nil {
		return ""
	}
	return jsonText(all)
}

func readNetworkInterfaces(p jobspec.Place, value string, t *runpb.TaskTemplate) {
	var all []networkInterface
	readJSON(p, value, &all)
	for _, i := range all {
		access := vpcAccess(t)
		access.NetworkInterfaces = append(access.NetworkInterfaces,
			&runpb.VpcAccess_NetworkInterface{Network: i.Network, Subnetwork: i.Subnetwork, Tags: i.Tags})
	}
}
