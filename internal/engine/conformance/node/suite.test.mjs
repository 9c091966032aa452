// Google's Node client, over gRPC and over HTTP, against the engine at RUNWITH_ADDR
// (HOST:PORT). Run by node --test.
import assert from 'node:assert/strict';
import {after, describe, test} from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';

import grpc from '@grpc/grpc-js';
import {ExecutionsClient, JobsClient, TasksClient} from '@google-cloud/run';
import {PassThroughClient} from 'google-auth-library';

const address = process.env.RUNWITH_ADDR;
const [host, port] = address.split(':');
const region = 'us-east4';
const elsewhere = 'europe-west9';
const location = where => `projects/demo/locations/${where}`;

// Codes of google.rpc in errors.
const NOT_FOUND = 5;

const transports = {
  gRPC: () => ({apiEndpoint: host, port: Number(port), sslCreds: grpc.credentials.createInsecure(), authClient: new PassThroughClient()}),
  HTTP: () => ({apiEndpoint: host, port: Number(port), protocol: 'http', fallback: true, authClient: new PassThroughClient()}),
};

for (const [name, options] of Object.entries(transports)) {
  describe(name, () => {
    const jobs = new JobsClient(options());
    const executions = new ExecutionsClient(options());
    const tasks = new TasksClient(options());
    after(() => Promise.all([jobs, executions, tasks].map(client => client.close())));

    const id = job => `${name.toLowerCase()}-${job}`;
    const nameOf = (job, where = region) => `${location(where)}/jobs/${id(job)}`;

    async function create(job, {script, args = [], taskCount = 1, maxRetries = 0, timeout = 600, where = region}) {
      const [operation] = await jobs.createJob({
        parent: location(where),
        jobId: id(job),
        job: {
          template: {
            taskCount,
            template: {
              maxRetries,
              timeout: {seconds: timeout},
              containers: [{image: 'any', command: ['sh', '-c', script, 'sh'], args}],
            },
          },
        },
      });
      const [created] = await operation.promise();
      assert.equal(created.name, nameOf(job, where));
    }

    // start returns the execution's name.
    async function start(job, overrides) {
      const [operation] = await jobs.runJob({name: nameOf(job), overrides});
      return operation.metadata.name;
    }

    async function end(execution) {
      for (;;) {
        const [x] = await executions.getExecution({name: execution});
        if (x.completionTime) return x;
        await sleep(20);
      }
    }

    const run = async (job, overrides) => end(await start(job, overrides));

    const counts = x => ({succeeded: x.succeededCount, failed: x.failedCount, cancelled: x.cancelledCount, retried: x.retriedCount});

    async function output(execution) {
      const answer = await fetch(`http://${address}/v2/entries:list`, {
        method: 'POST',
        headers: {'Content-Type': 'application/json'},
        body: JSON.stringify({
          resourceNames: ['projects/demo'],
          filter: `labels."run.googleapis.com/execution_name"="${execution.split('/').at(-1)}" AND logName:"run.googleapis.com%2Fstd"`,
        }),
      });
      assert.equal(answer.status, 200);
      const {entries = []} = await answer.json();
      return entries.map(entry => entry.textPayload);
    }

    test('from creation to deletion', async () => {
      await create('life', {script: 'true', args: ['a', 'b'], taskCount: 2});
      const [job] = await jobs.getJob({name: nameOf('life')});
      assert.deepEqual(job.template.template.containers[0].args, ['a', 'b']);
      const [listed] = await jobs.listJobs({parent: location(region)});
      assert.ok(listed.some(one => one.name === nameOf('life')));
      const x = await run('life');
      assert.deepEqual(counts(x), {succeeded: 2, failed: 0, cancelled: 0, retried: 0});
      const [all] = await executions.listExecutions({parent: nameOf('life')});
      assert.deepEqual(all.map(one => one.name), [x.name]);
      const [ended] = await tasks.listTasks({parent: x.name});
      assert.deepEqual(ended.map(task => task.index), [0, 1]);
      await jobs.deleteJob({name: nameOf('life')});
      await assert.rejects(jobs.getJob({name: nameOf('life')}), error => missing(error));
    });

    test('overrides', async () => {
      await create('overridden', {script: 'echo "$GREETING: $* of $CLOUD_RUN_TASK_COUNT"', args: ['kept']});
      const x = await run('overridden', {
        containerOverrides: [{args: ['one', 'two'], env: [{name: 'GREETING', value: 'HELLO'}]}],
        taskCount: 2,
        timeout: {seconds: 30},
      });
      assert.deepEqual(counts(x), {succeeded: 2, failed: 0, cancelled: 0, retried: 0});
      assert.deepEqual(await output(x.name), ['HELLO: one two of 2', 'HELLO: one two of 2']);
      const [job] = await jobs.getJob({name: nameOf('overridden')});
      assert.deepEqual(job.template.template.containers[0].args, ['kept']);
    });

    test('fields that Cloud Run fills in', async () => {
      const [operation] = await jobs.createJob({
        parent: location(region),
        jobId: id('filled'),
        job: {template: {taskCount: 3, template: {containers: [{image: 'any', command: ['true']}]}}},
      });
      assert.equal(operation.latestResponse.done, false);
      assert.equal(operation.metadata.reconciling, true);
      const [created] = await operation.promise();
      assert.equal(created.reconciling, false);
      const [job] = await jobs.getJob({name: nameOf('filled')});
      assert.equal(job.latestCreatedExecution.name, '');
      assert.equal(job.latestCreatedExecution.completionTime, null);
      assert.match(job.template.template.serviceAccount, /^[0-9]+-compute@developer\.gserviceaccount\.com$/);
      assert.equal(job.creator, job.template.template.serviceAccount);
      assert.equal(job.terminalCondition.type, 'Ready');
      assert.equal(job.createTime.nanos % 1000, 0);
      const x = await run('filled');
      assert.equal(x.parallelism, 3);
      assert.equal(x.taskCount, 3);
      assert.equal(x.conditions[0].type, 'Completed');
      const [ran] = await jobs.getJob({name: nameOf('filled')});
      assert.equal(ran.latestCreatedExecution.name, x.name);
    });

    test('failure', async () => {
      await create('failing', {script: 'exit 3'});
      const x = await run('failing');
      assert.deepEqual(counts(x), {succeeded: 0, failed: 1, cancelled: 0, retried: 0});
      const [task] = await tasks.getTask({name: `${x.name}/tasks/${x.name.split('/').at(-1)}-task0`});
      assert.equal(task.lastAttemptResult.exitCode, 3);
    });

    test('timeout', async () => {
      await create('slow', {script: 'exec sleep 100', timeout: 1});
      const x = await run('slow');
      assert.deepEqual(counts(x), {succeeded: 0, failed: 1, cancelled: 0, retried: 0});
      const [[task]] = await tasks.listTasks({parent: x.name});
      assert.equal(task.lastAttemptResult.status.message, 'The configured timeout was reached.');
    });

    test('cancel', async () => {
      await create('endless', {script: 'exec sleep 100'});
      const execution = await start('endless');
      await executions.cancelExecution({name: execution});
      assert.deepEqual(counts(await end(execution)), {succeeded: 0, failed: 0, cancelled: 1, retried: 0});
    });

    test('retries', async () => {
      await create('stubborn', {script: 'test "$CLOUD_RUN_TASK_ATTEMPT" = 1', maxRetries: 1});
      assert.deepEqual(counts(await run('stubborn')), {succeeded: 1, failed: 0, cancelled: 0, retried: 1});
    });

    test('logs', async () => {
      await create('talking', {script: 'echo out; printf last'});
      const x = await run('talking');
      assert.deepEqual(await output(x.name), ['out', 'last']);
    });

    test('two regions', async () => {
      await create('twin', {script: 'true', args: [region]});
      await create('twin', {script: 'true', args: [elsewhere], where: elsewhere});
      for (const where of [region, elsewhere]) {
        const [job] = await jobs.getJob({name: nameOf('twin', where)});
        assert.deepEqual(job.template.template.containers[0].args, [where]);
      }
      const [listed] = await jobs.listJobs({parent: location(elsewhere)});
      assert.ok(listed.every(job => job.name.startsWith(location(elsewhere))));
    });
  });
}

// missing reports whether an error means that something does not exist, by the code of gRPC or
// of HTTP.
const missing = error => error.code === NOT_FOUND || error.code === 404;
