package main

import "testing"

// gcloudJobs are the commands for a job, from its creation to its end.
func gcloudJobs(t *testing.T, g *sdk) {
	g.steps(t, []step{
		{gcloud: "run jobs create hello --image=test-job --args=one,two --set-env-vars=A=1,B=two --tasks=3 --parallelism=2 --labels=team=infra,env=dev " +
			"--max-retries=1 --task-timeout=15m --cpu=2 --memory=1Gi --service-account=sa@demo.iam.gserviceaccount.com",
			stderr: "Job [hello] has successfully been created."},
		{gcloud: "run jobs create hello --image=test-job", exit: 1, stderr: "ERROR: (gcloud.run.jobs.create) Job [hello] already exists."},
		{gcloud: "run jobs describe hello", stdout: "✔ Job hello in region us-east4\nExecuted 0 times\n"},
		{gcloud: "run jobs describe hello --flatten=spec.template.spec.template.spec.containers[] '--format=csv[no-heading](" +
			"spec.template.spec.taskCount,spec.template.spec.parallelism,metadata.labels.team,spec.template.spec.template.spec.containers.resources.limits.memory)'",
			stdout: "3,2,infra,1Gi\n"},
		{gcloud: "run jobs update hello --update-env-vars=C=3 --remove-env-vars=A --parallelism=0 --update-labels=x=y --args=",
			stderr: "Job [hello] has successfully been updated."},
		{gcloud: "run jobs describe hello", stdout: "\nenv:dev team:infra x:y\n \nTasks:           3\nParallelism:     No limit\nContainer None\n  Image:         test-job\n" +
			"  Memory:        1Gi\n  CPU:           2\n  Env vars:\n    B            two\n    C            3\nTask Timeout:    15m\nMax Retries:     1\n" +
			"Service account: sa@demo.iam.gserviceaccount.com\n"},
		{gcloud: "run jobs update hello --clear-labels --clear-env-vars --tasks=1 --async", stderr: "Job [hello] is being updated asynchronously."},
		{gcloud: "run jobs describe hello '--format=value(metadata.generation,metadata.labels.team,metadata.labels.list(show=keys))'",
			stdout: "3\t\tcloud.googleapis.com/location,run.googleapis.com/lastUpdatedTime\n"},
		{gcloud: "run jobs update none --tasks=1", exit: 1, stderr: "ERROR: (gcloud.run.jobs.update) Job [none] could not be found."},
		{gcloud: "run jobs delete hello", stderr: "Deleted job [hello]."},
		{gcloud: "run jobs describe hello", exit: 1, stderr: "ERROR: (gcloud.run.jobs.describe) Cannot find job [hello]."},
		{gcloud: "run jobs delete hello", exit: 1, stderr: "ERROR: (gcloud.run.jobs.delete) Job [hello] could not be found."},
	})
}

// gcloudFlags are those flags that this machine has no use for: they are kept.
func gcloudFlags(t *testing.T, g *sdk) {
	g.steps(t, []step{
		{gcloud: "beta run jobs create all --image=test-job --async --set-secrets=SEC=mysecret:latest,/mnt/s/key=filesecret:3 " +
			"--vpc-connector=conn --vpc-egress=all-traffic --key=projects/p/locations/l/keyRings/k/cryptoKeys/c --binary-authorization=default " +
			"--add-volume=name=mem,type=in-memory,size-limit=64Mi --add-volume-mount=volume=mem,mount-path=/mem " +
			"--add-volume=name=gcs,type=cloud-storage,bucket=b1,readonly=true --add-volume-mount=volume=gcs,mount-path=/gcs",
			stderr: "Job [all] is being created asynchronously."},
		{gcloud: "run jobs describe all", stdout: "  Secrets:\n    /mnt/s           filesecret:3\n    SEC              mysecret:latest\n"},
		{gcloud: "run jobs describe all '--format=json(spec.template.metadata.annotations)'", stdout: `"run.googleapis.com/vpc-access-connector": "projects/demo/locations/us-east4/connectors/conn"`},
		{gcloud: "run jobs describe all '--format=value(metadata.annotations)'", stdout: "run.googleapis.com/launch-stage=BETA"},
		{gcloud: "run jobs update all --clear-vpc-connector --network=default --subnet=sub1 --network-tags=t1,t2 --vpc-egress=private-ranges-only " +
			"--clear-binary-authorization --remove-secrets=SEC",
			stderr: "Job [all] has successfully been updated."},
		{gcloud: "run jobs describe all '--format=json(spec.template.metadata.annotations)'",
			stdout: `"run.googleapis.com/network-interfaces": "[{\"network\":\"default\",\"subnetwork\":\"sub1\",\"tags\":[\"t1\",\"t2\"]}]"`},
		{gcloud: "run jobs update all --vpc-egress=neither", exit: 2, stderr: "Invalid choice: 'neither'."},
		{gcloud: "run jobs update all --cpu=0", exit: 1, stderr: "INVALID_ARGUMENT: spec.template.spec.template.spec.containers[0].resources.limits"},
		{gcloud: "run jobs create all-of-them --image=test-job --tasks=10001", exit: 1, stderr: "INVALID_ARGUMENT: spec.template.spec.taskCount: "},
	})
}

