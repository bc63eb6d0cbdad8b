package clip

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// The golden numbers of this file are those of golden/zero-shot/metrics: plain numpy, recomputed by brute force. Of its
// three rules for ties ours is "index", the last column of its ranks.

func matrix(t *testing.T, file *safetensors.File, name string) [][]float32 {
	t.Helper()
	values, shape, err := file.Float32s(name)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(slices.Chunk(values, shape[1]))
}

func ints(t *testing.T, file *safetensors.File, name string) []int32 {
	t.Helper()
	values, _, err := file.Int32s(name)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// byIndex is the last of a golden array's three columns.
func byIndex(t *testing.T, file *safetensors.File, name string) []int {
	t.Helper()
	var ranks []int
	for row := range slices.Chunk(ints(t, file, name), 3) {
		ranks = append(ranks, int(row[2]))
	}
	return ranks
}

func transposed(rows [][]float32) [][]float32 {
	out := make([][]float32, len(rows[0]))
	for _, row := range rows {
		for j, v := range row {
			out[j] = append(out[j], v)
		}
	}
	return out
}

// shares are the at_k of a golden summary.
type shares map[string]float64

func (s shares) compare(t *testing.T, what string, ranks []int) {
	t.Helper()
	compared := 0
	for k := 1; k <= 10; k++ {
		want, ok := s[fmt.Sprintf("at_%d", k)]
		if !ok {
			continue
		}
		compared++
		if got := AtK(ranks, k); math.Abs(got.Value-want) > 1e-9 || got.N != len(ranks) || got.Low > want+1e-9 || got.High < want-1e-9 {
			t.Errorf("%s: at %d expected %g of %d, found %+v", what, k, want, len(ranks), got)
		}
	}
	if compared < 2 {
		t.Errorf("%s: only %d shares were compared", what, compared)
	}
}

func readJSON(t *testing.T, name string, out any) {
	t.Helper()
	data, err := os.ReadFile(testdata.Golden(t, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
}

func TestRetrievalGolden(t *testing.T) {
	file := golden(t, "zero-shot/metrics/retrieval.safetensors")
	var summary struct {
		Cases []struct {
			ToText  map[string]shares `json:"image_to_text"`
			ToImage map[string]shares `json:"text_to_image"`
		} `json:"cases"`
	}
	readJSON(t, "zero-shot/metrics/retrieval.json", &summary)
	for i, c := range summary.Cases {
		name := fmt.Sprintf("case%d", i)
		similarity, owner := matrix(t, file, name+".similarity"), ints(t, file, name+".caption_owner")
		toText := Ranks(similarity, func(image, text int) bool { return owner[text] == int32(image) })
		if want := byIndex(t, file, name+".ranks_image_to_text"); !slices.Equal(toText, want) {
			t.Errorf("%s, image to text: expected %v, found %v", name, want, toText)
		}
		toImage := Ranks(transposed(similarity), func(text, image int) bool { return owner[text] == int32(image) })
		if want := byIndex(t, file, name+".ranks_text_to_image"); !slices.Equal(toImage, want) {
			t.Errorf("%s, text to image: expected %v, found %v", name, want, toImage)
		}
		c.ToText["index"].compare(t, name+", image to text", toText)
		c.ToImage["index"].compare(t, name+", text to image", toImage)
	}
	if len(summary.Cases) != 4 {
		t.Errorf("expected 4 cases, found %d", len(summary.Cases))
	}
}

func TestClassificationGolden(t *testing.T) {
	file := golden(t, "zero-shot/metrics/classification.safetensors")
	var summary struct {
		Cases []struct {
			Summary map[string]shares `json:"summary"`
		} `json:"cases"`
	}
	readJSON(t, "zero-shot/metrics/classification.json", &summary)
	for i, c := range summary.Cases {
		name := fmt.Sprintf("case%d", i)
		labels := ints(t, file, name+".labels")
		ranks := Ranks(matrix(t, file, name+".scores"), func(query, class int) bool { return labels[query] == int32(class) })
		if want := byIndex(t, file, name+".ranks"); !slices.Equal(ranks, want) {
			t.Errorf("%s: expected %v, found %v", name, want, ranks)
		}
		c.Summary["index"].compare(t, name, ranks)
		// A query has rank 1 exactly where the first largest score is its label.
		for q, predicted := range ints(t, file, name+".predicted") {
			if (ranks[q] == 1) != (predicted == labels[q]) {
				t.Errorf("%s, query %d: rank %d, but %d was predicted for %d", name, q, ranks[q], predicted, labels[q])
			}
		}
	}
}

func TestPromptEnsembleGolden(t *testing.T) {
	file := golden(t, "zero-shot/metrics/prompt_ensemble.safetensors")
	raw, shape, err := file.Float32s("case0.template_embeddings")
	if err != nil {
		t.Fatal(err)
	}
	var weights [][]float32
	for class := range slices.Chunk(raw, shape[1]*shape[2]) {
		weights = append(weights, unitMean(slices.Collect(slices.Chunk(unitRows(class, shape[2]), shape[2]))))
	}
	near(t, "class weights", slices.Concat(weights...), floats(t, file, "case0.class_weights"), 1e-6, 0)
	images := matrix(t, file, "case0.image_embeddings")
	units := slices.Collect(slices.Chunk(unitRows(slices.Concat(images...), shape[2]), shape[2]))
	logits := Similarities(units, weights)
	for i := range logits {
		for j := range logits[i] {
			logits[i][j] *= 100 // its scale
		}
	}
	near(t, "logits", slices.Concat(logits...), floats(t, file, "case0.logits"), 1e-4, 0)
	var summary struct {
		Cases []struct {
			Summary map[string]shares `json:"summary"`
		} `json:"cases"`
	}
	readJSON(t, "zero-shot/metrics/prompt_ensemble.json", &summary)
	labels := ints(t, file, "case0.labels")
	ranks := Ranks(logits, func(query, class int) bool { return labels[query] == int32(class) })
	summary.Cases[0].Summary["index"].compare(t, "prompt ensemble", ranks)
}

// Ranks are positions in a stable descending sort.
func TestRanksAreAStableSort(t *testing.T) {
	nan := float32(math.NaN())
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.SliceOfN(rapid.SampledFrom([]float32{-2, -1, 0, 0.5, 1, float32(math.Inf(1)), float32(math.Inf(-1)), nan}), 1, 12).Draw(t, "row")
		correct := rapid.SliceOfN(rapid.Bool(), len(row), len(row)).Draw(t, "correct")
		order := make([]int, len(row))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			x, y := row[a], row[b]
			switch {
			case x != x && y != y || x == y:
				return 0
			case y != y || x > y:
				return -1
			}
			return 1
		})
		want := NoRank
		if i := slices.IndexFunc(order, func(item int) bool { return correct[item] }); i >= 0 {
			want = i + 1
		}
		answers := func(_, item int) bool { return correct[item] }
		got := Ranks([][]float32{row}, answers)[0]
		if got != want {
			t.Fatalf("expected rank %d, found %d", want, got)
		}
		best, worst := RanksBy(Optimistic, [][]float32{row}, answers)[0], RanksBy(Pessimistic, [][]float32{row}, answers)[0]
		if best > got || got > worst || worst != NoRank && worst > len(row) {
			t.Fatalf("optimistic %d, by index %d, pessimistic %d", best, got, worst)
		}
		first := slices.Index(order, Predicted([][]float32{row})[0])
		if first != 0 {
			t.Fatalf("what was predicted is in place %d of the order", first)
		}
	})
}

