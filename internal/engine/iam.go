package engine

import (
	"bytes"
	"context"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// IAMPolicy returns the policy of a job, which is empty if none was set. Unless the caller
// asks for version 3, the condition of a binding is hidden, and the name of its role shows
// that there is one.
//
// Deviation: a policy is stored, and refuses nobody.
//
// See https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#google.cloud.run.v2.Jobs.GetIamPolicy
// https://cloud.google.com/iam/docs/troubleshooting-withcond
func (e *Engine) IAMPolicy(ctx context.Context, req *iampb.GetIamPolicyRequest) (*iampb.Policy, error) {
	name, err := jobspec.ParseJob(req.Resource)
	if err != nil {
		return nil, err
	}
	version := req.GetOptions().GetRequestedPolicyVersion()
	if err := jobspec.ValidatePolicyVersion(version); err != nil {
		return nil, err
	}
	var policy *iampb.Policy
	err = e.read(ctx, func(tx *storeTx) error {
		_, policy, err = tx.policy(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return shown(policy, version), nil
}

// SetIAMPolicy replaces the bindings of a job's policy and returns the new policy.
// https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#google.cloud.run.v2.Jobs.SetIamPolicy
func (e *Engine) SetIAMPolicy(ctx context.Context, req *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
	name, err := jobspec.ParseJob(req.Resource)
	if err != nil {
		return nil, err
	}
	if err := jobspec.ValidatePolicy(req.Policy, req.UpdateMask); err != nil {
		return nil, err
	}
	policy := preparePolicy(req.Policy.Bindings)
	err = e.write(ctx, func(tx *storeTx) error {
		job, current, err := tx.policy(name)
		if err != nil {
			return err
		}
		if err := checkPolicy(req.Policy, current); err != nil {
			return err
		}
		if keepsBindings(req.UpdateMask) {
			policy.Bindings, policy.Version = current.Bindings, max(current.Version, 1)
		}
		policy.Etag = policyEtag(current.Etag, time.Now())
		return tx.setPolicy(job, policy)
	})
	if err != nil {
		return nil, err
	}
	return policy, nil
}

// TestIAMPermissions returns which of the permissions the caller has on a job: none if
// there is no such job.
//
// Deviation: every caller owns the jobs of this machine, and so has all permissions that
// Cloud Run knows.
//
// See https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#google.cloud.run.v2.Jobs.TestIamPermissions.
func (e *Engine) TestIAMPermissions(ctx context.Context, req *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	name, err := jobspec.ParseJob(req.Resource)
	if err != nil {
		return nil, err
	}
	if err := jobspec.ValidatePermissions(req.Permissions); err != nil {
		return nil, err
	}
	err = e.read(ctx, func(tx *storeTx) error {
		_, _, err := tx.policy(name)
		return err
	})
	res := &iampb.TestIamPermissionsResponse{}
	switch {
	case runwith.CodeOf(err) == runwith.NotFound:
		return res, nil
	case err != nil:
		return nil, err
	}
	for _, permission := range req.Permissions {
		if jobspec.IsJobPermission(permission) {
			res.Permissions = append(res.Permissions, permission)
		}
	}
	return res, nil
}

// checkPolicy refuses a policy if the caller names an older version by its etag, or if the
// caller cannot have seen conditions that it would remove.
func checkPolicy(given, current *iampb.Policy) error {
	switch {
	case len(given.Etag) == 0:
		return nil
	case !bytes.Equal(given.Etag, current.Etag):
		return runwith.Errorf(runwith.Aborted,
			"policy.etag: the policy has changed since it was read: read it again and repeat the request")
	case current.Version == jobspec.ConditionalPolicy && given.Version != jobspec.ConditionalPolicy:
		return runwith.Errorf(runwith.InvalidArgument,
			"policy.version: must be 3, because the policy has conditions: read it with options.requested_policy_version 3, and set it so")
	}
	return nil
}
