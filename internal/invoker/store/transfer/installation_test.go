package transfer_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
	database "github.com/runwith/runwith/internal/sqlite"
)

func march() time.Time { return time.Date(2026, 3, 1, 10, 0, 0, 123456000, time.UTC) }

func budgets() ledger.Budgets {
	return ledger.Budgets{List: []ledger.Budget{{
		Name: "tenants", Scope: ledger.Scope{Label: "tenant"}, Each: true, Limit: ledger.Cost{VCPU: 100}, Overflow: ledger.Queueing,
	}}}
}

// installation fills a file with every kind of row.
type installation struct {
	*sqlite.Store
	t *testing.T
}

// newInstallation returns the path of a file with every kind of row.
func newInstallation(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "invoker.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	in := installation{s, t}
	in.queue()
	in.runs()
	in.outbox()
	in.triggers()
	in.limits()
	in.oddTexts()
	in.must(s.Close())
	return path
}

func (in installation) must(err error) {
	in.t.Helper()
	if err != nil {
		in.t.Fatal(err)
	}
}

func newcomer(id string) ledger.Record {
	return ledger.Record{
		Invocation: runwith.Invocation{ID: id, Job: "report", Caller: "docs", State: runwith.StateAccepted, Created: march(), Labels: map[string]string{"tenant": id, "empty": ""}},
		Version:    1, Owner: ledger.OwnerOf("docs"), Key: "key of " + id, Fingerprint: "f", Asked: []byte(`{"args":["a"]}`), Target: "projects/p/locations/l/jobs/report",
		Overrides: []byte{0, 1, 255}, Checked: true, JobUID: "uid", NotBefore: march(), Trace: "00-1-2-01", Keep: time.Hour, KeyKeep: 31 * 24 * time.Hour,
		Worst: ledger.Cost{VCPU: 60, Memory: 2, GPU: 3, Money: 4},
	}
}

func (in installation) accept(r ledger.Record) ledger.Record {
	in.t.Helper()
	accepted, err := in.Accept(in.t.Context(), r, ledger.Admission{Now: march(), Budgets: budgets()})
	in.must(err)
	return accepted.Record
}

func (in installation) move(from, to ledger.Record) ledger.Record {
	in.t.Helper()
	moved, err := in.Move(in.t.Context(), ledger.Move{From: from, To: to})
	in.must(err)
	return moved
}

// queue adds invocations that wait: for their turn, a slot, a check, a time and a budget.
func (in installation) queue() {
	in.accept(newcomer("ready"))
	for n := range 2 {
		r := newcomer(fmt.Sprint("slot-", n))
		r.Slot, r.SlotLimit = "key", 1
		in.accept(r)
	}
	unchecked := newcomer("unchecked")
	unchecked.Checked, unchecked.Overrides, unchecked.Key = false, nil, ""
	in.accept(unchecked)
	later := newcomer("later")
	later.StartAt = march().AddDate(0, 1, 0)
	in.accept(later)
	for n := range 2 {
		r := newcomer(fmt.Sprint("budget-", n))
		r.Labels = map[string]string{"tenant": "acme"}
		in.accept(r)
	}
	in.move(in.accept(newcomer("cancelled")), newcomer("cancelled").Cancelled(march(), &runwith.Failure{Code: "CANCELLED", Message: "why"}))
}

