package plots

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// Reference: sklearn.manifold.trustworthiness of scikit-learn 1.2.1 (shared/golden/plots/tsne/README.md).
func TestTrustworthinessEqualsScikitLearn(t *testing.T) {
	g := openGolden(t, "digits")
	data, shape := g.get("data")
	var want struct {
		Runs []struct {
			Init, Method string
			Seed         int
			K5           float64 `json:"trustworthiness_k5"`
			K12          float64 `json:"trustworthiness_k12"`
			K30          float64 `json:"trustworthiness_k30"`
		}
		PCA    map[string]float64 `json:"trustworthiness_pca2"`
		Random map[string]float64 `json:"trustworthiness_random_embedding"`
	}
	raw, err := os.ReadFile(testdata.Golden(t, "plots/tsne/digits.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	check := func(name string, points []float64, k int, want float64) {
		t.Helper()
		scores, err := Neighbours(t.Context(), data, shape[0], shape[1], points, k)
		if err != nil {
			t.Fatal(err)
		}
		if gap := math.Abs(scores.Trustworthiness - want); !(gap <= 1e-4) {
			t.Errorf("%s, k = %d: expected %.6f, found %.6f", name, k, want, scores.Trustworthiness)
		}
	}
	for _, run := range want.Runs {
		name := "embedding_" + run.Init + "_seed" + strconv.Itoa(run.Seed)
		if run.Method == "exact" {
			name = "embedding_exact_" + run.Init + "_seed" + strconv.Itoa(run.Seed)
		}
		points, _ := g.get(name)
		check(name, points, 5, run.K5)
		check(name, points, 12, run.K12)
		check(name, points, 30, run.K30)
	}
	random, _ := g.get("random_embedding")
	projection, _ := g.get("pca_projection")
	var plane []float64
	for i := range shape[0] {
		plane = append(plane, projection[5*i], projection[5*i+1])
	}
	for k, v := range want.Random {
		n, _ := strconv.Atoi(k)
		check("random", random, n, v)
		check("PCA", plane, n, want.PCA[k])
	}
}

// curve is 24 points in four dimensions, and their first two coordinates.
func curve() (data, points []float64) {
	for i := range 24 {
		for j := range 4 {
			data = append(data, math.Sin(1+float64(i)*(float64(j)+1.3)*1.7))
		}
		points = append(points, data[4*i], data[4*i+1])
	}
	return data, points
}

// Reference: the same points in scikit-learn 1.2.1, printed to twelve digits: Preserved from neighbors.NearestNeighbors
// of both, Trustworthiness and Continuity as
//
//	manifold.trustworthiness(data, points, n_neighbors=k)
//	manifold.trustworthiness(points, data, n_neighbors=k)
func TestNeighboursEqualsScikitLearn(t *testing.T) {
	data, points := curve()
	for _, want := range []struct {
		k                                      int
		preserved, trustworthiness, continuity float64
	}{
		{1, 0.833333333333, 0.920454545455, 0.971590909091},
		{3, 0.472222222222, 0.758040935673, 0.867690058480},
		{7, 0.613095238095, 0.830128205128, 0.858974358974},
		{11, 0.734848484848, 0.828463203463, 0.803030303030},
	} {
		s, err := Neighbours(t.Context(), data, 24, 4, points, want.k)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "scores for k = "+strconv.Itoa(want.k), []float64{s.Preserved, s.Trustworthiness, s.Continuity},
			[]float64{want.preserved, want.trustworthiness, want.continuity}, 1e-11)
		if mean := inner(s.PreservedByPoint, ones(24)) / 24; s.K != want.k || math.Abs(mean-s.Preserved) > 1e-12 {
			t.Errorf("k = %d: expected points that average to %g, found %g (%+v)", want.k, s.Preserved, mean, s)
		}
	}
}

// A map that is the data, turned and scaled, is perfect, and so is one with the order of neighbours alone. The worst
// map of all has the score 0.
func TestNeighboursAtTheEnds(t *testing.T) {
	_, points := curve()
	turned := make([]float64, len(points))
	for i := 0; i < len(points); i += 2 {
		turned[i], turned[i+1] = 40-7*points[i+1], 3+7*points[i]
	}
	s, err := Neighbours(t.Context(), points, 24, 2, turned, 5)
	if err != nil {
		t.Fatal(err)
	}
	if s.Preserved != 1 || s.Trustworthiness != 1 || s.Continuity != 1 {
		t.Errorf("expected a perfect map, found %+v", s)
	}
	// Two tight pairs in the data whose partners are each other's farthest points in the map.
	s, err = Neighbours(t.Context(), []float64{0, 0.1, 10, 10.1}, 4, 1, []float64{0, 10, 0.1, 10.1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	// Ranks, in the data, of the neighbours in the map: 2, 3, 3, 2; in the map, of those in the data: 2, 3, 3, 2. Each
	// sum of ranks - 1 is 6 of the worst 4 * 1 * (8 - 3 - 1) / 2 = 8.
	if s.Preserved != 0 || s.Trustworthiness != 0.25 || s.Continuity != 0.25 {
		t.Errorf("expected 0, 1/4 and 1/4, found %+v", s)
	}
}

func TestNeighboursErrors(t *testing.T) {
	data, points := curve()
	for _, test := range []struct {
		phrase string
		data   []float64
		cols   int
		points []float64
		k      int
	}{
		{"data: expected 24 x 3 values, found 96", data, 3, points, 3},
		{"a map of the 24 points, found 47 values", data, 4, points[:47], 3},
		{"a map of the 24 points, found 0 values", data, 4, nil, 3},
		{"between 1 and 11 neighbours, less than half of the 24 points, found 12", data, 4, points, 12},
		{"between 1 and 11 neighbours", data, 4, points, 0},
		{"map: expected finite numbers, found NaN at index 47", data, 4, append(points[:47:47], math.NaN()), 3},
	} {
		_, err := Neighbours(t.Context(), test.data, 24, test.cols, test.points, test.k)
		checkSentence(t, err, test.phrase)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Neighbours(ctx, data, 24, 4, points, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("expected %v, found %v", context.Canceled, err)
	}
}
