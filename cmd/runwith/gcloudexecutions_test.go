package main

import "testing"

// gcloudSuccess runs a job that succeeds, and checks every view of its execution.
func gcloudSuccess(t *testing.T, g *sdk) {
	const at = " --region=europe-west1"
	g.steps(t, []step{
		{gcloud: "run jobs create fine --image=test-job --args=one --tasks=2 --execute-now --wait" + at,
			stderr: "Job [fine] has successfully been created and completed execution [fine-"},
		{gcloud: "run jobs executions list '--format=value(name)'" + at, stdout: "fine-", keep: "x"},
		{gcloud: "run jobs executions list --job=fine" + at, stdout: "✔  fine  $x  europe-west1  0        2 / 2 "},
		{gcloud: "run jobs executions describe $x" + at, stdout: "✔ Execution $x in region europe-west1\n2 tasks completed successfully\nElapsed time: "},
		{gcloud: "run jobs executions tasks list --execution=$x --sort-by=status.index" + at, stdout: "✔  0      Succeeded  $x-task0 "},
		{gcloud: "run jobs executions tasks list --execution=$x --succeeded '--format=value(name)'" + at, stdout: "$x-task1\n"},
		{gcloud: "run jobs executions tasks list --execution=$x --no-completed" + at, none: true, stderr: "Listed 0 items."},
		{gcloud: "run jobs executions tasks describe $x-task1" + at,
			stdout: "✔ Task $x-task1 in region europe-west1\nRunning state:   Succeeded\n"},
		{gcloud: "run jobs executions tasks describe $x-task2" + at, exit: 1, stderr: "Cannot find task [$x-task2]."},
		{gcloud: "beta run jobs executions logs read $x" + at, stdout: " CLOUD_RUN_EXECUTION = $x\n"},
		{gcloud: "run jobs logs read fine --limit=1 --log-filter='textPayload:ARG'" + at, stdout: "   ARG: one\n"},
		{gcloud: "run jobs executions cancel $x" + at, exit: 1, stderr: "ERROR: (gcloud.run.jobs.executions.cancel) "},
		{gcloud: "run jobs executions delete $x" + at, stderr: "Deleted execution [$x]."},
		{gcloud: "run jobs executions describe $x" + at, exit: 1, stderr: "ERROR: (gcloud.run.jobs.executions.describe) Cannot find execution [$x]."},
		{gcloud: "run jobs executions delete $x" + at, exit: 1, stderr: "Execution [$x] could not be found."},
	})
}

// gcloudOverrides is what an execution may have otherwise than its job.
func gcloudOverrides(t *testing.T, g *sdk) {
	g.steps(t, []step{
		{gcloud: "run jobs create base --image=test-job --args=one --set-env-vars=A=1,B=2 --task-timeout=20m"},
		{gcloud: "run jobs execute base --args=foo,bar --update-env-vars=A=9,NEW=z --tasks=2 --task-timeout=30m --wait", stderr: "has successfully completed."},
		{gcloud: "run jobs executions list --job=base '--format=value(name)'", keep: "x"},
		{gcloud: "run jobs executions describe $x", stdout: "  Args:          foo bar\n"},
		{gcloud: "run jobs executions describe $x", stdout: "  Env vars:\n    A            9\n    B            2\n    NEW          z\nTask Timeout:    30m\n"},
		{gcloud: "run jobs executions describe $x '--format=value(spec.taskCount)'", stdout: "2\n"},
		{gcloud: "run jobs logs read base --log-filter='textPayload=~\"^(A|NEW) = \"'", stdout: " NEW = z\n"},
		{gcloud: "run jobs describe base", stdout: "  Args:          one\n"},
		{gcloud: "run jobs execute base --args= --async '--format=value(name)'", stdout: "base-", keep: "y"},
		{gcloud: "run jobs executions describe $y --flatten=spec.template.spec.containers[] '--format=value(spec.template.spec.containers.args)'", stdout: "\n"},
		{gcloud: "run jobs execute base --tasks=0", exit: 2, stderr: "--tasks"},
		{gcloud: "run jobs execute none", exit: 1, stderr: "ERROR: (gcloud.run.jobs.execute) "},
	})
}

