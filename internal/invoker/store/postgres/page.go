package postgres

import (
	"fmt"
	"strings"
)

// page is a query for the newest rows of a table. It reads ranges of an index, each in the order of
// the page. So it costs as much as the page has rows, however many rows the table has.
//
// A plain comparison of a column, b = y, would let PostgreSQL conclude that it need not sort by b.
// Then the primary key has the order of the page too, and PostgreSQL may read it backwards, in the
// hope of meeting the wanted rows soon. It concludes nothing from an array or a row. So the query
// compares the first column of a range with an array, and the last one together with the key, as a
// row: (b, key) < (y, z).
//
// One row of all columns would be slow: until version 17, PostgreSQL stops at the end of a range
// only if the first column of the row differs.
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
	row, before, after := "("+column+p.key+")", "("+value+p.before+")", "("+value+p.after+")"
	each := `SELECT ` + p.key + ` AS key FROM ` + p.table +
		` WHERE ` + equal.String() + row + ` < ` + before + ` AND ` + row + ` > ` + after + ` AND ` + p.String() +
		` ORDER BY ` + order + p.key + ` DESC LIMIT ` + p.bound
	return `SELECT rows.key FROM ` + from.String() + ` LATERAL (` + each + `) AS rows ORDER BY rows.key DESC LIMIT ` + p.bound
}

// rows returns the query for the rows, newest first. It begins with a selection from the table.
func (p *page) rows(selects string) string {
	return selects + ` WHERE ` + p.key + ` = ANY (ARRAY(` + p.keys() + `)) ORDER BY ` + p.key + ` DESC`
}
