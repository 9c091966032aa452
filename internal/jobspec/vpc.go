package jobspec

import "cloud.google.com/go/run/apiv2/runpb"

// validateVPC checks the access to a VPC network, which is either a connector or one
// network interface.
//
// See https://cloud.google.com/run/docs/configuring/vpc-direct-vpc.
func validateVPC(p Place, vpc *runpb.VpcAccess) {
	validateForm(p.Field("connector"), vpc.GetConnector(), connectorForm)
	list := p.Field("network_interfaces")
	interfaces := vpc.GetNetworkInterfaces()
	switch {
	case vpc.GetConnector() != "" && len(interfaces) > 0:
		list.Addf("cannot be set together with connector")
	case len(interfaces) > 1:
		list.Addf("at most one network interface is supported, not %d", len(interfaces))
	}
	for i, n := range interfaces {
		if n.GetNetwork() == "" && n.GetSubnetwork() == "" {
			list.Index(i).Addf("must have a network or a subnetwork")
		}
	}
}
