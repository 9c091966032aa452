package engine

import (
	"errors"

	"cloud.google.com/go/iam/apiv1/iampb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// policy returns a job that is not deleted and its policy, or NOT_FOUND.
func (tx *storeTx) policy(name jobspec.JobName) (job int64, policy *iampb.Policy, err error) {
	var blob []byte
	err = tx.QueryRow(`SELECT id, policy FROM jobs WHERE project = ? AND region = ? AND job = ? AND deleted IS NULL`,
		name.Project, name.Region, name.Job).Scan(&job, &blob)
	switch {
	case errors.Is(err, sqlite.ErrNoRows):
		return 0, nil, noJob(name)
	case err != nil:
		return 0, nil, err
	case blob == nil:
		return job, unsetPolicy(), nil
	}
	policy, err = unmarshal(blob, &iampb.Policy{})
	return job, policy, err
}

// setPolicy replaces a job's policy.
func (tx *storeTx) setPolicy(job int64, policy *iampb.Policy) error {
	blob, err := proto.Marshal(policy)
	if err != nil {
		return err
	}
	return tx.change(`UPDATE jobs SET policy = ? WHERE id = ? AND deleted IS NULL`, blob, job)
}