// A model that computes only NaN must look like chance, and a query without an answer is never answered.
func TestRanksOfBrokenModels(t *testing.T) {
	nan := float32(math.NaN())
	scores := [][]float32{{nan, nan, nan, nan}, {nan, nan, nan, nan}, {nan, nan, nan, nan}, {nan, nan, nan, nan}}
	ranks := Ranks(scores, func(q, item int) bool { return q == item })
	if !slices.Equal(ranks, []int{1, 2, 3, 4}) {
		t.Errorf("found %v", ranks)
	}
	if ranks := Ranks([][]float32{{1, nan, 0}}, func(_, item int) bool { return item == 1 }); ranks[0] != 3 {
		t.Errorf("a NaN among numbers has rank %d, expected the last", ranks[0])
	}
	unanswered := Ranks([][]float32{{1, 2}, {}}, func(_, _ int) bool { return false })
	for _, k := range []int{1, 3, 1000} {
		if got := AtK(unanswered, k); got.Value != 0 || got.N != 2 {
			t.Errorf("at %d: found %+v for queries without an answer", k, got)
		}
	}
	if got := AtK(nil, 1); got.N != 0 || got.Value != 0 {
		t.Errorf("no queries: found %+v", got)
	}
}

// Ranks 1, 2, 3 and none: the reciprocals' mean is (1 + 1/2 + 1/3)/4, the median 2.5, the mean infinite.
func TestRankSummaries(t *testing.T) {
	ranks := []int{3, 1, NoRank, 2}
	if got := MRR(ranks); math.Abs(got-11.0/24) > 1e-15 {
		t.Errorf("mean reciprocal rank %v", got)
	}
	if got := MedianRank(ranks); got != 2.5 {
		t.Errorf("median rank %v", got)
	}
	if got := MeanRank(ranks); !math.IsInf(got, 1) {
		t.Errorf("mean rank %v", got)
	}
	if got := MeanRank([]int{1, 2, 6}); got != 3 {
		t.Errorf("mean rank %v", got)
	}
	if got := MedianRank([]int{NoRank, 1, NoRank}); !math.IsInf(got, 1) {
		t.Errorf("median rank %v", got)
	}
}
