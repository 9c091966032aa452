// Package suggest finds the known name nearest to an unknown one. It is pure.
package suggest

import "strings"

// Unknown returns an error message about an unknown field. It suggests the nearest known
// field, if one is near, and lists all. The parameter what names the object that has the
// fields, such as "Container".
func Unknown(name, what string, known []string) string {
	text := "is not a field of " + what
	if near := Nearest(name, known); near != "" {
		text += ", did you mean " + near + "?"
	}
	if len(known) == 0 {
		return text
	}
	return text + " (its fields: " + strings.Join(known, ", ") + ")"
}

// Nearest returns the known name that differs least from name, ignoring case, hyphens and
// underscores, or "" if none is near: if a third of its letters would have to change.
func Nearest(name string, known []string) string {
	const longest = 80 // no name of ours is longer
	folded := fold(name)
	if len(folded) > longest {
		return ""
	}
	nearest, least := "", len(folded)
	for _, candidate := range known {
		target := fold(candidate)
		distance := Distance(folded, target)
		if distance < least && 3*distance <= max(len(folded), len(target)) {
			nearest, least = candidate, distance
		}
	}
	return nearest
}

func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// Distance returns how many letters must be inserted, removed, replaced or swapped with
// their neighbour to turn one name into another.
// See https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance.
func Distance(from, to string) int {
	a, b := []rune(from), []rune(to)
	var before []int // the row before previous
	previous := make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			changed := 1
			if a[i] == b[j] {
				changed = 0
			}
			row[j+1] = min(previous[j]+changed, previous[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, previous = previous, row
	}
	return previous[len(b)]
}
