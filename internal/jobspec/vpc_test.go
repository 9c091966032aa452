package jobspec_test

import (
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

func TestValidateVPC(t *testing.T) {
	access := func(vpc *runpb.VpcAccess) func(*runpb.Job) {
		return onTask(func(t *runpb.TaskTemplate) { t.VpcAccess = vpc })
	}
	interfaces := func(networks ...*runpb.VpcAccess_NetworkInterface) []*runpb.VpcAccess_NetworkInterface {
		return networks
	}
	network, subnetwork := &runpb.VpcAccess_NetworkInterface{Network: "n"}, &runpb.VpcAccess_NetworkInterface{Subnetwork: "s"}
	const connector = "projects/p/locations/us-east4/connectors/c"
	const at = "template.template.vpc_access."
	runJobCases(t, []jobCase{
		{"only an egress", access(&runpb.VpcAccess{Egress: runpb.VpcAccess_ALL_TRAFFIC}), ""},
		{"a connector", access(&runpb.VpcAccess{Connector: connector}), ""},
		{"a network", access(&runpb.VpcAccess{NetworkInterfaces: interfaces(network)}), ""},
		{"a subnetwork", access(&runpb.VpcAccess{NetworkInterfaces: interfaces(subnetwork)}), ""},
		{
			"a connector and a network", access(&runpb.VpcAccess{Connector: connector, NetworkInterfaces: interfaces(network)}),
			at + "network_interfaces: cannot be set together with connector",
		},
		{
			"two networks", access(&runpb.VpcAccess{NetworkInterfaces: interfaces(network, subnetwork)}),
			at + "network_interfaces: at most one network interface is supported, not 2",
		},
		{
			"an empty interface", access(&runpb.VpcAccess{NetworkInterfaces: interfaces(&runpb.VpcAccess_NetworkInterface{Tags: []string{"t"}})}),
			at + "network_interfaces[0]: must have a network or a subnetwork",
		},
	})
}
