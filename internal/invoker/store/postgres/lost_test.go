//go:build unix

package postgres

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
	"github.com/runwith/runwith/internal/testneed"
)

// line is the network between a store and PostgreSQL. It breaks once, when something is sent.
type line struct {
	when     atomic.Pointer[string] // it breaks when these bytes are sent; nil: it does not break
	answered bool                   // it breaks when PostgreSQL has answered
	forGood  bool                   // nobody connects again
	broken   atomic.Bool
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if l.forGood && l.broken.Load() {
		return nil, io.ErrClosedPipe
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return &lossy{Conn: conn, line: l}, err
}

type lossy struct {
	net.Conn
	line *line
	last atomic.Bool // the next answer is lost
}

func (c *lossy) Write(text []byte) (int, error) {
	if when := c.line.when.Load(); when != nil && bytes.Contains(text, []byte(*when)) && c.line.when.CompareAndSwap(when, nil) {
		c.line.broken.Store(true)
		if !c.line.answered {
			return 0, c.Close()
		}
		c.last.Store(true)
	}
	return c.Conn.Write(text)
}

func (c *lossy) Read(text []byte) (int, error) {
	n, err := c.Conn.Read(text)
	if c.last.Load() {
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// TestAcceptLosesItsConnection breaks the connection before and after the commit of an acceptance.
// Its answer must be true either way.
func TestAcceptLosesItsConnection(t *testing.T) {
	t.Parallel()
	keyed, bounded := storetest.Waiting(1), slotted(1)
	keyed.Key = "key"
	const commit = "commit\x00"
	for name, test := range map[string]struct {
		record    ledger.Record
		admission ledger.Admission
		commit    string // bytes that are sent to commit
		others    int    // in the same batch
	}{
		"plain":               {storetest.Waiting(1), ledger.Admission{}, storetest.Waiting(1).ID, 0},
		"with a key":          {keyed, ledger.Admission{}, keyed.ID, 0},
		"with the only slot":  {bounded, ledger.Admission{Overflow: ledger.Rejecting}, commit, 0},
		"with the only token": {keyed, ledger.Admission{Rates: []ledger.RateLimit{{Name: "caller", Quota: 1}}}, commit, 0},
		"a batch":             {keyed, ledger.Admission{}, commit, 3},
	} {
		for _, answered := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, answered %t", name, answered), func(t *testing.T) {
				t.Parallel()
				l := &line{answered: answered}
				s := openBare(t, newDatabase(t), func(c *pgx.ConnConfig) { c.DialFunc = l.dial })
				test.admission.Now = at
				l.when.Store(&test.commit)
				results := []store.AcceptedOrError{{}}
				var err error
				if test.others == 0 {
					results[0].Accepted, err = s.Accept(t.Context(), test.record, test.admission)
				} else {
					results, err = s.AcceptEach(t.Context(), batchOf(test.record, test.others, test.admission))
				}
				if err != nil || !l.broken.Load() {
					t.Fatalf("accept = %v, broken %t", err, l.broken.Load())
				}
				for _, one := range results {
					if one.Err != nil || one.Replayed {
						t.Errorf("%s: replayed %t, %v, want it accepted", one.Record.ID, one.Replayed, one.Err)
					}
				}
				if n := count(t, s, `SELECT count(*) FROM invocations`); n != 1+test.others {
					t.Errorf("%d rows, want %d", n, 1+test.others)
				}
			})
		}
	}
}

// batchOf returns newcomers. The first one is r.
func batchOf(r ledger.Record, others int, a ledger.Admission) []store.Newcomer {
	all := []store.Newcomer{{Record: r, Admission: a}}
	for n := range others {
		all = append(all, store.Newcomer{Record: storetest.Waiting(10 + n), Admission: a})
	}
	return all
}

// TestAcceptIsUncertain breaks the connection for good.
func TestAcceptIsUncertain(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	l := &line{answered: true, forGood: true}
	s := openBare(t, newDatabase(t), func(c *pgx.ConnConfig) { c.DialFunc = l.dial })
	r := storetest.Waiting(1)
	l.when.Store(&r.ID)
	_, err := s.Accept(t.Context(), r, ledger.Admission{Now: at})
	if runwith.CodeOf(err) != runwith.Unavailable || !strings.Contains(err.Error(), "unknown whether "+r.ID) {
		t.Errorf("Accept = %v, want UNAVAILABLE, and that it is unknown whether it counts", err)
	}
}
