package kube

import (
	"context"
	"encoding/json"
	"net/url"
	"time"
)

// Lease records the holder of a name, and how long the holder has it.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/
type Lease struct {
	APIVersion string    `json:"apiVersion,omitempty"`
	Kind       string    `json:"kind,omitempty"`
	Metadata   Meta      `json:"metadata"`
	Spec       LeaseSpec `json:"spec,omitzero"`
}

// LeaseSpec is the claim of a Lease. Pointers are nil if the server has no value.
type LeaseSpec struct {
	HolderIdentity       *string   `json:"holderIdentity,omitempty"`
	LeaseDurationSeconds *int32    `json:"leaseDurationSeconds,omitempty"`
	LeaseTransitions     *int32    `json:"leaseTransitions,omitempty"`
	AcquireTime          MicroTime `json:"acquireTime,omitzero"`
	RenewTime            MicroTime `json:"renewTime,omitzero"`
}

// MicroTime is a time that JSON has with exactly six digits after the second: the API
// server refuses a Lease with more or fewer.
type MicroTime struct{ time.Time }

// MarshalJSON returns the time in UTC.
func (t MicroTime) MarshalJSON() ([]byte, error) {
	return json.Marshal(t.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
}

// leases returns the path of the namespace's Leases, and lease that of one.
func (c *Client) leases() string {
	return "/apis/coordination.k8s.io/v1/namespaces/" + url.PathEscape(c.Namespace) + "/leases"
}

func (c *Client) lease(name string) string { return c.leases() + "/" + url.PathEscape(name) }

// CreateLease makes a Lease. If the name is taken, IsAlreadyExists(err).
func (c *Client) CreateLease(ctx context.Context, lease *Lease) (*Lease, error) {
	return c.sendLease(ctx, request{verb: verbCreate, path: c.leases()}, lease)
}

// GetLease returns a Lease by its name.
func (c *Client) GetLease(ctx context.Context, name string) (*Lease, error) {
	lease := new(Lease)
	return lease, c.do(ctx, request{verb: verbGet, path: c.lease(name), urgent: true}, lease)
}

// UpdateLease replaces a Lease. If somebody has changed it since the resource version in
// lease, IsConflict(err).
func (c *Client) UpdateLease(ctx context.Context, lease *Lease) (*Lease, error) {
	return c.sendLease(ctx, request{verb: verbUpdate, path: c.lease(lease.Metadata.Name)}, lease)
}

func (c *Client) sendLease(ctx context.Context, q request, lease *Lease) (*Lease, error) {
	sent := *lease
	sent.APIVersion, sent.Kind = "coordination.k8s.io/v1", "Lease"
	body, err := json.Marshal(sent)
	if err != nil {
		return nil, err
	}
	q.body, q.urgent = body, true
	made := new(Lease)
	return made, c.do(ctx, q, made)
}
