package runwith

import (
	"cmp"
	"context"
	"net/http"
)

// Rerun runs an invocation again, and returns the new one, whose RerunOf is the ID. changes
// replace fields of the earlier request; parameters are merged by name, and StartAt is not
// carried over. changes may be nil, which changes nothing. The key is that of [Client.Start]: a
// repeat has the same ID and the same changes.
//
// Errors are those of [Client.Start]; and [NotFound] if there is no such invocation,
// [FailedPrecondition] if its request is unknown because the invocation was read back from its
// execution, [PermissionDenied] if the caller may not see values and does not send all of them.
func (c *Client) Rerun(ctx context.Context, id, key string, changes *Request) (*Invocation, error) {
	path, err := escape("invocations", "invocation", id)
	if err != nil {
		return nil, err
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	body, err := encode("changes", cmp.Or(changes, &Request{}).body())
	if err != nil {
		return nil, err
	}
	rerun := request{method: http.MethodPost, path: path + ":rerun", body: body, key: key}
	return again(ctx, c, func() (*Invocation, error) { return decode[Invocation](c.send(ctx, rerun)) })
}
