package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
)

// Version is the API server's version. Major and Minor are digits, and a vendor may add a
// plus sign.
type Version struct {
	Major      string `json:"major"`
	Minor      string `json:"minor"`
	GitVersion string `json:"gitVersion"`
}

// Version returns the API server's version. Every authenticated caller may ask for it.
func (c *Client) Version(ctx context.Context) (v Version, err error) {
	return v, c.do(ctx, request{verb: verbGet, path: "/version"}, &v)
}

// Access is something that a permission allows: a verb on a resource of the namespace.
type Access struct {
	Verb        string `json:"verb"`
	Group       string `json:"group,omitempty"` // empty is the core group
	Resource    string `json:"resource"`        // in the plural, such as pods
	Subresource string `json:"subresource,omitempty"`
}

// String returns the access as people write it: get pods/log.
func (a Access) String() string {
	resource := a.Resource
	if a.Group != "" {
		resource += "." + a.Group
	}
	if a.Subresource != "" {
		resource += "/" + a.Subresource
	}
	return a.Verb + " " + resource
}

// CanI asks whether the caller has an access in the namespace. The reason may be empty.
// https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-access-review-v1/
func (c *Client) CanI(ctx context.Context, a Access) (allowed bool, reason string, err error) {
	attributes := struct {
		Access
		Namespace string `json:"namespace"`
	}{a, c.Namespace}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": attributes},
	})
	if err != nil {
		return false, "", err
	}
	var review struct {
		Status struct {
			Allowed                 bool
			Reason, EvaluationError string
		}
	}
	err = c.do(ctx, request{verb: verbCreate, path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body: body}, &review)
	return review.Status.Allowed, cmp.Or(review.Status.Reason, review.Status.EvaluationError), err
}

// Quota is a ResourceQuota: quantities by resource, such as "pods" or "requests.cpu".
type Quota struct {
	Name       string
	Hard, Used map[string]string
}

// Quotas returns the quotas of the namespace. Many callers may not read them:
// IsForbidden(err) then.
func (c *Client) Quotas(ctx context.Context) ([]Quota, error) {
	var found struct {
		Items []struct {
			Metadata Meta
			Status   struct{ Hard, Used map[string]string }
		}
	}
	path := "/api/v1/namespaces/" + url.PathEscape(c.Namespace) + "/resourcequotas"
	if err := c.do(ctx, request{verb: verbList, path: path}, &found); err != nil {
		return nil, err
	}
	var quotas []Quota
	for _, q := range found.Items {
		quotas = append(quotas, Quota{Name: q.Metadata.Name, Hard: q.Status.Hard, Used: q.Status.Used})
	}
	return quotas, nil
}

// TryPod sends a Pod's JSON as a dry run. It returns the Pod that the server would make.
func (c *Client) TryPod(ctx context.Context, pod []byte) (*Pod, error) {
	tried := new(Pod)
	return tried, c.do(ctx, request{verb: verbCreate, path: c.pods(""), query: url.Values{"dryRun": {"All"}}, body: pod}, tried)
}
