-- Who may do what with a job, as its callers have set it: a google.iam.v1.Policy.
-- NULL until then. It goes with the job: one that is created anew has none.
ALTER TABLE jobs ADD COLUMN policy BLOB;
