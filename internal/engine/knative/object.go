package knative

// APIVersion is the apiVersion of every object.
const APIVersion = "run.googleapis.com/v1"

// Kinds of objects and of lists.
const (
	KindJob            = "Job"
	KindExecution      = "Execution"
	KindTask           = "Task"
	KindJobsList       = "JobsList"
	KindExecutionsList = "ExecutionsList"
	KindTasksList      = "TasksList"
)

// ObjectMeta is the metadata of an object.
//
// Deviation: name is required; the engine does not generate names.
//
// https://cloud.google.com/run/docs/reference/rest/v1/ObjectMeta
type ObjectMeta struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	// ResourceVersion is v2's etag. An update with a stale one fails.
	ResourceVersion string            `json:"resourceVersion,omitempty"`
	Labels          map[string]string `json:"labels,omitempty"`
	Annotations     map[string]string `json:"annotations,omitempty"`

	// The following fields are set by the server, and ignored on input.
	SelfLink          string `json:"selfLink,omitempty"`
	UID               string `json:"uid,omitempty"`
	Generation        int32  `json:"generation,omitempty"`
	CreationTimestamp string `json:"creationTimestamp,omitempty"`
	DeletionTimestamp string `json:"deletionTimestamp,omitempty"`

	GenerateName               refused `json:"generateName,omitzero" refused:"names are not generated, set name"`
	ClusterName                refused `json:"clusterName,omitzero" refused:"is not supported by Cloud Run"`
	DeletionGracePeriodSeconds refused `json:"deletionGracePeriodSeconds,omitzero" refused:"is not supported by Cloud Run"`
	Finalizers                 refused `json:"finalizers,omitzero" refused:"is not supported by Cloud Run"`
	OwnerReferences            refused `json:"ownerReferences,omitzero" refused:"is not supported by Cloud Run"`
}

// TemplateMeta is the ObjectMeta of a template. It applies to the objects created from
// the template.
type TemplateMeta struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`

	Name                       refused `json:"name,omitzero" refused:"an execution gets its name when it starts"`
	Namespace                  refused `json:"namespace,omitzero" refused:"an execution is in its job's namespace"`
	GenerateName               refused `json:"generateName,omitzero" refused:"an execution gets its name when it starts"`
	ResourceVersion            refused `json:"resourceVersion,omitzero" refused:"is not a field of a template"`
	SelfLink                   refused `json:"selfLink,omitzero" refused:"is not a field of a template"`
	UID                        refused `json:"uid,omitzero" refused:"is not a field of a template"`
	Generation                 refused `json:"generation,omitzero" refused:"is not a field of a template"`
	CreationTimestamp          refused `json:"creationTimestamp,omitzero" refused:"is not a field of a template"`
	DeletionTimestamp          refused `json:"deletionTimestamp,omitzero" refused:"is not a field of a template"`
	ClusterName                refused `json:"clusterName,omitzero" refused:"is not supported by Cloud Run"`
	DeletionGracePeriodSeconds refused `json:"deletionGracePeriodSeconds,omitzero" refused:"is not supported by Cloud Run"`
	Finalizers                 refused `json:"finalizers,omitzero" refused:"is not supported by Cloud Run"`
	OwnerReferences            refused `json:"ownerReferences,omitzero" refused:"is not supported by Cloud Run"`
}

// refused is an unsupported field of v1. Its tag gives the reason. An empty value of any
// type is accepted.
type refused struct{}

// fixed is a field of v1 with only one valid value, which is in its tag. The value
// carries no information, so it is accepted and not returned.
type fixed struct{}

// ignored is a field of v1 that Cloud Run takes and does not use. Its tag gives the reason.
// Any value is accepted, has no effect and is not returned.
type ignored struct{}

// ListMeta is the metadata of a list.
type ListMeta struct {
	Continue string `json:"continue,omitempty"`
}

// List is a page of objects.
type List[T any] struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   ListMeta `json:"metadata"`
	Items      []T      `json:"items,omitempty"`
}

// Status is the answer to a deletion.
// https://cloud.google.com/run/docs/reference/rest/v1/Status
type Status struct {
	Status  string        `json:"status"`
	Details StatusDetails `json:"details"`
}

// StatusDetails identify the deleted object.
type StatusDetails struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // the collection, such as jobs
	UID  string `json:"uid"`
}
