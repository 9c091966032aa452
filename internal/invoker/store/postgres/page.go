package postgres

import (
	"fmt"
	"strings"
)

// page is a query for the newest rows of a table. It reads each of its ranges in an index in the
// order of the page, so it costs as much as the page has rows, however many rows there are.
//
// The ranges are compared as rows, (a, b, key) < (x, y, z), instead of a = x AND b = y AND key < z,
// and sorted by all columns. Then no other index has the order of the page. PostgreSQL would
// otherwise like to read the primary key backwards, and hope to meet the wanted rows soon.
type page struct {
	conditions
	table, key string
	// ranges are the columns of the index before the key.
	ranges []prefix
	// after and before are the bounds of the key, as expressions.
	after, before string
	limit         int
}

// prefix is a column whose values the ranges of a page have.
type prefix struct {
	name   string
	values string // an item of FROM
}

// eachOf adds the ranges of some values of a column.
func (p *page) eachOf(name string, texts ...string) {
	p.ranges = append(p.ranges, prefix{name, "unnest(" + p.arg(texts) + "::text[])"})
}

// eachFound adds the ranges of the values that a query finds.
func (p *page) eachFound(name, query string) {
	p.ranges = append(p.ranges, prefix{name, "(" + query + ")"})
}

// keys returns the query for the keys of the rows.
func (p *page) keys() string {
	var from, columns, bounds, order strings.Builder
	for i, r := range p.ranges {
		fmt.Fprintf(&from, "%s AS range%d (value), ", r.values, i)
		fmt.Fprintf(&columns, "%s, ", r.name)
		fmt.Fprintf(&bounds, "range%d.value, ", i)
		fmt.Fprintf(&order, "%s DESC, ", r.name)
	}
	limit := p.arg(p.limit)
	return fmt.Sprintf(`SELECT rows.key FROM %[1]s LATERAL (
		SELECT %[2]s AS key FROM %[3]s WHERE (%[4]s%[2]s) < (%[5]s%[6]s) AND (%[4]s%[2]s) > (%[5]s%[7]s) AND %[8]s
		ORDER BY %[9]s%[2]s DESC LIMIT %[10]s) AS rows ORDER BY rows.key DESC LIMIT %[10]s`,
		from.String(), p.key, p.table, columns.String(), bounds.String(), p.before, p.after, p.String(), order.String(), limit)
}

// rows returns the query for the rows, newest first. It begins with a selection from the table.
func (p *page) rows(selects string) string {
	return selects + ` WHERE ` + p.key + ` = ANY (ARRAY(` + p.keys() + `)) ORDER BY ` + p.key + ` DESC`
}
