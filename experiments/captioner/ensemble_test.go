package captioner

import (
	"image"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// aMember is a captioner with its weights made, fresh ones: with an encoder of its own that is trained, or a frozen network.
func aMember(t *testing.T, b *backend.Backend, set *scenes.Scenes, frozen bool, seed int64) *Model {
	t.Helper()
	encoder, err := OpenEncoder(b.Backend, "cnn", networkSize, 0)
	if frozen {
		file := filepath.Join(t.TempDir(), "net.safetensors")
		randomResNet(t, file, uint64(seed))
		encoder, err = OpenEncoder(b.Backend, "resnet:"+file, networkSize, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := withEncoder(t, b, encoder, set).Fresh(seed)
	lossesOf(t, c, set)
	return c
}

// lossesOf are the model's losses of the pictures.
func lossesOf(t *testing.T, c *Model, set *scenes.Scenes) []float64 {
	t.Helper()
	prepared, _, err := c.Prepare(t.Context(), quiet(c), set)
	if err != nil {
		t.Fatal(err)
	}
	losses, err := c.LossPerPicture(t.Context(), prepared, 1)
	if err != nil {
		t.Fatal(err)
	}
	return losses
}

func ensembleOf(t *testing.T, members ...*Model) *Model {
	t.Helper()
	e, err := Ensemble(members...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A captioner twice is that captioner: it foretells as well, and says the same in every way of writing.
func TestEnsembleOfOneTwice(t *testing.T) {
	b, set := openGo(t), someScenes(t, 5)
	for _, frozen := range []bool{false, true} {
		c := aMember(t, b, set, frozen, 3)
		twice := ensembleOf(t, c, c)
		own, theirs := lossesOf(t, c, set), lossesOf(t, twice, set)
		for i := range own {
			if math.Abs(own[i]-theirs[i]) > 1e-5 {
				t.Errorf("frozen %v, picture %d: a loss of %g, the captioner alone has %g", frozen, i, theirs[i], own[i])
			}
		}
		var pictures []image.Image
		for i := range set.Len() {
			img, err := set.At(i).Open()
			if err != nil {
				t.Fatal(err)
			}
			pictures = append(pictures, img)
		}
		for _, how := range []Writing{{Beam: captioning.BeamOptions{K: 3}}, {Draw: true, Sample: captioning.SampleOptions{N: 2}, Seed: 4}} {
			if got, want := said(t, twice, how, pictures), said(t, c, how, pictures); !slices.Equal(got, want) {
				t.Errorf("frozen %v: got %q, want %q", frozen, got, want)
			}
		}
		one, err := twice.Caption(pictures[:1])
		if err != nil || len(one[0].Alphas) == 0 || len(one[0].Alphas[0]) != c.Encoder.Grid*c.Encoder.Grid {
			t.Errorf("got the caption %v (%v), want one that looks at %d places", one, err, c.Encoder.Grid*c.Encoder.Grid)
		}
	}
}

// said are the captions that a captioner writes.
func said(t *testing.T, c *Model, how Writing, pictures []image.Image) (all []string) {
	t.Helper()
	w, err := c.NewWriter(how, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	written, err := w.Write(pictures)
	if err != nil {
		t.Fatal(err)
	}
	for _, captions := range written {
		for _, d := range captions {
			all = append(all, strings.Join(d.Words, " "))
		}
	}
	return all
}

// The logarithm of a mean is above the mean of the logarithms: an ensemble foretells better than its members do on the mean, whatever their encoders,
// and whichever comes first.
func TestEnsembleOfUnlike(t *testing.T) {
	b, set := openGo(t), someScenes(t, 5)
	own, frozen := aMember(t, b, set, false, 3), aMember(t, b, set, true, 4)
	x, y := lossesOf(t, own, set), lossesOf(t, frozen, set)
	both, turned := lossesOf(t, ensembleOf(t, own, frozen), set), lossesOf(t, ensembleOf(t, frozen, own), set)
	for i := range both {
		if mean := (x[i] + y[i]) / 2; both[i] >= mean || both[i] < min(x[i], y[i])-math.Ln2 {
			t.Errorf("picture %d: a loss of %g, the members have %g and %g", i, both[i], x[i], y[i])
		}
		if math.Abs(both[i]-turned[i]) > 1e-5 {
			t.Errorf("picture %d: losses of %g and %g, in the other order", i, both[i], turned[i])
		}
	}
	if e := ensembleOf(t, own, frozen); e.Looks() != (own.Encoder.Grid == frozen.Encoder.Grid) || len(e.Members()) != 2 {
		t.Errorf("grids of %d and %d places on a side: looks is %v", own.Encoder.Grid, frozen.Encoder.Grid, e.Looks())
	}
}

func TestEnsembleRefuses(t *testing.T) {
	b, set := openGo(t), someScenes(t, 5)
	c := aMember(t, b, set, false, 3)
	other := *c
	other.Vocabulary = captioning.NewVocabulary([][]string{{"a", "dog"}}, 1)
	_, none := Ensemble()
	_, words := Ensemble(c, &other)
	_, nested := Ensemble(ensembleOf(t, c, c), ensembleOf(t, c))
	saved := ensembleOf(t, c).Save(t.TempDir())
	for _, x := range []struct {
		err  error
		want string
	}{{none, "found none"}, {words, "member 1 of the ensemble: expected the"}, {nested, "member 0 of the ensemble: expected a captioner, found an ensemble"}, {saved, "save its members"}} {
		if x.err == nil || !strings.Contains(x.err.Error(), x.want) {
			t.Errorf("got %v, want an error with %q", x.err, x.want)
		}
	}
}
