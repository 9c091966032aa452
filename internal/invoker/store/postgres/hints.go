package postgres

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/bell"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Changes reach the subscribers of other processes in two ways. NOTIFY is a hint that arrives at
// once, and may be lost. A look at the versions of the invocations that somebody subscribed to is
// the truth, once a second.
//
// A hint is not sent in the transaction of its change: PostgreSQL lets one transaction with a
// NOTIFY commit at a time. A goroutine sends the hints of some milliseconds together.
const (
	channel = "runwith_changes"
	// hintEvery is the pause between two hints.
	hintEvery = 20 * time.Millisecond
	// lookEvery is how often the versions are read.
	lookEvery = time.Second
	// hintSize is how many IDs a hint has at most: its payload has less than 8,000 bytes.
	hintSize = 200
	// sendHint sends a hint. Nothing is lost that matters if the database crashes after it.
	sendHint = `SELECT pg_notify('` + channel + `', $1) FROM set_config('synchronous_commit', 'off', true)`
)

// hints are the changes of this process that others do not know.
type hints struct {
	bell bell.Bell
	mu   sync.Mutex
	ids  map[string]struct{}
}

func newHints() *hints { return &hints{bell: bell.New(), ids: map[string]struct{}{}} }

func (h *hints) add(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ids[id] = struct{}{}
	h.bell.Ring()
}

// take returns some changes, and whether there are more.
func (h *hints) take() (ids []string, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.ids {
		if len(ids) == hintSize {
			return ids, true
		}
		ids = append(ids, id)
		delete(h.ids, id)
	}
	return ids, false
}

// publish wakes the subscribers of records, here and elsewhere.
func (s *Store) publish(changed []ledger.Record) {
	for _, r := range changed {
		s.publishID(r.ID)
		if r.Told() {
			s.added.Ring()
		}
	}
}

func (s *Store) publishID(id string) {
	s.changed.Publish(id)
	s.hints.add(id)
}

// send sends hints until ctx is done.
func (s *Store) send(ctx context.Context) {
	for more := false; ctx.Err() == nil; {
		if !more {
			select {
			case <-s.hints.bell:
			case <-ctx.Done():
				return
			}
		}
		var ids []string
		if ids, more = s.hints.take(); len(ids) > 0 {
			_, _ = s.pool.Exec(ctx, sendHint, s.holder+" "+strings.Join(ids, " ")) // a look finds what is lost
		}
		_ = backoff.Sleep(ctx, hintEvery)
	}
}

// listen receives the hints of others until ctx is done.
func (s *Store) listen(ctx context.Context) {
	for pause := (backoff.Backoff{Min: hintEvery, Max: 10 * time.Second}); ctx.Err() == nil; {
		began := time.Now()
		if err := s.receive(ctx); err != nil && ctx.Err() == nil {
			s.logger.Warn("hints of other processes do not arrive, so changes are seen within a second", "error", shown(err))
		}
		if time.Since(began) > time.Minute {
			pause.Reset()
		}
		_ = backoff.Sleep(ctx, pause.Next())
	}
}

// receive listens on a connection of its own, and checks now and then that it still lives.
func (s *Store) receive(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return err
	}
	s.hears.Store(true)
	defer s.hears.Store(false)
	for {
		quiet, cancel := context.WithTimeout(ctx, time.Minute)
		n, err := conn.WaitForNotification(quiet)
		silent := quiet.Err() != nil
		cancel()
		switch {
		case err == nil:
			s.hinted(n.Payload)
		case ctx.Err() != nil || !silent:
			return err
		default:
			if err := ping(ctx, conn); err != nil {
				return err
			}
		}
	}
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	return conn.Ping(ctx)
}

// hinted wakes the subscribers of the changes in a hint of another process.
func (s *Store) hinted(payload string) {
	holder, ids, _ := strings.Cut(payload, " ")
	if holder == s.holder {
		return
	}
	for id := range strings.FieldsSeq(ids) {
		s.changed.Publish(id)
	}
}

// look wakes subscribers of invocations whose version has changed, until ctx is done.
func (s *Store) look(ctx context.Context) {
	known := map[string]int64{}
	for backoff.Sleep(ctx, lookEvery) == nil {
		ids := s.changed.Keys()
		if len(ids) == 0 {
			clear(known)
			continue
		}
		now, err := s.versions(ctx, ids)
		if err != nil {
			continue // the next look finds it
		}
		for id, version := range now {
			if before, seen := known[id]; !seen || before != version { // it may have changed before the first look
				s.changed.Publish(id)
			}
		}
		for id := range maps.Keys(known) {
			if _, there := now[id]; !there && slices.Contains(ids, id) {
				s.changed.Publish(id) // it was withdrawn
			}
		}
		known = now
	}
}

// versions reads the versions of invocations.
func (s *Store) versions(ctx context.Context, ids []string) (map[string]int64, error) {
	found := map[string]int64{}
	err := s.read(ctx, "look for changes", func(t tx) error {
		clear(found)
		rows, err := t.Query(t.ctx, `SELECT id, version FROM invocations WHERE id = ANY($1)`, ids)
		if err != nil {
			return err
		}
		var (
			id      string
			version int64
		)
		_, err = pgx.ForEachRow(rows, []any{&id, &version}, func() error {
			found[id] = version
			return nil
		})
		return err
	})
	return found, err
}
