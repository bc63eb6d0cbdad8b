package plots

import (
	"context"
	"fmt"
)

// NeighbourScores says how well a map keeps the neighbourhoods of the data. Each score is 1 for a perfect map.
type NeighbourScores struct {
	K int

	// Preserved is the share of a point's K nearest neighbours in the data that are also among its K nearest in the map,
	// as the mean over points; PreservedByPoint, [n], has it for each. Chance is K/(n-1).
	Preserved        float64
	PreservedByPoint []float64

	// Trustworthiness falls with every neighbour in the map that is none in the data, by how far it is there;
	// Continuity with every neighbour in the data that is none in the map, by how far it is there. Chance is about 0.5.
	Trustworthiness float64
	Continuity      float64
}

// Neighbours scores a map of rows points with cols features each (data is row-major) by the neighbourhoods of size k.
// points is the map, [rows, m] row-major, with m the two columns of a picture or any other number of them.
// Trustworthiness and continuity are those of J. Venna and S. Kaski, Neighborhood preservation in nonlinear
// projection methods, ICANN 2001:
//
//	1 - 2 / (n k (2n - 3k - 1)) * the sum over points and false (or missing) neighbours of (rank - k)
//
// Distances are Euclidean; of equally far points the first counts as the nearer. All pairs are compared, on GOMAXPROCS
// cores.
//
// Errors: data or points of the wrong length, numbers that are not finite, k not between 1 and half the points, the
// end of ctx.
func Neighbours(ctx context.Context, data []float64, rows, cols int, points []float64, k int) (*NeighbourScores, error) {
	source, err := newCloud("neighbours, data", data, rows, cols)
	if err != nil {
		return nil, err
	}
	if len(points) == 0 || len(points)%rows != 0 {
		return nil, fmt.Errorf("neighbours: expected a map of the %d points, found %d values", rows, len(points))
	}
	target, err := newCloud("neighbours, map", points, rows, len(points)/rows)
	if err != nil {
		return nil, err
	}
	if k < 1 || 2*k >= rows {
		return nil, fmt.Errorf("neighbours: expected between 1 and %d neighbours, less than half of the %d points, found %d",
			(rows-1)/2, rows, k)
	}
	s := &NeighbourScores{K: k, PreservedByPoint: make([]float64, rows)}
	falseRanks, missingRanks := make([]int, rows), make([]int, rows)
	err = source.eachRow(ctx, func(i int, inData []float64) {
		inMap := make([]float64, rows)
		target.block(i, i+1, inMap)
		near, shown := nearest(inData, i, k), nearest(inMap, i, k)
		var falseOnes, missing int
		falseOnes, falseRanks[i] = strangers(shown, near, inData, i)
		missing, missingRanks[i] = strangers(near, shown, inMap, i)
		s.PreservedByPoint[i] = 1 - float64(max(falseOnes, missing))/float64(k)
	})
	if err != nil {
		return nil, fmt.Errorf("neighbours: %w", err)
	}
	n := float64(rows)
	worst := n * float64(k) * (2*n - 3*float64(k) - 1) / 2
	s.Trustworthiness, s.Continuity = 1, 1
	for i := range rows {
		s.Preserved += s.PreservedByPoint[i]
		s.Trustworthiness -= float64(falseRanks[i]) / worst
		s.Continuity -= float64(missingRanks[i]) / worst
	}
	s.Preserved /= n
	return s, nil
}

// strangers counts which of point i's neighbours are not among the friends, and sums by how many places each misses
// them in the order of these distances, in which the friends are the nearest.
func strangers(neighbours, friends []neighbour, squared []float64, i int) (count, excess int) {
	known := make(map[int]bool, len(friends))
	for _, f := range friends {
		known[f.index] = true
	}
	for _, nb := range neighbours {
		if known[nb.index] {
			continue
		}
		count++
		rank := 1
		own := squared[nb.index]
		for j, d := range squared {
			if j != i && (d < own || d == own && j < nb.index) {
				rank++
			}
		}
		excess += rank - len(friends)
	}
	return count, excess
}
