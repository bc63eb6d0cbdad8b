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

// aMember is a captioner with its weights made, fresh ones: with an encoder of its own that is trained, of 4 x 4 places, or with a frozen
// network whose places are averaged to pool x pool.
func aMember(t *testing.T, b *backend.Backend, set *scenes.Scenes, pool int, seed int64) *Model {
	t.Helper()
	encoder, err := OpenEncoder(b.Backend, "cnn", networkSize, 0)
	if pool > 0 {
		file := filepath.Join(t.TempDir(), "net.safetensors")
		randomResNet(t, file, uint64(seed))
		encoder, err = OpenEncoder(b.Backend, "resnet:"+file, networkSize, pool)
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
	for _, pool := range []int{0, 4} {
		c := aMember(t, b, set, pool, 3)
		twice := ensembleOf(t, c, c)
		own, theirs := lossesOf(t, c, set), lossesOf(t, twice, set)
		for i := range own {
			if math.Abs(own[i]-theirs[i]) > 1e-5 {
				t.Errorf("pool %d, picture %d: a loss of %g, the captioner alone has %g", pool, i, theirs[i], own[i])
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
				t.Errorf("pool %d: got %q, want %q", pool, got, want)
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
	own, frozen := aMember(t, b, set, 0, 3), aMember(t, b, set, 4, 4)
	x, y := lossesOf(t, own, set), lossesOf(t, frozen, set)
	both, turned := lossesOf(t, ensembleOf(t, own, frozen), set), lossesOf(t, ensembleOf(t, frozen, own), set)
	for i := range both {
		if mean := (x[i] + y[i]) / 2; both[i] >= mean || both[i] > min(x[i], y[i])+math.Ln2 {
			t.Errorf("picture %d: a loss of %g, the members have %g and %g", i, both[i], x[i], y[i])
		}
		if math.Abs(both[i]-turned[i]) > 1e-5 {
			t.Errorf("picture %d: losses of %g and %g, in the other order", i, both[i], turned[i])
		}
	}
	if e := ensembleOf(t, own, frozen); !e.Looks() || len(e.Members()) != 2 {
		t.Errorf("two members with as many places: %d members, looks is %v", len(e.Members()), e.Looks())
	}
	if _, same := ensembleOf(t, own, frozen).Fields(); same {
		t.Error("the places of different networks are said to see the same")
	}
	if _, same := ensembleOf(t, own, own).Fields(); !same {
		t.Error("the places of one network are said not to see the same")
	}
}

// Members that look at other places, or see the picture once, write together with those that look; the ensemble's captions have no weights to show, and
// are no longer than each member's may be.
func TestEnsembleOfOtherGridsAndPapers(t *testing.T) {
	b, set := openGo(t), someScenes(t, 5)
	looks, coarser := aMember(t, b, set, 4, 3), aMember(t, b, set, 2, 4)
	encoder, err := OpenEncoder(b.Backend, "cnn", networkSize, 0)
	if err != nil {
		t.Fatal(err)
	}
	cfg := captioning.Tiny(0)
	cfg.MaxLen = 3
	tells, err := NewShowAndTell(b, cfg, looks.Vocabulary, encoder, 5)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tells.Close)
	lossesOf(t, tells, set)
	img, err := set.At(0).Open()
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]*Model{"another grid": ensembleOf(t, looks, coarser), "Show and Tell": ensembleOf(t, looks, tells), "in the other order": ensembleOf(t, tells, looks)} {
		described, err := e.Caption([]image.Image{img})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := described[0]; e.Looks() || d.Alphas != nil || name != "another grid" && len(d.Words) > 3 {
			t.Errorf("%s: looks %v, weights %v, %d words", name, e.Looks(), d.Alphas, len(d.Words))
		}
	}
}

func TestEnsembleRefuses(t *testing.T) {
	b, set := openGo(t), someScenes(t, 5)
	c := aMember(t, b, set, 0, 3)
	other := *c
	other.Vocabulary = captioning.NewVocabulary([][]string{{"a", "dog"}}, 1)
	_, none := Ensemble()
	_, words := Ensemble(c, &other)
	_, nested := Ensemble(ensembleOf(t, c, c), ensembleOf(t, c))
	saved := ensembleOf(t, c).Save(t.TempDir())
	_, traced := ensembleOf(t, c, c).Trace(image.NewRGBA(image.Rect(0, 0, 8, 8)), []string{"a"})
	_, _, noise := ensembleOf(t, c, c).GradientNoise([]image.Image{image.NewRGBA(image.Rect(0, 0, 8, 8))}, [][]string{{"a"}}, 2)
	adopted := ensembleOf(t, c, c).Adopt(t.TempDir())
	for _, x := range []struct {
		err  error
		want string
	}{{none, "found none"}, {words, "member 2 of the ensemble: expected the"}, {nested, "member 1 of the ensemble: expected a captioner, found an ensemble"}, {saved, "found an ensemble of 1"},
		{traced, "found an ensemble of 2"}, {noise, "found an ensemble of 2"}, {adopted, "found an ensemble of 2"}} {
		if x.err == nil || !strings.Contains(x.err.Error(), x.want) {
			t.Errorf("got %v, want an error with %q", x.err, x.want)
		}
	}
}
