package weights

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gomlx "github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

func everything(string) bool { return true }

func sentence(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("expected an error with %q, found none", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
}

// examples has every type, a scalar of each, and the numbers that are easily lost.
func examples() map[string]*gomlx.Tensor {
	return map[string]*gomlx.Tensor{
		"/visual/proj/weight": gomlx.FromFlatDataAndDimensions([]float32{1, -0.5, math.MaxFloat32, math.SmallestNonzeroFloat32, float32(math.Copysign(0, -1)), float32(math.Inf(1))}, 2, 3),
		"/logit_scale":        gomlx.FromScalar(float32(2.6592)),
		"/deep/0/1/ids":       gomlx.FromFlatDataAndDimensions([]int32{math.MinInt32, -1, 0, math.MaxInt32}, 4),
		"/count":              gomlx.FromScalar(int32(-7)),
		"/#rngState":          gomlx.FromFlatDataAndDimensions([]uint64{0, 1 << 53, 1<<53 + 1, math.MaxUint64}, 2, 2),
		"/optimizer/a/seed":   gomlx.FromScalar(uint64(math.MaxUint64)),
	}
}

func TestRoundTrip(t *testing.T) {
	store := model.NewStore()
	for path, value := range examples() {
		if _, err := store.CreateVariable(path, value); err != nil {
			t.Fatal(err)
		}
	}
	out, err := FromStore(store, everything)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "all.safetensors")
	if err := safetensors.Write(file, out, nil); err != nil {
		t.Fatal(err)
	}
	loaded, err := safetensors.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	back := model.NewStore()
	if _, err := back.CreateVariable("/count", gomlx.FromScalar(int32(1))); err != nil { // to be overwritten
		t.Fatal(err)
	}
	if err := IntoStore(back, loaded.Tensors); err != nil {
		t.Fatal(err)
	}
	for path, want := range examples() {
		v := back.GetVariable(path)
		if v == nil {
			t.Errorf("%s is lost", path)
			continue
		}
		got, err := v.Value()
		if err != nil || !got.Shape().Equal(want.Shape()) || !v.Shape().Equal(want.Shape()) {
			t.Errorf("%s: expected %s, found %s (%v)", path, want.Shape(), got.Shape(), err)
			continue
		}
		a, err := FromTensor(got)
		if err != nil {
			t.Fatal(err)
		}
		b, err := FromTensor(want)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Data, b.Data) {
			t.Errorf("%s: expected %v, found %v", path, want.Value(), got.Value())
		}
	}
	if back.NumVariables() != len(examples()) {
		t.Errorf("expected %d variables, found %d", len(examples()), back.NumVariables())
	}
}

// The copy in a file's tensor is a copy: training on does not change it.
func TestFromStoreCopies(t *testing.T) {
	store := model.NewStore()
	v, err := store.CreateVariable("/a", gomlx.FromFlatDataAndDimensions([]float32{1, 2}, 2))
	if err != nil {
		t.Fatal(err)
	}
	out, err := FromStore(store, everything)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.SetValue(gomlx.FromFlatDataAndDimensions([]float32{8, 9}, 2)); err != nil {
		t.Fatal(err)
	}
	if got, _ := out["a"].Float32s(); !slices.Equal(got, []float32{1, 2}) {
		t.Errorf("found %v", got)
	}
}

func TestKeep(t *testing.T) {
	store := model.NewStore()
	for path, value := range examples() {
		if _, err := store.CreateVariable(path, value); err != nil {
			t.Fatal(err)
		}
	}
	out, err := FromStore(store, func(path string) bool { return strings.HasPrefix(path, "/deep") })
	if err != nil || len(out) != 1 || out["deep.0.1.ids"].DType != safetensors.I32 {
		t.Errorf("found %v (%v)", out, err)
	}
}

