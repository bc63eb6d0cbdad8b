package nn

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Form is how a convolution is computed. Every form gives the same values and gradients.
type Form int

const (
	// Auto takes the fastest form of the backend at hand (package comment).
	Auto Form = iota
	// Native is the backend's convolution, for values and gradients.
	Native
	// Lowered is made of pads, slices, concatenations and matrix products.
	Lowered
)

// Conv says how a kernel is moved over a picture. The zero value is a stride of 1 without padding.
type Conv struct {
	Stride  int     // 0 means 1
	Padding Padding // zeros around the picture
	Form    Form
	Frozen  bool // no gradient is wanted: none flows through, and the kernel is taken for a constant
	NoBias  bool // of [Conv2DLayer] only: no bias, as in front of a norm
	Init    Init // of [Conv2DLayer] only: the first weights, nil meaning HeNormal
}

// Padding is what surrounds a picture. The zero value is none.
type Padding struct {
	same                     bool
	top, bottom, left, right int
}

// Valid is no padding: the kernel stays inside the picture.
func Valid() Padding { return Padding{} }

// Same pads so that ceil(size/stride) positions come out, the odd row or column at the bottom and right, as
// TensorFlow does. With stride 1 the size stays the same.
func Same() Padding { return Padding{same: true} }

// Pad is n rows or columns on every side, as PyTorch's padding=n.
func Pad(n int) Padding { return Padding{top: n, bottom: n, left: n, right: n} }

// Edges is a padding of its own for each side.
func Edges(top, bottom, left, right int) Padding {
	return Padding{top: top, bottom: bottom, left: left, right: right}
}

// Conv2D convolves pictures x [N, H, W, C] with a kernel [out, C, kh, kw] (PyTorch's order) to [N, H', W', out],
// where H' = (H + top + bottom - kh)/stride + 1, rounded down. As everywhere in deep learning it is a correlation:
// the kernel is not flipped.
//
// It has gradients with respect to x and kernel on every backend. Where x comes from operations that have none,
// hand in StopGradient(x).
func Conv2D(x, kernel *graph.Node, cfg Conv) *graph.Node {
	geo := newGeometry(x, kernel, cfg)
	form := cfg.Form
	if form == Auto {
		form = geo.bestForm(x)
		if cfg.Frozen && familyOf(x) == familyONNX {
			form = Native // which lays a constant kernel out once
		}
	}
	if cfg.Frozen {
		return graph.StopGradient(geo.forward(x, kernel, form))
	}
	y, ok := withGradient(shapes.Make(x.DType(), geo.n, geo.ho, geo.wo, geo.out), []*graph.Node{x, kernel},
		func() *graph.Node { return geo.forward(x, kernel, form) },
		func(v *graph.Node) []*graph.Node {
			return []*graph.Node{geo.inputGradient(v, kernel, form), geo.kernelGradient(x, v, form)}
		})
	if !ok {
		return plainConv(x, kernel, geo)
	}
	return y
}

// mixed is the form on ONNX Runtime: its own convolution for the values and the gradient of x, matrix products for
// the gradient of the kernel.
const mixed Form = -1

// family is the backend's kind, as far as this package needs it.
type family int

const (
	familyXLA family = iota
	familyGo
	familyONNX
)

func familyOf(x *graph.Node) family {
	switch name := strings.ToLower(x.Graph().Backend().Name()); {
	case strings.HasPrefix(name, "go"):
		return familyGo
	case strings.HasPrefix(name, "onnx"):
		return familyONNX
	}
	return familyXLA
}

// geometry holds the sizes of one convolution.
type geometry struct {
	n, h, w, c    int // pictures
	out, kh, kw   int // kernel
	stride        int
	top, left     int // padding; negative where the picture is cropped
	bottom, right int // as much as is read, which may be less than what was asked for
	ho, wo        int // result
}

