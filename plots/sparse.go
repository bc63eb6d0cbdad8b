package plots

import (
	"math"
	"slices"
)

// sparse is a square matrix that is mostly 0, row by row.
type sparse struct {
	start   []int // [n+1]: row i is start[i] to start[i+1]
	columns []int // rising within a row
	values  []float64
}

func (s *sparse) row(i int) ([]int, []float64) {
	return s.columns[s.start[i]:s.start[i+1]], s.values[s.start[i]:s.start[i+1]]
}

// symmetric joins what every point says of its neighbours with what they say of it. weights[i][k] belongs to
// near[i][k]; join gets both directions, 0 where one point does not know the other, and must be symmetric.
func symmetric(near [][]neighbour, weights [][]float64, join func(a, b float64) float64) *sparse {
	type entry struct {
		column    int
		out, back float64
	}
	rows := make([][]entry, len(near))
	for i := range near {
		for k, nb := range near[i] {
			rows[i] = append(rows[i], entry{column: nb.index, out: weights[i][k]})
			rows[nb.index] = append(rows[nb.index], entry{column: i, back: weights[i][k]})
		}
	}
	s := &sparse{start: make([]int, 1, len(near)+1)}
	for _, row := range rows {
		slices.SortFunc(row, func(a, b entry) int { return a.column - b.column })
		for k, e := range row {
			if k > 0 && row[k-1].column == e.column {
				continue
			}
			if k+1 < len(row) && row[k+1].column == e.column {
				e.out, e.back = e.out+row[k+1].out, e.back+row[k+1].back
			}
			s.columns = append(s.columns, e.column)
			s.values = append(s.values, join(e.out, e.back))
		}
		s.start = append(s.start, len(s.columns))
	}
	return s
}

// parts numbers the connected components of the graph and returns the number of each point, and how many there are.
func (s *sparse) parts() ([]int, int) {
	part := make([]int, len(s.start)-1)
	for i := range part {
		part[i] = -1
	}
	count := 0
	for i := range part {
		if part[i] >= 0 {
			continue
		}
		part[i] = count
		for open := []int{i}; len(open) > 0; {
			at := open[len(open)-1]
			open = open[:len(open)-1]
			columns, values := s.row(at)
			for k, j := range columns {
				if values[k] > 0 && part[j] < 0 {
					part[j] = count
					open = append(open, j)
				}
			}
		}
		count++
	}
	return part, count
}

// negativeEntropy is the sum of v ln v.
func negativeEntropy(values []float64) (sum float64) {
	for _, v := range values {
		if v > 0 {
			sum += v * math.Log(v)
		}
	}
	return sum
}
