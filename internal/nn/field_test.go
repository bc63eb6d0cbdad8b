package nn_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// The first table of Araujo, Norris and Sim (2019): 212 pixels for VGG16 after its last pool, 483 for ResNet-50 as TF-Slim
// has it, with the strides in the last block of each stage; both with a stride of 32.
func TestFieldOfKnownNetworks(t *testing.T) {
	conv, pool := nn.Window{Kernel: 3, Stride: 1, Padding: 1}, nn.Window{Kernel: 2, Stride: 2}
	var vgg []nn.Window
	for _, convs := range []int{2, 2, 3, 3, 3} {
		for range convs {
			vgg = append(vgg, conv)
		}
		vgg = append(vgg, pool)
	}
	resnet := []nn.Window{{Kernel: 7, Stride: 2, Padding: 3}, {Kernel: 3, Stride: 2, Padding: 1}}
	for stage, blocks := range []int{3, 4, 6, 3} {
		for block := range blocks {
			w := conv
			if block == blocks-1 && stage < 3 {
				w.Stride = 2
			}
			resnet = append(resnet, w)
		}
	}
	for name, c := range map[string]struct {
		windows []nn.Window
		size    int
	}{"VGG16": {vgg, 212}, "ResNet-50": {resnet, 483}} {
		if f := nn.FieldOf(c.windows...); f.Size != c.size || f.Stride != 32 {
			t.Errorf("%s: expected %d pixels with stride 32, found %d with %d", name, c.size, f.Size, f.Stride)
		}
	}
}

// What a place sees, found by following every way down through the layers.
func TestFieldAgainstWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var windows []nn.Window
		for range rapid.IntRange(0, 4).Draw(t, "layers") {
			windows = append(windows, nn.Window{
				Kernel: rapid.IntRange(1, 3).Draw(t, "kernel"), Stride: rapid.IntRange(1, 3).Draw(t, "stride"),
				Padding: rapid.IntRange(0, 2).Draw(t, "padding"),
			})
		}
		place := rapid.IntRange(0, 5).Draw(t, "place")
		ways := map[int]int{place: 1} // from the place down to each position of a layer
		total := 1
		for i := len(windows) - 1; i >= 0; i-- {
			w, below := windows[i], map[int]int{}
			for at, n := range ways {
				for tap := range w.Kernel {
					below[at*w.Stride+tap-w.Padding] += n
				}
			}
			ways, total = below, total*w.Kernel
		}
		f := nn.FieldOf(windows...)
		first, sum := f.Offset+place*f.Stride, 0.0
		profile := f.Profile()
		if len(profile) != f.Size {
			t.Fatalf("the profile has %d pixels, the field %d", len(profile), f.Size)
		}
		for at := range ways {
			if at < first || at >= first+f.Size {
				t.Fatalf("place %d sees pixel %d, outside of %d pixels from %d on", place, at, f.Size, first)
			}
		}
		if ways[first] == 0 || ways[first+f.Size-1] == 0 {
			t.Fatalf("place %d does not see both ends of %d pixels from %d on", place, f.Size, first)
		}
		for i, share := range profile {
			sum += share
			if want := float64(ways[first+i]) / float64(total); math.Abs(share-want) > 1e-12 {
				t.Fatalf("pixel %d of the field has the share %g, by its ways it is %g", i, share, want)
			}
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Fatalf("the profile has the sum %g", sum)
		}
	})
}