// gcloudFailure is a job that exits with 3.
func gcloudFailure(t *testing.T, g *sdk) {
	const at = " --region=europe-west2"
	g.steps(t, []step{
		{gcloud: "run jobs create fails --image=test-job --set-env-vars=FAIL=3 --max-retries=1" + at},
		{gcloud: "run jobs execute fails --wait" + at, exit: 1, stderr: "ERROR: (gcloud.run.jobs.execute) The execution failed."},
		{gcloud: "run jobs executions list '--format=value(name)'" + at, keep: "x"},
		{gcloud: "run jobs executions describe $x" + at, stdout: "X Execution $x in region europe-west2\n0 tasks completed successfully\n1 task failed to complete\n"},
		{gcloud: "run jobs executions tasks list --execution=$x --failed '--format=value(name,status.retried)'" + at, stdout: "$x-task0\t1\n"},
		{gcloud: "run jobs executions tasks describe $x-task0" + at,
			stdout: "X Task $x-task0 in region europe-west2\nRunning state:   Failed\nLast Attempt Result:\n  Exit Code:     3\n"},
		{gcloud: "run jobs execute fails" + at, stderr: "has successfully started running."},
		{gcloud: "run jobs executions delete $x" + at, stderr: "Deleted execution [$x]."},
	})
}

// gcloudTimeout is a job that takes longer than it may.
func gcloudTimeout(t *testing.T, g *sdk) {
	const at = " --region=europe-west3"
	g.steps(t, []step{
		{gcloud: "run jobs create late --image=test-job --set-env-vars=SLEEP=10m --max-retries=0 --task-timeout=1s --execute-now --wait" + at, exit: 1,
			stderr: "ERROR: (gcloud.run.jobs.create) The execution failed."},
		{gcloud: "run jobs executions list '--format=value(name)'" + at, keep: "x"},
		{gcloud: "run jobs executions tasks describe $x-task0" + at, stdout: "Running state:   Failed\nLast Attempt Result:\n"},
		{gcloud: "run jobs executions tasks describe $x-task0" + at, stdout: "timeout"},
	})
}

// gcloudRetry is a task that goes well at its second attempt.
func gcloudRetry(t *testing.T, g *sdk) {
	const at = " --region=europe-west6"
	g.steps(t, []step{
		{gcloud: `run jobs create again --image=any --command=sh --args='-c,exit $((1 - CLOUD_RUN_TASK_ATTEMPT))' --max-retries=3 --execute-now --wait` + at,
			stderr: "and completed execution [again-"},
		{gcloud: "run jobs executions list '--format=value(name)'" + at, keep: "x"},
		{gcloud: "run jobs executions tasks list --execution=$x '--format=value(name,status.retried)'" + at, stdout: "$x-task0\t1\n"},
		{gcloud: "run jobs executions describe $x" + at, stdout: "1 task completed successfully\n"},
	})
}

// gcloudCancel cancels an execution.
func gcloudCancel(t *testing.T, g *sdk) {
	const at = " --region=europe-west9"
	g.steps(t, []step{
		{gcloud: "run jobs create long --image=test-job --set-env-vars=SLEEP=10m" + at},
		{gcloud: "run jobs execute long" + at, stderr: "has successfully started running."},
		{gcloud: "run jobs executions list '--format=value(name)'" + at, keep: "x"},
		{gcloud: "run jobs executions list" + at, stdout: "…  long  $x  europe-west9  1        0 / 1 "},
		{gcloud: "run jobs executions describe $x" + at, stdout: "1 task currently running\n"},
		{gcloud: "run jobs executions tasks list --execution=$x --running '--format=value(name)'" + at, stdout: "$x-task0\n"},
		{gcloud: "run jobs executions cancel $x" + at, stderr: "Cancelled execution [$x]."},
		{gcloud: "run jobs executions describe $x" + at, stdout: "X Execution $x in region europe-west9\n0 tasks completed successfully\n1 task cancelled\n"},
		{gcloud: "run jobs executions tasks list --execution=$x --cancelled" + at, stdout: "!  0      Cancelled  $x-task0 "},
		{gcloud: "run jobs executions tasks describe $x-task0" + at, stdout: "Running state:   Cancelled\n"},
		{gcloud: "run jobs executions cancel none" + at, exit: 1, stderr: "Execution [none] could not be found."},
	})
}

// gcloudDeletion deletes running executions and jobs.
func gcloudDeletion(t *testing.T, g *sdk) {
	const at = " --region=europe-north1"
	g.steps(t, []step{
		{gcloud: "run jobs create doomed --image=test-job --set-env-vars=SLEEP=10m --execute-now" + at,
			stderr: "Job [doomed] has successfully been created and started running execution [doomed-"},
		{gcloud: "run jobs executions list '--format=value(name)'" + at, keep: "x"},
		{gcloud: "run jobs execute doomed --async" + at, stderr: "is being started asynchronously."},
		{gcloud: "run jobs executions delete $x" + at, stderr: "Deleted execution [$x]."},
		{gcloud: "run jobs executions describe $x" + at, exit: 1, stderr: "Cannot find execution [$x]."},
		{gcloud: "run jobs delete doomed" + at, stderr: "Deleted job [doomed]."},
		{gcloud: "run jobs executions list" + at, none: true, stderr: "Listed 0 items."},
	})
}
