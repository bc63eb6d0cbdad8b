package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
)

// pickler writes pickles, as Python's and TorchScript's picklers do, one operation after the other.
type pickler struct{ bytes.Buffer }

func newPickler() *pickler {
	p := &pickler{}
	p.WriteString("\x80\x02")
	return p
}

func (p *pickler) text(s string) *pickler {
	p.WriteByte('X')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.WriteString(s)
	return p
}

func (p *pickler) int(n int) *pickler {
	if n >= 0 && n < 256 {
		p.Write([]byte{'K', byte(n)})
		return p
	}
	p.WriteString("\x8a\x08")
	p.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
	return p
}

func (p *pickler) global(module, name string) *pickler {
	p.WriteString("c" + module + "\n" + name + "\n")
	return p
}

func (p *pickler) op(ops string) *pickler {
	p.WriteString(ops)
	return p
}

func (p *pickler) ints(numbers []int) *pickler {
	p.op("(")
	for _, n := range numbers {
		p.int(n)
	}
	return p.op("t")
}

// tensor is torch._utils._rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict()).
func (p *pickler) tensor(class, key string, numel, offset int, shape, strides []int) *pickler {
	return p.arguments(class, key, numel, offset, shape, strides).op("tR")
}

// arguments leaves the tuple of them open.
func (p *pickler) arguments(class, key string, numel, offset int, shape, strides []int) *pickler {
	p.global("torch._utils", "_rebuild_tensor_v2").op("((").text("storage").global("torch", class).text(key).text("cpu").int(numel).op("tQ")
	return p.int(offset).ints(shape).ints(strides).op("\x89").global("collections", "OrderedDict").op(")R")
}

// withMetadata is the tensor of ones with a seventh argument.
func (p *pickler) withMetadata(ops string) *pickler {
	return p.arguments("FloatStorage", "0", 1, 0, []int{1}, []int{1}).op(ops + "tR")
}

// ones is a tensor of one float32, of the storage "0".
func (p *pickler) ones() *pickler { return p.tensor("FloatStorage", "0", 1, 0, []int{1}, []int{1}) }

// member is one file of an archive.
type member struct {
	name   string
	data   []byte
	packed bool
}

// build makes the zip file. TorchScript's padding is left out: readers do not depend on it.
func build(t testing.TB, members ...member) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name}
		if m.packed {
			h.Method = zip.Deflate
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// archiveOf is a torch.save file of the pickle and storages "0", "1" ...
func archiveOf(t testing.TB, p *pickler, storages ...[]byte) []byte {
	t.Helper()
	members := []member{{name: "archive/data.pkl", data: p.Bytes()}, {name: "archive/byteorder", data: []byte("little")}, {name: "archive/version", data: []byte("3\n")}}
	for i, s := range storages {
		members = append(members, member{name: fmt.Sprintf("archive/data/%d", i), data: s})
	}
	return build(t, members...)
}

func float32s(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// wantTensor checks name, shape and numbers.
func wantTensor(t *testing.T, f *File, name string, shape []int, values ...float32) {
	t.Helper()
	tensor, ok := f.Get(name)
	if !ok {
		t.Errorf("no tensor %q among %q", name, f.Names())
		return
	}
	got, err := tensor.AsFloat32s()
	if err != nil || !slices.Equal(got, values) || !slices.Equal(tensor.Shape, shape) {
		t.Errorf("%s is %v of shape %v (%v), want %v of shape %v", name, got, tensor.Shape, err, values, shape)
	}
}
