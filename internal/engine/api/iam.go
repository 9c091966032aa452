package api

import (
	"context"

	"cloud.google.com/go/iam/apiv1/iampb"
	"google.golang.org/genproto/googleapis/api/annotations"
)

// policyRules are the paths of the policies of jobs: those of v2, as its annotations say,
// and those of v1, which gcloud uses.
// https://cloud.google.com/run/docs/reference/rest/v1/projects.locations.jobs
var policyRules = map[string]*annotations.HttpRule{
	"GetIamPolicy": {
		Pattern:            &annotations.HttpRule_Get{Get: "/v2" + policyOf + ":getIamPolicy"},
		AdditionalBindings: []*annotations.HttpRule{{Pattern: &annotations.HttpRule_Get{Get: "/v1" + policyOf + ":getIamPolicy"}}},
	},
	"SetIamPolicy":       postPolicy(":setIamPolicy"),
	"TestIamPermissions": postPolicy(":testIamPermissions"),
}

// policyOf is the path of a job, the same in both versions.
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