// runs adds invocations that run, have ended in each way, and are settled.
func (in installation) runs() {
	ctx := in.t.Context()
	for _, id := range []string{"running", "searched", "unresolved", "failed", "settled"} {
		r := newcomer(id)
		r.Subscribers = []ledger.Subscriber{{Endpoint: "docs", Events: ledger.Events()}, {Endpoint: "request", URL: "https://a.example/hook", Events: ledger.Events()}}
		r.Source = &runwith.Source{Trigger: "uploads", Event: id}
		r.RerunOf = "ready"
		r = in.accept(r)
		r = in.move(r, r.Starting(march().Add(time.Minute)))
		if id == "searched" {
			in.move(r, r.Unknown(time.Minute))
			continue
		}
		r = in.move(r, r.Adopted("execution of "+id, ledger.Status{UID: "uid of " + id, State: runwith.StateRunning, Started: march(), Counts: runwith.Counts{Tasks: 3, Running: 2}}))
		switch id {
		case "running":
			r.CancelRequested = march().Add(time.Second)
			in.move(r, r)
		case "unresolved":
			in.move(r, r.Gone(runwith.Errorf(runwith.NotFound, "gone")))
		case "failed":
			in.move(r, r.Observed(ledger.Status{State: runwith.StateFailed, Finished: march(), Error: &runwith.Failure{Code: "UNKNOWN", Message: "m"}}, march()))
			in.must(in.Explain(ctx, id, runwith.Failure{Code: "INTERNAL", Message: "why", Task: new(0), ExitCode: 3, Stderr: []string{"a"}}))
		case "settled":
			r = in.move(r, r.Observed(ledger.Status{State: runwith.StateSucceeded, Finished: march()}, march()))
			_, err := in.Settle(ctx, []ledger.Settlement{{Record: r, Tasks: 3, Cost: ledger.Cost{VCPU: 7, Memory: 8, GPU: 9, Money: 10}, Usage: runwith.Usage{VCPUSeconds: 0.007}}}, budgets())
			in.must(err)
		}
	}
	_, err := in.AddTwin(ctx, store.Twin{Execution: "twin", Invocation: "running", Found: march()})
	in.must(err)
}

// outbox attempts deliveries, and disables an endpoint.
func (in installation) outbox() {
	ctx := in.t.Context()
	due, _, err := in.DueDeliveries(ctx, march().AddDate(1, 0, 0), time.Minute, 9, 9)
	in.must(err)
	due[0].Attempts, due[0].LastStatus, due[0].LastError = 1, 500, "no"
	due[1].State, due[1].Ended = ledger.DeliveryDelivered, march()
	in.must(in.SettleDeliveries(ctx, due[:2]))
	in.must(in.SaveEndpoint(ctx, ledger.Endpoint{Name: "docs", FailingSince: march(), DisabledAt: march().Add(time.Hour), Reason: "fails"}))
}

// triggers adds refused events, and schedules.
func (in installation) triggers() {
	ctx := in.t.Context()
	for n, body := range []string{"{}", ""} {
		_, _, err := in.AddEvent(ctx, ledger.RefusedEvent{
			ID: fmt.Sprint("event-", n), Trigger: "uploads", Job: "report", Event: fmt.Sprint(n), Caller: "eventarc", Received: march(), Code: "INVALID_ARGUMENT", Message: "m",
			ContentType: "application/json", Header: map[string]string{"Ce-Id": "1"}, Body: []byte(body), Size: 2,
		})
		in.must(err)
	}
	in.must(in.SettleEvent(ctx, "event-1", "ready", march()))
	_, err := in.SaveSchedules(ctx, []ledger.Schedule{
		{Name: "nightly", Timing: "@daily UTC", Cursor: march()},
		{Name: "made", Spec: []byte(`{"cron":"@hourly"}`), Timing: "@hourly UTC", Paused: true, Cursor: march(), Last: ledger.SlotOutcome{Slot: march(), Result: ledger.SlotStarted}, Counts: ledger.SlotCounts{Started: 1}},
	})
	in.must(err)
}

// limits spends tokens, and pauses a bucket.
func (in installation) limits() {
	_, _, err := in.Spend(in.t.Context(), "runs", 60, march())
	in.must(err)
	_, err = in.Pause(in.t.Context(), "runs", march(), time.Minute)
	in.must(err)
}

// oddTexts writes texts that PostgreSQL takes, and some that it does not.
func (in installation) oddTexts() {
	in.must(in.DB().Write(in.t.Context(), func(tx *database.Tx) error {
		for id, text := range map[string]string{"ready": "tab\t, line\n, backslash \\N, and \u00fc\U0001F600", "later": "zero \x00", "failed": "no UTF-8 \xff"} {
			if _, err := tx.Exec(`UPDATE invocations SET error_code = 'UNKNOWN', error_message = ? WHERE id = ?`, text, id); err != nil {
				return err
			}
		}
		return nil
	}))
}
