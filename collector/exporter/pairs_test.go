package exporter_test

import (
	"math/rand/v2"
	"testing"
)

// pairwise makes rows of one value (an index) for each of some factors, given how many
// values each has, so that every two values of any two factors come together in at least
// one row. Each row is the best of some made greedily, which gets by with hardly more rows
// than the two largest factors need.
func pairwise(values []int, random *rand.Rand) [][]int {
	type pair struct{ f, v, g, w int } // f < g
	left := make(map[pair]bool)
	var order []pair // of the map's keys, so that every run makes the same rows
	for f := range values {
		for g := f + 1; g < len(values); g++ {
			for v := range values[f] {
				for w := range values[g] {
					order = append(order, pair{f, v, g, w})
					left[order[len(order)-1]] = true
				}
			}
		}
	}
	of := func(f, v, g, w int) pair {
		if f < g {
			return pair{f, v, g, w}
		}
		return pair{g, w, f, v}
	}
	// gain is how many pairs are new that a value makes with those chosen.
	gain := func(row []int, f, v int) (n int) {
		for g, w := range row {
			if w >= 0 && g != f && left[of(f, v, g, w)] {
				n++
			}
		}
		return n
	}
	candidate := func(first pair) (row []int, total int) {
		row = make([]int, len(values))
		for f := range row {
			row[f] = -1
		}
		row[first.f], row[first.g], total = first.v, first.w, 1
		for _, f := range random.Perm(len(values)) {
			if row[f] >= 0 {
				continue
			}
			best, most := 0, -1
			for _, v := range random.Perm(values[f]) {
				if n := gain(row, f, v); n > most {
					best, most = v, n
				}
			}
			row[f] = best
			total += most
		}
		return row, total
	}
	var rows [][]int
	for len(left) > 0 {
		var open []pair
		for _, p := range order {
			if left[p] {
				open = append(open, p)
			}
		}
		var best []int
		most := 0
		for range 50 {
			if row, n := candidate(open[random.IntN(len(open))]); n > most {
				best, most = row, n
			}
		}
		for f, v := range best {
			for g := f + 1; g < len(best); g++ {
				delete(left, pair{f, v, g, best[g]})
			}
		}
		rows = append(rows, best)
	}
	return rows
}

func TestPairwise(t *testing.T) {
	for _, values := range [][]int{{2, 2}, {5, 4, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2}, {1, 3}, {7}} {
		rows := pairwise(values, rand.New(rand.NewPCG(1, 1)))
		met := make(map[[4]int]bool)
		for _, row := range rows {
			for f := range row {
				for g := range f {
					met[[4]int{f, row[f], g, row[g]}] = true
				}
			}
		}
		want, least := 0, 0
		for f := range values {
			for g := range f {
				want += values[f] * values[g]
				least = max(least, values[f]*values[g])
			}
		}
		if len(met) != want || len(rows) < least || len(rows) > least*3/2 {
			t.Errorf("%v: %d of %d pairs in %d rows", values, len(met), want, len(rows))
		}
	}
}
