package learning

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// EffectiveRank is that of Roy and Vetterli 2007 ("The effective rank: a measure of effective dimensionality"): the exponential of
// the entropy of the singular values, scaled to a sum of 1, of the rows [n][D]. It is 1 when all rows lie along one direction,
// and min(n, D) when all directions are used alike. The rows are not centred, so that embeddings that have become one point
// have a rank of 1.
func EffectiveRank(rows [][]float32) (float64, error) {
	if len(rows) == 0 || len(rows[0]) == 0 {
		return 0, fmt.Errorf("expected at least one embedding, found none")
	}
	n, d := len(rows), len(rows[0])
	flat := make([]float64, 0, n*d)
	for i, row := range rows {
		if len(row) != d {
			return 0, fmt.Errorf("expected embeddings of %d numbers, found %d in row %d", d, len(row), i)
		}
		for _, v := range row {
			flat = append(flat, float64(v))
		}
	}
	// The squares of the singular values are the eigenvalues of the products of rows or of columns, whichever are fewer.
	var of mat.Matrix = mat.NewDense(n, d, flat)
	if d < n {
		of = of.T()
	}
	var gram mat.SymDense
	gram.SymOuterK(1, of)
	var eigen mat.EigenSym
	if norm := mat.Norm(&gram, 1); math.IsNaN(norm) || math.IsInf(norm, 0) || !eigen.Factorize(&gram, false) {
		return 0, fmt.Errorf("expected embeddings of finite numbers, found some that have no singular values")
	}
	values := eigen.Values(nil)
	sum := 0.0
	for i, v := range values {
		values[i] = math.Sqrt(max(v, 0))
		sum += values[i]
	}
	if sum == 0 {
		return 0, nil
	}
	entropy := 0.0
	for _, v := range values {
		if p := v / sum; p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	return math.Exp(entropy), nil
}

// Ranks are the effective ranks of an evaluation's embeddings.
type Ranks struct {
	Image float64 `json:"image"`
	Text  float64 `json:"text"`
}

// RanksOf measures the embeddings of pictures [n][D] and of texts [m][D].
func RanksOf(images, texts [][]float32) (r Ranks, err error) {
	if r.Image, err = EffectiveRank(images); err != nil {
		return r, fmt.Errorf("cannot measure the effective rank of the pictures: %w", err)
	}
	if r.Text, err = EffectiveRank(texts); err != nil {
		return r, fmt.Errorf("cannot measure the effective rank of the texts: %w", err)
	}
	return r, nil
}

// Into adds the ranks to the figures of an evaluation.
func (r Ranks) Into(figures map[string]float64) {
	figures[RankImage], figures[RankText] = r.Image, r.Text
}
