package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/column"
)

// SumUsage implements [store.Usage].
func (s *Store) SumUsage(ctx context.Context, q store.UsageQuery) (sums []store.UsageSum, err error) {
	query, args := usageStatement(q)
	err = s.ask(ctx, "sum usage", func(t tx) (err error) {
		sums, err = all(t, scanSum, query, args...)
		return err
	})
	return sums, err
}

func scanSum(row pgx.Row) (u store.UsageSum, err error) {
	err = row.Scan(&u.Name, &u.Invocations, &u.Tasks, &u.Cost.VCPU, &u.Cost.Memory, &u.Cost.GPU, &u.Cost.Money)
	return u, err
}

// usageStatement returns the statement for a query.
func usageStatement(q store.UsageQuery) (query string, args []any) {
	name := map[store.UsageBy]string{store.ByJob: "u.job", store.ByCaller: "u.principal", store.ByDay: "u.day::text", store.ByLabel: "coalesce(l.value, '')"}[q.By]
	w := where{text: `usage AS u`}
	if q.By == store.ByLabel {
		w.text += ` LEFT JOIN usage_labels AS l ON l.usage = u.id AND l.month = u.month`
		w.and(`l.name =`, q.Label)
	}
	w.text += ` WHERE true`
	if q.Month != 0 {
		w.and(`u.month =`, q.Month)
	}
	if q.Job != "" {
		w.and(`u.job =`, q.Job)
	}
	if v := q.Visible; v != nil {
		w.text += ` AND (u.owner = ` + w.arg(column.Null(v.Owner)) + ` OR u.job = ANY(` + w.arg(v.Jobs) + `))`
	}
	return `SELECT * FROM (SELECT ` + name + ` AS name, ` + sum("u.invocations") + `, ` + sum("u.tasks") + `, ` +
		sum("u.vcpu") + `, ` + sum("u.memory") + `, ` + sum("u.gpu") + `, ` + sum("u.money") + ` FROM ` + w.text + `
		GROUP BY 1) AS found (name, invocations, tasks, vcpu, memory, gpu, money) ORDER BY name COLLATE "C"`, w.args
}