func TestNames(t *testing.T) {
	for path, name := range map[string]string{"/a": "a", "/a/b/0/weight": "a.b.0.weight", "/#rngState": "#rngState"} {
		if got := Name(path); got != name {
			t.Errorf("Name(%s) = %s, expected %s", path, got, name)
		}
		if got := Path(name); got != path {
			t.Errorf("Path(%s) = %s, expected %s", name, got, path)
		}
	}
}

// The order of the variables decides in which order sums over them are rounded: it must not change from run to run.
func TestOrderDoesNotChange(t *testing.T) {
	tensors := map[string]safetensors.Tensor{}
	var want []string
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		tensors[name] = safetensors.FromFloat32s([]float32{1}, 1)
		want = append(want, Path(name))
	}
	for range 5 {
		store := model.NewStore()
		if err := IntoStore(store, tensors); err != nil {
			t.Fatal(err)
		}
		var got []string
		for v := range store.IterVariables() {
			got = append(got, v.Path())
		}
		if !slices.Equal(got, want) {
			t.Fatalf("expected the order %v, found %v", want, got)
		}
	}
}

func TestRefusals(t *testing.T) {
	one := safetensors.FromFloat32s([]float32{1}, 1)
	for name, c := range map[string]struct {
		bad  map[string]safetensors.Tensor
		want []string
	}{
		"other shape":    {map[string]safetensors.Tensor{"z": safetensors.FromFloat32s([]float32{1, 2}, 2)}, []string{"tensor z", "[3]", "[2]", "another configuration"}},
		"other type":     {map[string]safetensors.Tensor{"z": safetensors.FromInt32s([]int32{1, 2, 3}, 3)}, []string{"tensor z", "Float32", "Int32"}},
		"unknown type":   {map[string]safetensors.Tensor{"new": {DType: safetensors.F16, Shape: []int{1}, Data: make([]byte, 2)}}, []string{"tensor new", "F16"}},
		"nothing in it":  {map[string]safetensors.Tensor{"new": safetensors.FromFloat32s(nil, 0, 3)}, []string{"tensor new", "[0 3]"}},
		"too few inside": {map[string]safetensors.Tensor{"new": safetensors.FromFloat32s([]float32{1}, 2)}, []string{"tensor new", "[2]"}},
		"slashes":        {map[string]safetensors.Tensor{"new/x": one}, []string{"tensor new/x", "slashes"}},
	} {
		t.Run(name, func(t *testing.T) {
			store := model.NewStore()
			for _, path := range []string{"/a", "/z"} {
				if _, err := store.CreateVariable(path, gomlx.FromFlatDataAndDimensions([]float32{5, 6, 7}, 3)); err != nil {
					t.Fatal(err)
				}
			}
			c.bad["a"] = safetensors.FromFloat32s([]float32{1, 2, 3}, 3)
			sentence(t, IntoStore(store, c.bad), c.want...)
			if got := store.GetVariable("/a").MustValue().Value().([]float32); got[0] != 5 {
				t.Errorf("a failed load changed /a to %v", got)
			}
			if store.NumVariables() != 2 {
				t.Errorf("a failed load left %d variables", store.NumVariables())
			}
		})
	}

	store := model.NewStore()
	v, err := store.CreateVariable("/a.b/c", gomlx.FromScalar(float32(1)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = FromStore(store, everything)
	sentence(t, err, "/a.b/c", "dots")
	if err := v.Reset(); err != nil {
		t.Fatal(err)
	}
	if _, err = FromStore(store, func(string) bool { return false }); err != nil {
		t.Error(err)
	}

	store = model.NewStore()
	v, err = store.CreateVariable("/a", gomlx.FromScalar(float32(1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Reset(); err != nil {
		t.Fatal(err)
	}
	_, err = FromStore(store, everything)
	sentence(t, err, "/a", "no value")
	if _, err := FromTensor(gomlx.FromScalar(1.5)); err == nil {
		t.Error("a float64 tensor was accepted")
	}
}
