package jobspec

import (
	"slices"
	"strings"
)

// maxPermissions is the maximum number of permissions in one request.
const maxPermissions = 100

// ValidatePermissions checks the permissions that a caller wants to test.
func ValidatePermissions(permissions []string) error {
	var f Violations
	p := f.Root().Field("permissions")
	if len(permissions) > maxPermissions {
		p.Addf("at most %d are allowed, not %d", maxPermissions, len(permissions))
	}
	for i, permission := range permissions {
		if !isPermission(permission) {
			p.Index(i).Addf("must be SERVICE.RESOURCE.VERB without wildcards, such as run.jobs.run, not %s", Quote(permission))
		}
	}
	return f.Err()
}

func isPermission(s string) bool {
	parts := strings.Split(s, ".")
	for _, part := range parts {
		if !isRoleID(part) {
			return false
		}
	}
	return len(parts) >= 3
}

// IsJobPermission reports whether Cloud Run defines a permission for jobs, executions,
// tasks or operations.
// https://cloud.google.com/run/docs/reference/iam/permissions
func IsJobPermission(permission string) bool {
	return slices.Contains([]string{
		"run.executions.cancel",
		"run.executions.delete",
		"run.executions.get",
		"run.executions.list",
		"run.jobs.create",
		"run.jobs.createTagBinding",
		"run.jobs.delete",
		"run.jobs.deleteTagBinding",
		"run.jobs.get",
		"run.jobs.getIamPolicy",
		"run.jobs.list",
		"run.jobs.listEffectiveTags",
		"run.jobs.listTagBindings",
		"run.jobs.run",
		"run.jobs.runWithOverrides",
		"run.jobs.setIamPolicy",
		"run.jobs.update",
		"run.operations.delete",
		"run.operations.get",
		"run.operations.list",
		"run.tasks.get",
		"run.tasks.list",
	}, permission)
}
