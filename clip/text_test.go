package clip

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// smallText is a text tower for tests of its behaviour.
var smallText = TextConfig{VocabSize: 20, ContextLength: 9, Width: 16, Layers: 2, Heads: 4}

const (
	begin = 18
	end   = 19
)

// encodeIDs runs a text tower with fresh weights on rows of ids.
func encodeIDs(t *testing.T, b compute.Backend, seed int64, rows ...[]int32) [][]float32 {
	t.Helper()
	store := model.NewStore()
	store.SetParam("/"+nn.SeedParam, seed)
	features, err := model.CallOnce(b, store, func(scope *model.Scope, ids *graph.Node) *graph.Node {
		return EncodeText(scope, smallText, 6, ids)
	}, tensors.FromFlatDataAndDimensions(slices.Concat(rows...), len(rows), len(rows[0])))
	if err != nil {
		t.Fatal(err)
	}
	return features.Value().([][]float32)
}

// The text features of openai/CLIP's own code for three random models, and the gradients of its loss: golden/clip/models.
// One row of theirs is padded with the end token, which then occurs more than once.
func TestTextTowerOfReference(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, name := range []string{"vit_a", "vit_b", "rn_a"} {
			t.Run(name, func(t *testing.T) {
				folder := "clip/models/" + name + "/"
				cfg, embedDim := textConfigOf(t, folder+"meta.json")
				store := storeOf(t, golden(t, folder+"openai.safetensors"))
				outputs, gradients := golden(t, folder+"outputs.safetensors"), golden(t, folder+"grads.safetensors")
				paths := slices.DeleteFunc(gradients.Names(), isVisual)
				f := func(scope *model.Scope, in []*graph.Node) []*graph.Node {
					text := EncodeText(scope, cfg, embedDim, in[0])
					logits := Logits(Normalize(in[1]), Normalize(text), LogitScale(scope, text))
					var values []*graph.Node
					for _, path := range paths {
						values = append(values, store.GetVariable(weights.Path(path)).NodeValue(text))
					}
					loss := InfoNCE(logits)
					return append([]*graph.Node{text, logits, loss}, graph.Gradient(loss, values...)...)
				}
				inputs := golden(t, folder+"inputs.safetensors")
				ids, shape, err := inputs.Int32s("text_ids")
				if err != nil {
					t.Fatal(err)
				}
				got, err := model.CallOnceN(b, store, f, tensors.FromFlatDataAndDimensions(ids, shape...), tensorOf(t, outputs, "image_features"))
				if err != nil {
					t.Fatal(err)
				}
				// Tighter than its README asks for: 1.7 in the place of QuickGELU's 1.702 is 1e-4 off.
				near(t, "text_features", flat(got[0]), floats(t, outputs, "text_features"), 2e-5, 1e-5)
				near(t, "logits_per_image", flat(got[1]), floats(t, outputs, "logits_per_image"), 1e-3, 0)
				near(t, "loss", flat(got[2]), floats(t, outputs, "loss"), 1e-4, 0)
				for i, path := range paths {
					near(t, "gradient of "+path, flat(got[3+i]), floats(t, gradients, path), 1e-7, 1e-3)
				}
				if len(paths) < 4 {
					t.Errorf("only the gradients of %v were compared", paths)
				}
			})
		}
	})
}

func isVisual(name string) bool { return strings.HasPrefix(name, "visual.") }

// storeOf holds the weights of a reference model's text tower and nothing else; it takes no new ones.
func storeOf(t *testing.T, file *safetensors.File) *model.Store {
	t.Helper()
	text := map[string]safetensors.Tensor{}
	for _, name := range file.Names() {
		if !isVisual(name) {
			text[name] = file.Tensors[name]
		}
	}
	store := model.NewStore()
	if err := weights.IntoStore(store, text); err != nil {
		t.Fatal(err)
	}
	store.SetParam("/"+nn.FixedParam, true)
	return store
}

