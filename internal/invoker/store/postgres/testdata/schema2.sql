-- An invocation with a label in schema 2: pg_dump --data-only --column-inserts
INSERT INTO invocations (id, job, target, state, version, principal, owner, key, key_keep, fingerprint, slot,
slot_limit, parked, keep, created, labels, subscribers, trace, request, start_at, source, source_event, rerun_of,
usage, asleep, budget, woken, overrides, checked, job_uid, not_before, lease_until, postponed, search_from,
watch_until, cancel_at, watched, execution, execution_uid, operation, attempts, started, finished, tasks, running,
succeeded, failed, cancelled, retried, interrupted, error_code, error_message, error_detail, month, worst_vcpu,
worst_memory, worst_gpu, worst_money, history) VALUES ('id-000', 'report', 'report', 'succeeded', 1, '', 'me', NULL, 0,
'', '', 0, false, 0, '2026-03-01T10:00:00Z', '{"team":"a"}', '', '', '{}', 'epoch', '', '', '', '', false, '', false,
'\x', true, '', '2026-03-01T10:00:00Z', 'epoch', 0, 'epoch', 'epoch', 'epoch', false, NULL, '', '', 0, 'epoch',
'2026-03-01T10:00:00Z', 0, 0, 0, 0, 0, 0, 0, '', '', '', 0, 0, 0, 0, 0, '');
INSERT INTO labels (owner, name, value, invocation, month) VALUES ('me', 'team', 'a', 'id-000', 0);
