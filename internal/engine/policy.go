package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"google.golang.org/genproto/googleapis/type/expr"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// preparePolicy returns a policy with a caller's bindings: one binding for each role and
// condition, with each member once. The version follows from the bindings.
func preparePolicy(bindings []*iampb.Binding) *iampb.Policy {
	policy := &iampb.Policy{Version: 1}
	type key struct{ role, condition string }
	known := map[key]*iampb.Binding{}
	for _, b := range bindings {
		at := key{role: b.Role}
		if b.Condition != nil {
			at.condition = fingerprint(b.Condition)
			policy.Version = jobspec.ConditionalPolicy
		}
		if known[at] == nil {
			known[at] = &iampb.Binding{Role: b.Role, Condition: b.Condition}
			policy.Bindings = append(policy.Bindings, known[at])
		}
		for _, member := range b.Members {
			if !slices.Contains(known[at].Members, member) {
				known[at].Members = append(known[at].Members, member)
			}
		}
	}
	return policy
}

// keepsBindings reports whether a request to set a policy leaves its bindings unchanged.
//
// Deviation: only the etag changes then, because the version follows from the bindings.
func keepsBindings(mask *fieldmaskpb.FieldMask) bool {
	paths := mask.GetPaths()
	return len(paths) > 0 && !slices.Contains(paths, "bindings") && !slices.Contains(paths, "*")
}

// unsetPolicy returns the policy of a job without one. Its etag is Google's, ACAB.
func unsetPolicy() *iampb.Policy { return &iampb.Policy{Etag: []byte{0x00, 0x20, 0x01}} }

// policyEtag returns the etag of the next version of a policy: the time, moved on if the
// clock has not moved.
func policyEtag(before []byte, now time.Time) []byte {
	next := uint64(now.UnixMicro())
	if len(before) == 8 {
		next = max(next, binary.BigEndian.Uint64(before)+1)
	}
	return binary.BigEndian.AppendUint64(nil, next)
}

// shown returns a policy for a caller that asks for a version.
func shown(policy *iampb.Policy, version jobspec.PolicyVersion) *iampb.Policy {
	if version == jobspec.ConditionalPolicy || policy.Version != jobspec.ConditionalPolicy {
		return policy
	}
	plain := &iampb.Policy{Etag: policy.Etag, Version: 1}
	for _, b := range policy.Bindings {
		role := b.Role
		if b.Condition != nil {
			role += jobspec.ConditionalRole + fingerprint(b.Condition)
		}
		plain.Bindings = append(plain.Bindings, &iampb.Binding{Role: role, Members: b.Members})
	}
	return plain
}

// fingerprint returns a string that differs between conditions.
func fingerprint(c *expr.Expr) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{c.Title, c.Description, c.Expression, c.Location}))
	return hex.EncodeToString(sum[:10])
}
