package api

import (
	"context"

	"cloud.google.com/go/iam/apiv1/iampb"
	"google.golang.org/genproto/googleapis/api/annotations"
)

// policyRules are where v2 serves the policies of jobs, as its annotations say, and
// v1 too, where gcloud asks for them.
// https://cloud.google.com/run/docs/reference/rest/v1/projects.locations.jobs
var policyRules = map[string]*annotations.HttpRule{
	"GetIamPolicy": {
		Pattern:            &annotations.HttpRule_Get{Get: "/v2" + policyOf + ":getIamPolicy"},
		AdditionalBindings: []*annotations.HttpRule{{Pattern: &annotations.HttpRule_Get{Get: "/v1" + policyOf + ":getIamPolicy"}}},
	},
	"SetIamPolicy":       postPolicy(":setIamPolicy"),
	"TestIamPermissions": postPolicy(":testIamPermissions"),
}

// policyOf is the path of a job in either version.
const policyOf = "/{resource=projects/*/locations/*/jobs/*}"

func postPolicy(verb string) *annotations.HttpRule {
	return &annotations.HttpRule{
		Pattern:            &annotations.HttpRule_Post{Post: "/v2" + policyOf + verb},
		Body:               "*",
		AdditionalBindings: []*annotations.HttpRule{{Pattern: &annotations.HttpRule_Post{Post: "/v1" + policyOf + verb}, Body: "*"}},
	}
}

func (s *jobs) GetIamPolicy(ctx context.Context, req *iampb.GetIamPolicyRequest) (*iampb.Policy, error) {
	return s.engine.IAMPolicy(ctx, req)
}

func (s *jobs) SetIamPolicy(ctx context.Context, req *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
	return s.engine.SetIAMPolicy(ctx, req)
}

func (s *jobs) TestIamPermissions(ctx context.Context, req *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	return s.engine.TestIAMPermissions(ctx, req)
}
