// Package torchtest makes PyTorch archives for tests: of honest models, and operation by operation of any others.
package torchtest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// Pickler writes pickles, as Python's and TorchScript's picklers do, one operation after the other.
type Pickler struct{ bytes.Buffer }

// NewPickler begins a pickle.
func NewPickler() *Pickler {
	p := &Pickler{}
	p.WriteString("\x80\x02")
	return p
}

// Text pushes a string.
func (p *Pickler) Text(s string) *Pickler {
	p.WriteByte('X')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.WriteString(s)
	return p
}

// Int pushes a number.
func (p *Pickler) Int(n int) *Pickler {
	if n >= 0 && n < 256 {
		p.Write([]byte{'K', byte(n)})
		return p
	}
	p.WriteString("\x8a\x08")
	p.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
	return p
}

// Global pushes what a module calls name.
func (p *Pickler) Global(module, name string) *Pickler {
	p.WriteString("c" + module + "\n" + name + "\n")
	return p
}

// Op writes operations as they are.
func (p *Pickler) Op(ops string) *Pickler {
	p.WriteString(ops)
	return p
}

// Ints pushes a tuple of numbers.
func (p *Pickler) Ints(numbers []int) *Pickler {
	p.Op("(")
	for _, n := range numbers {
		p.Int(n)
	}
	return p.Op("t")
}

// Tensor is torch._utils._rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict()).
func (p *Pickler) Tensor(class, key string, numel, offset int, shape, strides []int) *Pickler {
	return p.arguments(class, key, numel, offset, shape, strides).Op("tR")
}

// arguments leaves the tuple of them open.
func (p *Pickler) arguments(class, key string, numel, offset int, shape, strides []int) *Pickler {
	p.Global("torch._utils", "_rebuild_tensor_v2").Op("((").Text("storage").Global("torch", class).Text(key).Text("cpu").Int(numel).Op("tQ")
	return p.Int(offset).Ints(shape).Ints(strides).Op("\x89").Global("collections", "OrderedDict").Op(")R")
}

// WithMetadata is the tensor of [Pickler.Ones] with a seventh argument, which the operations make.
func (p *Pickler) WithMetadata(ops string) *Pickler {
	return p.arguments("FloatStorage", "0", 1, 0, []int{1}, []int{1}).Op(ops + "tR")
}

// Ones is a tensor of one float32, of the storage "0".
func (p *Pickler) Ones() *Pickler { return p.Tensor("FloatStorage", "0", 1, 0, []int{1}, []int{1}) }

// Member is one file of an archive.
type Member struct {
	Name   string
	Data   []byte
	Packed bool
}

// Build makes the zip file. TorchScript's padding is left out: readers do not depend on it.
func Build(t testing.TB, members ...Member) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.Name}
		if m.Packed {
			h.Method = zip.Deflate
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// ArchiveOf is a torch.save file of the pickle and storages "0", "1" ...
func ArchiveOf(t testing.TB, p *Pickler, storages ...[]byte) []byte {
	t.Helper()
	members := []Member{{Name: "archive/data.pkl", Data: p.Bytes()}, {Name: "archive/byteorder", Data: []byte("little")}, {Name: "archive/version", Data: []byte("3\n")}}
	for i, s := range storages {
		members = append(members, Member{Name: fmt.Sprintf("archive/data/%d", i), Data: s})
	}
	return Build(t, members...)
}

// Float32s are the bytes of numbers.
func Float32s(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// StateDict is what torch.save writes of a state dict.
func StateDict(t testing.TB, tensors map[string]safetensors.Tensor) []byte {
	t.Helper()
	p, storages := NewPickler().Global("collections", "OrderedDict").Op(")R("), [][]byte(nil)
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		storages = append(storages, p.Text(name).stored(tensors[name], len(storages)))
	}
	return ArchiveOf(t, p.Op("u."), storages...)
}

// Script is what torch.jit.save writes of a module with the tensors for its attributes: name.of.one is an attribute of a module
// within a module.
func Script(t testing.TB, tensors map[string]safetensors.Tensor) []byte {
	t.Helper()
	p, members := NewPickler(), []Member(nil)
	p.module(tensors, func(tensor safetensors.Tensor) {
		data := p.stored(tensor, len(members))
		members = append(members, Member{Name: fmt.Sprintf("model/data/%d", len(members)), Data: data})
	})
	return Build(t, append(members, Member{Name: "model/data.pkl", Data: p.Op(".").Bytes()}, Member{Name: "model/constants.pkl", Data: []byte("\x80\x02).")})...)
}

// module is an object whose attributes are the tensors, and modules where their names have a dot.
func (p *Pickler) module(tensors map[string]safetensors.Tensor, store func(safetensors.Tensor)) {
	inner := map[string]map[string]safetensors.Tensor{}
	p.Global("__torch__.model", "Module").Op(")\x81}(")
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		if first, rest, ok := strings.Cut(name, "."); ok {
			if inner[first] == nil {
				inner[first] = map[string]safetensors.Tensor{}
			}
			inner[first][rest] = tensors[name]
			continue
		}
		p.Text(name)
		store(tensors[name])
	}
	for _, name := range slices.Sorted(maps.Keys(inner)) {
		p.Text(name).module(inner[name], store)
	}
	p.Op("ub")
}

// stored is the tensor that is all of a storage, whose bytes it returns.
func (p *Pickler) stored(t safetensors.Tensor, key int) []byte {
	class := map[safetensors.DType]string{safetensors.F32: "FloatStorage", safetensors.F16: "HalfStorage", safetensors.I32: "IntStorage", safetensors.I64: "LongStorage"}
	strides := make([]int, len(t.Shape))
	step := 1
	for i := len(t.Shape) - 1; i >= 0; i-- {
		strides[i] = step
		step *= t.Shape[i]
	}
	p.Tensor(class[t.DType], fmt.Sprint(key), t.Len(), 0, t.Shape, strides)
	return t.Data
}
