package kubetest

// account is the ServiceAccount of the engine, and the name of its Role.
const account = "runwith"

// role is what the engine may do in the namespace of its tasks. A test compares the rules with
// those of deploy/kubernetes.
const role = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: runwith}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: runwith}
rules:
- {apiGroups: [""], resources: [pods], verbs: [create, get, list, watch, patch, delete]}
- {apiGroups: [""], resources: [pods/log], verbs: [get]}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create, get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: runwith}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: runwith}
subjects: [{kind: ServiceAccount, name: runwith}]
`
