package captioner

import (
	"path/filepath"
	"strings"
	"testing"
)

// A decoder that goes on sees features as those that it has learnt to read: of the same network, frozen or not, and in the same scale,
// whichever pictures it is trained on now. Those of another encoder of the same width are refused.
func TestAdoptTheEncoder(t *testing.T) {
	b, set := openGo(t), someScenes(t, 6)
	dir := t.TempDir()
	published, other := filepath.Join(dir, "a.safetensors"), filepath.Join(dir, "b.safetensors")
	randomResNet(t, published, 1)
	randomResNet(t, other, 2)
	model := func(file string, fineTuned bool) *Model {
		encoder, err := OpenFineTuned("resnet:"+file, networkSize, 0)
		if !fineTuned {
			encoder, err = OpenEncoder(b.Backend, "resnet:"+file, networkSize, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		return withEncoder(t, b, encoder, set)
	}
	saved := func(name string, fineTuned bool) string {
		c := model(published, fineTuned)
		prepared, _, err := c.Prepare(t.Context(), quiet(c), set)
		if err != nil {
			t.Fatal(err)
		}
		c.Encoder.scale = 3                                                   // as other pictures, or a network before it was trained further, had it
		if _, err := c.LossPerPicture(t.Context(), prepared, 1); err != nil { // makes the decoder's weights
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := c.Save(to); err != nil {
			t.Fatal(err)
		}
		return to
	}
	frozen, tuned := saved("frozen", false), saved("tuned", true)
	for _, goesOn := range []struct {
		from string
		c    *Model
	}{{frozen, model(published, false)}, {frozen, model(published, true)}, {tuned, model(published, true)}, {tuned, model(other, true)}} {
		if err := goesOn.c.Adopt(goesOn.from); err != nil {
			t.Fatal(err)
		}
		if _, _, err := goesOn.c.Prepare(t.Context(), quiet(goesOn.c), set); err != nil || goesOn.c.Encoder.scale != 3 {
			t.Errorf("from %s: the scale is %g, that of the captioner was 3 (%v)", goesOn.from, goesOn.c.Encoder.scale, err)
		}
	}
	for _, refused := range []struct {
		from string
		c    *Model
		want string
	}{
		{frozen, model(other, false), "name the encoder of its training"}, {frozen, model(other, true), "name the encoder of its training"},
		{tuned, model(published, false), "fine_tune=true"},
	} {
		if err := refused.c.Adopt(refused.from); err == nil || !strings.Contains(err.Error(), refused.want) {
			t.Errorf("from %s: expected an error with %q, found %v", refused.from, refused.want, err)
		}
	}
}
