package postgres

import (
	"fmt"
	"strings"
)

// page is a query for the newest rows of a table. It reads each of its ranges in an index in the
// order of the page, so it costs as much as the page has rows, however many rows there are.
//
// No other index may have the order of the page: PostgreSQL would like to read the primary key
// backwards, and hope to meet the wanted rows soon. So the last column of the ranges is compared with
// the key as a row, (b, key) < (y, z), and the first one with an array. PostgreSQL does not conclude
// from these, as from b = y, that it need not sort by the column. One row of all columns would not do:
// until version 17, PostgreSQL stops at the end of a range only if the first column of the row differs.
type page struct {
	conditions
	table, key string
	// ranges are the columns of the index before the key.
	ranges []prefix
	// after and before are the bounds of the key, as expressions.
	after, before string
	// bound is the most rows, as an expression.
	bound string
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

// value is the value of a range, as an expression.
func (p *page) value(i int) string { return fmt.Sprintf("range%d.value", i) }

// keys returns the query for the keys of the rows.
func (p *page) keys() string {
	var from, equal strings.Builder
	column, value, order := "", "", ""
	for i, r := range p.ranges {
		fmt.Fprintf(&from, "LATERAL %s AS range%d (value), ", r.values, i)
		switch {
		case i == len(p.ranges)-1:
			column, value, order = r.name+", ", p.value(i)+", ", order+r.name+" DESC, "
		case i == 0:
			fmt.Fprintf(&equal, "%s = ANY (ARRAY[%s]) AND ", r.name, p.value(i))
			order = r.name + " DESC, "
		default:
			fmt.Fprintf(&equal, "%s = %s AND ", r.name, p.value(i))
		}
	}
	return fmt.Sprintf(`SELECT rows.key FROM %[1]s LATERAL (
		SELECT %[2]s AS key FROM %[3]s WHERE %[4]s(%[5]s%[2]s) < (%[6]s%[7]s) AND (%[5]s%[2]s) > (%[6]s%[8]s) AND %[9]s
		ORDER BY %[10]s%[2]s DESC LIMIT %[11]s) AS rows ORDER BY rows.key DESC LIMIT %[11]s`,
		from.String(), p.key, p.table, equal.String(), column, value, p.before, p.after, p.String(), order, p.bound)
}

// rows returns the query for the rows, newest first. It begins with a selection from the table.
func (p *page) rows(selects string) string {
	return selects + ` WHERE ` + p.key + ` = ANY (ARRAY(` + p.keys() + `)) ORDER BY ` + p.key + ` DESC`
}