// gcloudFiles are jobs as YAML: written, read back and written again.
func gcloudFiles(t *testing.T, g *sdk) {
	const job = `
apiVersion: run.googleapis.com/v1
kind: Job
metadata:
  name: from-file
  labels: {team: infra}
  annotations: {example.com/note: hi}
spec:
  template:
    metadata:
      annotations: {run.googleapis.com/execution-environment: gen2}
    spec:
      taskCount: 2
      template:
        spec:
          maxRetries: 0
          timeoutSeconds: 300
          containers:
          - image: test-job
            args: [run]
            env: [{name: K, value: V}]
`
	g.write(t, "job.yaml", job)
	g.write(t, "stale.yaml", `{"apiVersion":"run.googleapis.com/v1","kind":"Job","metadata":{"name":"from-file","namespace":"123456789012"},`+
		`"spec":{"template":{"spec":{"template":{"spec":{"containers":[{"image":"test-job"}],"maxRetries":11}}}}}}`)
	g.steps(t, []step{
		{gcloud: "run jobs replace job.yaml", stderr: "Job [from-file] has been successfully created."},
		{gcloud: "run jobs replace job.yaml", stderr: "Job [from-file] has been successfully updated."},
		{gcloud: "run jobs describe from-file '--format=value(metadata.generation,metadata.annotations['example.com/note'],spec.template.spec.taskCount)'",
			stdout: "2\thi\t2\n"},
		{gcloud: "run jobs describe from-file --format=export", stdout: "  name: from-file\n", keep: "exported"},
		{gcloud: "run jobs replace stale.yaml", exit: 1, stderr: "INVALID_ARGUMENT: spec.template.spec.template.spec.maxRetries: "},
	})
	g.write(t, "exported.yaml", g.kept["exported"])
	g.steps(t, []step{
		{gcloud: "run jobs replace exported.yaml", stderr: "Job [from-file] has been successfully updated."},
		{gcloud: "run jobs replace exported.yaml --region=europe-west4", stderr: "region [europe-west4]"},
		{gcloud: "run jobs delete from-file"},
		{gcloud: "run jobs replace exported.yaml", stderr: "Job [from-file] has been successfully created."},
		{gcloud: "run jobs execute from-file --wait", stderr: "has successfully completed."},
	})
}

// gcloudStructures are lines that are JSON: text for the command that stops without text,
// and structures for the other.
func gcloudStructures(t *testing.T, g *sdk) {
	g.write(t, "lines.yaml", `
apiVersion: run.googleapis.com/v1
kind: Job
metadata: {name: lines}
spec: {template: {spec: {template: {spec: {containers: [{image: test-job, command: [echo], args: ['{"severity":"ERROR","message":"boom","step":2}']}]}}}}}
`)
	g.steps(t, []step{
		{gcloud: "run jobs replace lines.yaml", stderr: "Job [lines] has been successfully created."},
		{gcloud: "run jobs execute lines --wait", stderr: "has successfully completed."},
		{gcloud: "logging read 'jsonPayload.message:boom' '--format=value(severity,jsonPayload.message,jsonPayload.step)'", stdout: "ERROR\tboom\t2\n"},
		{gcloud: "run jobs logs read lines", stdout: ` {"severity":"ERROR","message":"boom","step":2}`},
	})
}

// gcloudDeploy is the command that creates or updates; it asks Service Usage first.
func gcloudDeploy(t *testing.T, g *sdk) {
	g.steps(t, []step{
		{gcloud: "run jobs deploy shipped --image=test-job --args=one", stderr: "Job [shipped] has successfully been deployed."},
		{gcloud: "run jobs deploy shipped --image=test-job --args=two --execute-now --wait",
			stderr: "Job [shipped] has successfully been deployed and completed execution [shipped-"},
		{gcloud: "run jobs describe shipped --flatten=spec.template.spec.template.spec.containers[] " +
			"'--format=value(metadata.generation,status.executionCount,spec.template.spec.template.spec.containers.args)'", stdout: "2\t1\ttwo\n"},
		{gcloud: "run jobs logs read shipped", stdout: "   ARG: two\n"},
	})
}