func textConfigOf(t *testing.T, meta string) (TextConfig, int) {
	t.Helper()
	data, err := os.ReadFile(testdata.Golden(t, meta))
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Constructor struct {
			VocabSize     int `json:"vocab_size"`
			ContextLength int `json:"context_length"`
			EmbedDim      int `json:"embed_dim"`
			Width         int `json:"transformer_width"`
			Heads         int `json:"transformer_heads"`
			Layers        int `json:"transformer_layers"`
		} `json:"constructor"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	c := m.Constructor
	return TextConfig{VocabSize: c.VocabSize, ContextLength: c.ContextLength, Width: c.Width, Layers: c.Layers, Heads: c.Heads}, c.EmbedDim
}

// The feature is that of the end token, which sees what is before it and nothing after it.
func TestTextTowerIsCausal(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		got := encodeIDs(t, b, 1,
			[]int32{begin, 5, 6, 7, end, 0, 0, 0, 0},
			[]int32{begin, 5, 6, 7, end, 9, 3, 1, 17},    // something else after the end
			[]int32{begin, 5, 6, 7, end, 9, end, 1, end}, // another end after the end
			[]int32{begin, 5, 6, 7, end, end, 0, 0, 0},   //
			[]int32{begin, 4, 6, 7, end, 0, 0, 0, 0},     // another token at each place before it
			[]int32{begin, 5, 4, 7, end, 0, 0, 0, 0},     //
			[]int32{begin, 5, 6, 4, end, 0, 0, 0, 0},     //
			[]int32{begin, 6, 5, 7, end, 0, 0, 0, 0},     // another order
			[]int32{begin, 5, 6, 7, 7, end, 0, 0, 0},     // another length
			[]int32{begin, 5, 6, 7, 1, 2, 3, 4, end},     // the whole context
			[]int32{begin, end, 0, 0, 0, 0, 0, 0, 0},     // nothing
			[]int32{begin, 5, 6, 7, begin, end, 0, 0, 0}) // a start within
		for i := 1; i <= 3; i++ {
			near(t, "with other tokens after the end", got[i], got[0], 1e-6, 0)
		}
		for i := 4; i < len(got); i++ {
			for j := range i {
				if j < 1 || j > 3 {
					differ(t, got[i], got[j], i, j)
				}
			}
		}
		// A shorter array with the same tokens: how far it is padded does not matter.
		short := encodeIDs(t, b, 1, []int32{begin, 5, 6, 7, end}, []int32{begin, 4, 6, 7, end})
		near(t, "without padding", short[0], got[0], 1e-6, 0)
		near(t, "without padding", short[1], got[4], 1e-6, 0)
	})
}

// differ fails the test when two rows are about the same.
func differ(t *testing.T, a, b []float32, i, j int) {
	t.Helper()
	for k := range a {
		if d := a[k] - b[k]; d > 1e-4 || d < -1e-4 {
			return
		}
	}
	t.Errorf("rows %d and %d have the same features %v", i, j, a)
}

// Every row of a batch is encoded by itself, and a row's attention adds up: nothing is NaN.
func TestTextTowerRowsAreIndependent(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		a, c := []int32{begin, 5, 6, 7, end, 0, 0, 0, 0}, []int32{begin, 1, end, 0, 0, 0, 0, 0, 0}
		both, swapped, alone := encodeIDs(t, b, 1, a, c), encodeIDs(t, b, 1, c, a), encodeIDs(t, b, 1, a)
		near(t, "row", both[0], alone[0], 1e-6, 0)
		near(t, "row", swapped[1], alone[0], 1e-6, 0)
		near(t, "row", swapped[0], both[1], 1e-6, 0)
		differ(t, encodeIDs(t, b, 2, a)[0], alone[0], 0, 0) // another seed
	})
}

// The mask, without a model around it.
func TestSelfAttentionMask(t *testing.T) {
	b := backendtest.Go(t)
	x := make([]float32, 2*4*8)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	attend := func(x []float32) []float32 {
		store := model.NewStore()
		y, err := model.CallOnce(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return transformer{width: 8, heads: 2, layers: 1}.selfAttention(scope, x, nn.Causal(x.Graph(), 4))
		}, tensors.FromFlatDataAndDimensions(slices.Clone(x), 2, 4, 8))
		if err != nil {
			t.Fatal(err)
		}
		return flat(y)
	}
	before := attend(x)
	for position := range 4 {
		changed := slices.Clone(x)
		for k := range 8 {
			changed[position*8+k] += float32(k)
		}
		after := attend(changed)
		near(t, "positions before a change", after[:position*8], before[:position*8], 1e-6, 0)
		for later := position; later < 4; later++ {
			differ(t, after[later*8:later*8+8], before[later*8:later*8+8], position, later)
		}
		near(t, "the other row", after[32:], before[32:], 1e-6, 0)
	}
}

// Texts of every length, cut behind their ends, have the features that they have whole, in the order in which they came: by either rule for the end,
// with several ends, and with none.
func TestTextsAreCutBehindTheirEnds(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, end := range []int{0, 7} {
			cfg := Config{EmbedDim: 6, Vision: smallVision, Text: TextConfig{VocabSize: 20, ContextLength: 40, Width: 16, Layers: 2, Heads: 4, EndToken: end}}
			m, err := New(cfg, nil, 3)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			var rows [][]int32
			var in Inputs
			for i := range 40 {
				row := make([]int32, 40)
				for k := range row {
					row[k] = 1 + int32(rng.IntN(6))
				}
				if i > 0 { // of the first, no end: the largest id, or the first place
					row[i] = 7
					row[39] = 7
				}
				rows, in.IDs = append(rows, row), append(in.IDs, row...)
			}
			in.Length = 40
			whole, err := m.Evaluate(b, in, Wanted{})
			if err != nil {
				t.Fatal(err)
			}
			features, err := whole["text_features"].AsFloat32s()
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.EncodeTokens(b, rows)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range slices.Collect(slices.Chunk(features, 6)) {
				norm := 0.0
				for _, v := range want {
					norm += float64(v) * float64(v)
				}
				for k := range want {
					want[k] /= float32(math.Sqrt(norm))
				}
				near(t, fmt.Sprintf("end token %d, text %d", end, i), got[i], want, 2e-6, 0)
			}
			lengths := map[int]int{}
			for length, texts := range cfg.Text.byLength(rows) {
				lengths[length] = len(texts)
			}
			if lengths[16] == 0 || lengths[32] == 0 || lengths[40] == 0 || len(lengths) != 3 {
				t.Errorf("end token %d: texts by length: %v", end, lengths)
			}
		}
	})
}

// Texts of another length than the context are refused, and named.
func TestEncodeTokensRefusesOtherLengths(t *testing.T) {
	m := smallModel(t, 1)
	b := backendtest.Go(t)
	for _, row := range [][]int32{nil, {1, 2}, make([]int32, 8, 20), make([]int32, 10)} {
		_, err := m.EncodeTokens(b, [][]int32{make([]int32, 9), row})
		sentence(t, err, "expected 9 token ids", "text 1", fmt.Sprint("found ", len(row)))
	}
}

// Towers of no block, one and two: the one token that is wanted is that of the whole last block's result, or of what goes into the first.
func TestTowersOfFewLayers(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for layers := range 3 {
			cfg := Config{EmbedDim: 6, Vision: smallVision, Text: TextConfig{VocabSize: 20, ContextLength: 9, Width: 16, Layers: layers, Heads: 4}}
			cfg.Vision.Stages, cfg.Vision.ViT = nil, &ViTConfig{Width: 16, Heads: 2, Layers: layers}
			m, err := New(cfg, nil, 3)
			if err != nil {
				t.Fatal(err)
			}
			in := Inputs{Images: noise(2), IDs: []int32{18, 4, 19, 0, 18, 3, 5, 19}, Length: 4}
			got, err := m.Evaluate(b, in, Wanted{Layers: true})
			if err != nil {
				t.Fatal(err)
			}
			if layers == 0 {
				continue
			}
			last, err := got[fmt.Sprintf("visual.after_block.%d", layers-1)].AsFloat32s()
			if err != nil {
				t.Fatal(err)
			}
			class, err := got["visual.after_ln_post_cls"].AsFloat32s()
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range [][]float32{last[:16], last[len(last)/2:][:16]} {
				near(t, fmt.Sprintf("%d layers, picture %d", layers, i), class[16*i:][:16], standardised(want), 1e-5, 0)
			}
		}
	})
}
