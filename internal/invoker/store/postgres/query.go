package postgres

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// isOutstanding has the states of invocations that have not ended.
const isOutstanding = `state IN ('accepted', 'queued', 'starting', 'running', 'unresolved')`

// earliest reads a time. It is zero if there is none.
func earliest(t tx, sql string, args ...any) (at time.Time, err error) {
	err = t.row(sql, args...).Scan((*moment)(&at))
	return at, err
}

// distinct is the query for the values of a column in some rows. It skips from one to the next in
// an index that begins with the column. PostgreSQL may find a min in all rows, if it expects few.
func distinct(table, column, where string) string {
	return fmt.Sprintf(`WITH RECURSIVE found (value) AS (
			SELECT (SELECT %[2]s FROM %[1]s WHERE %[3]s ORDER BY %[2]s LIMIT 1)
			UNION ALL
			SELECT (SELECT %[2]s FROM %[1]s WHERE %[3]s AND %[2]s > found.value ORDER BY %[2]s LIMIT 1) FROM found WHERE found.value IS NOT NULL
		) SELECT value FROM found WHERE value IS NOT NULL`, table, column, where)
}

// conditions are the conditions of a statement and their arguments.
type conditions struct {
	where []string
	args  []any
}

// arg adds an argument, and returns its place in the statement.
func (c *conditions) arg(value any) string {
	c.args = append(c.args, value)
	return "$" + strconv.Itoa(len(c.args))
}

// add adds a condition on a value, which stands for its %s, if it applies.
func (c *conditions) add(sql string, value any, applies bool) {
	if applies {
		c.where = append(c.where, fmt.Sprintf(sql, c.arg(value)))
	}
}

// only adds a condition without an argument, if it applies.
func (c *conditions) only(sql string, applies bool) {
	if applies {
		c.where = append(c.where, sql)
	}
}

func (c *conditions) String() string {
	if len(c.where) == 0 {
		return "true"
	}
	return strings.Join(c.where, " AND ")
}
