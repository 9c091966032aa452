package console

import (
	"html/template"
	"slices"
	"strconv"
	"strings"

	"github.com/runwith/runwith"
)

const (
	// gridRow is how many tasks are in a list of the grid. A browser draws the lists that are in sight.
	gridRow = 100
	// gridBlock is how many tasks an item of such a list has at most. Lines break between items.
	gridBlock = 10
)

// cellsOf draws tasks that are sorted by index. Neighbours in the same state are one item: a browser
// needs long for 10,000 of them.
func cellsOf(tasks []runwith.Task) template.HTML {
	var b strings.Builder
	for row := range slices.Chunk(tasks, gridRow) {
		b.WriteString("<ol>")
		for block := range slices.Chunk(row, gridBlock) {
			for len(block) > 0 {
				n := alike(block)
				writeItem(&b, block[:n])
				block = block[n:]
			}
		}
		b.WriteString("</ol>")
	}
	return template.HTML(b.String())
}

// alike returns how many of the first tasks are in the same state, without a gap between them.
func alike(tasks []runwith.Task) int {
	for n, t := range tasks[1:] {
		if t.State != tasks[0].State || t.Index != tasks[n].Index+1 {
			return n + 1
		}
	}
	return len(tasks)
}

// writeItem writes the item of tasks in the same state.
func writeItem(b *strings.Builder, tasks []runwith.Task) {
	first := tasks[0]
	b.WriteString("<li" + itemClass(first.State, len(tasks)) + ">" + strconv.Itoa(first.Index))
	if n := len(tasks); n > 1 {
		b.WriteString("–" + strconv.Itoa(tasks[n-1].Index))
	}
	b.WriteString(" " + string(first.State))
}

// itemClass is the attribute with the classes of an item, after a space: the letter of the state, and
// the number of cells. A succeeded task alone has none. The stylesheet has the shape of each.
func itemClass(s runwith.TaskState, cells int) string {
	var classes []string
	switch s {
	case runwith.TaskSucceeded:
	case runwith.TaskFailed:
		classes = append(classes, "f")
	case runwith.TaskRunning:
		classes = append(classes, "r")
	case runwith.TaskCancelled:
		classes = append(classes, "c")
	default:
		classes = append(classes, "p")
	}
	if cells > 1 {
		classes = append(classes, "w"+strconv.Itoa(cells))
	}
	switch len(classes) {
	case 0:
		return ""
	case 1:
		return " class=" + classes[0]
	}
	return ` class="` + strings.Join(classes, " ") + `"`
}