// newGeometry checks the shapes.
func newGeometry(x, kernel *graph.Node, cfg Conv) geometry {
	if x.Rank() != 4 || kernel.Rank() != 4 {
		panic(fmt.Errorf("Conv2D: expected pictures [N, height, width, channels] and a kernel [out, channels, height, width], "+
			"found %s and %s", x.Shape(), kernel.Shape()))
	}
	d, k := x.Shape().Dimensions, kernel.Shape().Dimensions
	geo := geometry{n: d[0], h: d[1], w: d[2], c: d[3], out: k[0], kh: k[2], kw: k[3], stride: max(cfg.Stride, 1)}
	if k[1] != geo.c {
		panic(fmt.Errorf("Conv2D: expected a kernel [out, channels, height, width] for %d channels (pictures %s), found %s",
			geo.c, x.Shape(), kernel.Shape()))
	}
	p := cfg.Padding
	if p.same {
		p.top, p.bottom = sameEdges(geo.h, geo.kh, geo.stride)
		p.left, p.right = sameEdges(geo.w, geo.kw, geo.stride)
	}
	if min(p.top, p.bottom, p.left, p.right) < 0 {
		panic(fmt.Errorf("Conv2D: expected a padding of at least 0 on every side, found %+v", p))
	}
	geo.ho = (geo.h+p.top+p.bottom-geo.kh)/geo.stride + 1
	geo.wo = (geo.w+p.left+p.right-geo.kw)/geo.stride + 1
	if geo.h+p.top+p.bottom < geo.kh || geo.w+p.left+p.right < geo.kw {
		panic(fmt.Errorf("Conv2D: expected pictures of at least %dx%d with padding, found %dx%d with the padding %+v; "+
			"the input is too small for this network", geo.kh, geo.kw, geo.h, geo.w, p))
	}
	geo.top, geo.left = p.top, p.left
	geo.bottom = (geo.ho-1)*geo.stride + geo.kh - geo.h - geo.top
	geo.right = (geo.wo-1)*geo.stride + geo.kw - geo.w - geo.left
	return geo
}

// sameEdges splits what has to be added so that ceil(size/stride) positions fit.
func sameEdges(size, kernel, stride int) (before, after int) {
	out := (size + stride - 1) / stride
	total := max((out-1)*stride+kernel-size, 0)
	return total / 2, total - total/2
}

func (geo geometry) bestForm(x *graph.Node) Form {
	switch familyOf(x) {
	case familyXLA:
		return Native
	case familyONNX:
		if geo.kh == 1 && geo.kw == 1 && geo.stride == 1 {
			return Lowered
		}
		return mixed
	}
	return Lowered
}

func (geo geometry) forward(x, kernel *graph.Node, form Form) *graph.Node {
	if form == Lowered {
		return loweredConv(x, kernel, geo)
	}
	return nativeConv(x, kernel, geo)
}

// padEdges adds rows and columns of value around pictures [N, H, W, C]. Negative numbers crop.
func padEdges(x *graph.Node, value float64, top, bottom, left, right int) *graph.Node {
	if min(top, bottom, left, right) < 0 {
		d := x.Shape().Dimensions
		x = graph.Slice(x, graph.AxisRange(), graph.AxisRange(max(-top, 0), d[1]+min(bottom, 0)), graph.AxisRange(max(-left, 0), d[2]+min(right, 0)))
		top, bottom, left, right = max(top, 0), max(bottom, 0), max(left, 0), max(right, 0)
	}
	if max(top, bottom, left, right) == 0 {
		return x
	}
	// All four axes are named: the gradient of a pad that names fewer is wrong in GoMLX v0.28.
	return pad(x, value, graph.PadAxis{}, graph.PadAxis{Start: top, End: bottom}, graph.PadAxis{Start: left, End: right}, graph.PadAxis{})
}

func pad(x *graph.Node, value float64, axes ...graph.PadAxis) *graph.Node {
	return graph.Pad(x, graph.ConstAs(x, value), axes...)
}
