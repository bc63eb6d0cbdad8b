package plots

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// Reference: scikit-learn 1.2.1, PCA of 500 of its 8 x 8 digits (shared/golden/plots/tsne/README.md).
func TestPCAEqualsScikitLearn(t *testing.T) {
	file, err := safetensors.Load(testdata.Golden(t, "plots/tsne/digits.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	get := func(name string) ([]float64, []int) {
		t.Helper()
		values, shape, err := file.Float32s(name)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, len(values))
		for i, v := range values {
			out[i] = float64(v)
		}
		return out, shape
	}
	var want struct {
		Variance []float64 `json:"pca_explained_variance"`
		Ratio    []float64 `json:"pca_explained_variance_ratio"`
	}
	raw, err := os.ReadFile(testdata.Golden(t, "plots/tsne/digits.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	data, shape := get("data")
	rows, cols, k := shape[0], shape[1], len(want.Variance)
	pca, err := PCA(data, rows, cols, k)
	if err != nil {
		t.Fatal(err)
	}
	mean, _ := get("pca_mean")
	components, _ := get("pca_components")
	projection, _ := get("pca_projection")
	near(t, "mean", pca.Mean, mean, 1e-6)
	for i := range k {
		if rel := math.Abs(pca.ExplainedVariance[i]/want.Variance[i] - 1); rel > 1e-6 {
			t.Errorf("explained variance %d: expected %g, found %g", i, want.Variance[i], pca.ExplainedVariance[i])
		}
		sign := 1.0 // The sign of an axis is arbitrary.
		if dot(pca.Components[i*cols:(i+1)*cols], components[i*cols:(i+1)*cols]) < 0 {
			sign = -1
		}
		column := make([]float64, rows)
		axis := make([]float64, cols)
		for r := range column {
			column[r] = sign * projection[r*k+i]
		}
		for c := range axis {
			axis[c] = sign * components[i*cols+c]
		}
		near(t, "component", pca.Components[i*cols:(i+1)*cols], axis, 1e-5)
		near(t, "projection", pca.Column(i), column, 1e-4)
	}
	near(t, "explained ratio", pca.ExplainedRatio, want.Ratio, 1e-7)
}

func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: expected %d values, found %d", what, len(want), len(got))
	}
	worst := 0.0
	for i := range want {
		worst = math.Max(worst, math.Abs(got[i]-want[i]))
	}
	if !(worst <= tolerance) {
		t.Errorf("%s: largest difference %g, expected at most %g", what, worst, tolerance)
	}
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func TestPCAProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(2, 12).Draw(t, "rows"), rapid.IntRange(1, 8).Draw(t, "cols")
		k := min(rows, cols)
		data := rapid.SliceOfN(rapid.Float64Range(-100, 100), rows*cols, rows*cols).Draw(t, "data")
		pca, err := PCA(data, rows, cols, k)
		if err != nil {
			t.Fatal(err)
		}
		for i := range k {
			for j := range k {
				want := 0.0
				if i == j {
					want = 1
				}
				got := dot(pca.Components[i*cols:(i+1)*cols], pca.Components[j*cols:(j+1)*cols])
				if math.Abs(got-want) > 1e-9 {
					t.Fatalf("axes %d and %d: expected the product %g, found %g", i, j, want, got)
				}
			}
			axis := pca.Components[i*cols : (i+1)*cols]
			if lo, hi := slices.Min(axis), slices.Max(axis); hi < -lo*(1-1e-6) {
				t.Fatalf("axis %d: expected its largest entry to be positive, found %v", i, axis)
			}
			if i > 0 && pca.ExplainedVariance[i] > pca.ExplainedVariance[i-1]*(1+1e-12) {
				t.Fatalf("expected falling variances, found %v", pca.ExplainedVariance)
			}
		}
		// With all components the points come back.
		for r := range rows {
			for c := range cols {
				back := pca.Mean[c]
				for i := range k {
					back += pca.Projected[r*k+i] * pca.Components[i*cols+c]
				}
				if math.Abs(back-data[r*cols+c]) > 1e-8 {
					t.Fatalf("point %d: expected %g at feature %d, found %g", r, data[r*cols+c], c, back)
				}
			}
		}
	})
}

func TestPCAErrors(t *testing.T) {
	data := []float64{1, 2, 3, 4, 5, 6}
	for _, test := range []struct {
		phrase           string
		data             []float64
		rows, cols, keep int
	}{
		{"at least two points", data[:2], 1, 2, 1},
		{"at least one feature", nil, 3, 0, 1},
		{"expected 3 x 3 values, found 6", data, 3, 3, 1},
		{"between 1 and 2 components", data, 3, 2, 3},
		{"between 1 and 2 components", data, 3, 2, 0},
		{"expected finite numbers, found NaN at index 1", []float64{1, math.NaN(), 3, 4}, 2, 2, 1},
	} {
		_, err := PCA(test.data, test.rows, test.cols, test.keep)
		checkSentence(t, err, test.phrase)
	}
	still, err := PCA([]float64{5, 5, 5, 5}, 2, 2, 2) // All points in one place.
	if err != nil || still.ExplainedRatio[0] != 0 || still.Projected[0] != 0 {
		t.Errorf("expected a map of one place, found %+v (%v)", still, err)
	}
}