// gcloudRegions are jobs of the same name in two regions.
func gcloudRegions(t *testing.T, g *sdk) {
	const near, far = " --region=europe-west8", " --region=asia-east1"
	g.steps(t, []step{
		{gcloud: "run jobs create twin --image=test-job --args=near" + near, stderr: "region [europe-west8]"},
		{gcloud: "run jobs create twin --image=test-job --args=far" + far, stderr: "region [asia-east1]"},
		{gcloud: "run jobs list '--filter=metadata.name=twin' '--format=value(metadata.labels[cloud.googleapis.com/location])'", stdout: "asia-east1\neurope-west8\n"},
		{gcloud: "run jobs list", stdout: "✔  twin "},
		{gcloud: "run jobs list '--format=value(name)'" + near, stdout: "twin\n"},
		{gcloud: "run jobs list --uri" + far, stdout: "/apis/run.googleapis.com/v1/namespaces/123456789012/jobs/twin\n"},
		{gcloud: "run jobs execute twin --wait" + far, stderr: "has successfully completed."},
		{gcloud: "run jobs describe twin" + near, stdout: "✔ Job twin in region europe-west8\nExecuted 0 times\n"},
		{gcloud: "run jobs describe twin" + far, stdout: "✔ Job twin in region asia-east1\nExecuted 1 time\n"},
		{gcloud: "run jobs executions list --job=twin" + near, none: true, stderr: "Listed 0 items."},
		{gcloud: "run jobs logs read twin" + far, stdout: "   ARG: far\n"},
		{gcloud: "run jobs logs read twin" + near, none: true},
		{gcloud: "run jobs delete twin" + near},
		{gcloud: "run jobs describe twin" + near, exit: 1, stderr: "Cannot find job [twin]."},
		{gcloud: "run jobs describe twin" + far, stdout: "✔ Job twin in region asia-east1\n"},
	})
}

// gcloudContainers is a job with two containers, of which the process runner runs one.
func gcloudContainers(t *testing.T, g *sdk) {
	g.steps(t, []step{
		{gcloud: "run jobs create pair --tasks=2 --container=main --image=test-job --args=a --depends-on=side --container=side --image=other --set-env-vars=X=1",
			stderr: "Job [pair] has successfully been created."},
		{gcloud: "run jobs describe pair", stdout: "Container main\n"},
		{gcloud: "run jobs describe pair", stdout: "  Container Dependencies: side\nContainer side\n"},
		{gcloud: "run jobs update pair --container=side --update-env-vars=Y=2", stderr: "Job [pair] has successfully been updated."},
		{gcloud: "run jobs execute pair --args=x", exit: 1, stderr: "INVALID_ARGUMENT: overrides.containerOverrides[0].name: is required, the job has 2 containers"},
		{gcloud: "run jobs execute pair --container=main --args=x", exit: 1,
			stderr: "FAILED_PRECONDITION: spec.template.spec.template.spec.containers: the process runner runs exactly one container, not 2"},
		{gcloud: "run jobs update pair --remove-containers=side --container=main --depends-on="},
		{gcloud: "run jobs execute pair --tasks=1 --wait --container=main --args=x", stderr: "has successfully completed."},
		{gcloud: "run jobs logs read pair", stdout: "   ARG: x\n"},
	})
}

// gcloudRefusals are jobs that are kept, and that the process runner cannot run.
func gcloudRefusals(t *testing.T, g *sdk) {
	g.steps(t, []step{
		{gcloud: "run jobs create secret --image=test-job --set-secrets=SEC=mysecret:latest --execute-now", exit: 1,
			stderr: "FAILED_PRECONDITION: spec.template.spec.template.spec.containers[0].env[0].valueFrom: SEC: secret \"mysecret\": the server was started without secrets; start it with --secrets DIR"},
		{gcloud: "run jobs create volume --image=test-job --add-volume=name=v,type=in-memory --add-volume-mount=volume=v,mount-path=/v --execute-now", exit: 1,
			stderr: "FAILED_PRECONDITION: spec.template.spec.template.spec.volumes: the process runner mounts no volumes; "},
		{gcloud: "run jobs create image --image=us-docker.pkg.dev/cloudrun/container/job --execute-now", exit: 1,
			stderr: "start the server with --image us-docker.pkg.dev/cloudrun/container/job=COMMAND"},
		{gcloud: "run jobs update image --image=test-job --execute-now --wait", stderr: "Job [image] has successfully been updated and completed execution [image-"},
	})
}
