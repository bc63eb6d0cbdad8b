package nn

import "fmt"

// Window is how one layer, a convolution or a pool, looks at the layer below it along one axis.
type Window struct {
	Kernel  int
	Stride  int
	Padding int // in front of the first value
}

// Field is what the places of a grid can see of the picture along one axis, in pixels: place i sees the Size pixels from
// Offset + i Stride on. Some of them may lie outside the picture, in the padding.
//
// The recurrence is that of Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks" (2019),
// section 2.
type Field struct {
	Size, Stride, Offset int

	windows []Window
}

// FieldOf is the field of the places above a stack of layers, the first of them the one that sees the pixels. A layer of
// several branches counts with the widest.
func FieldOf(windows ...Window) Field {
	f := Field{Size: 1, Stride: 1, windows: windows}
	for _, w := range windows {
		if w.Kernel < 1 || w.Stride < 1 || w.Padding < 0 {
			panic(fmt.Errorf("expected a kernel and a stride of at least 1 and a padding of at least 0, found %+v", w))
		}
		f.Size += (w.Kernel - 1) * f.Stride
		f.Offset -= w.Padding * f.Stride
		f.Stride *= w.Stride
	}
	return f
}

// Profile is how much each of the Size pixels has to do with a place, with the sum 1: the share of the ways through the
// layers that begin at the pixel, if all taps of a kernel count alike. There are many ways from the middle and one from
// either end, so that it resembles a Gaussian: the effective receptive field of Luo, Li, Urtasun and Zemel (2016), theorem 1.
func (f Field) Profile() []float64 {
	share := []float64{1} // of the places of a layer in one place at the top
	for i := len(f.windows) - 1; i >= 0; i-- {
		w := f.windows[i]
		below := make([]float64, (len(share)-1)*w.Stride+w.Kernel)
		for place, s := range share {
			for tap := range w.Kernel {
				below[place*w.Stride+tap] += s / float64(w.Kernel)
			}
		}
		share = below
	}
	return share
}
