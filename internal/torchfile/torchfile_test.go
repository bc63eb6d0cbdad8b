package torchfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// A state dict as torch.save writes it: an OrderedDict with an attribute _metadata.
func TestStateDict(t *testing.T) {
	p := newPickler().global("collections", "OrderedDict").op(")Rq\x00(")
	p.text("plain").tensor("FloatStorage", "0", 6, 0, []int{2, 3}, []int{3, 1}).op("q\x01")
	p.text("tied").op("h\x01")
	p.text("turned").tensor("FloatStorage", "0", 6, 0, []int{3, 2}, []int{1, 3})
	p.text("part").tensor("FloatStorage", "0", 6, 2, []int{3}, []int{1})
	p.text("every second").tensor("FloatStorage", "0", 6, 1, []int{3}, []int{2})
	p.text("scalar").tensor("LongStorage", "1", 1, 0, nil, nil)
	p.text("half").tensor("HalfStorage", "2", 2, 0, []int{2, 1}, []int{1, 99})
	p.text("none").tensor("FloatStorage", "3", 0, 0, []int{0, 4}, []int{4, 1})
	p.text("number").op("G\x3f\xf0\x00\x00\x00\x00\x00\x00").text("nothing").op("N").text("large").op("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01")
	p.text("parameter").global("torch._utils", "_rebuild_parameter").op("(").tensor("FloatStorage", "0", 6, 0, []int{1}, []int{1}).op("\x88").global("collections", "OrderedDict").op(")RtR")
	p.op("u}").text("_metadata").global("collections", "OrderedDict").op(")Rsb.")
	data := archiveOf(t, p, float32s(1, 2, 3, 4, 5, 6), binary.LittleEndian.AppendUint64(nil, 7), []byte{0, 0x3c, 0, 0xc0}, nil)

	path := filepath.Join(t.TempDir(), "state.pt")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // again after their memory was given back
		wantTensor(t, f, "plain", []int{2, 3}, 1, 2, 3, 4, 5, 6)
		wantTensor(t, f, "tied", []int{2, 3}, 1, 2, 3, 4, 5, 6)
		wantTensor(t, f, "turned", []int{3, 2}, 1, 4, 2, 5, 3, 6)
		wantTensor(t, f, "part", []int{3}, 3, 4, 5)
		wantTensor(t, f, "every second", []int{3}, 2, 4, 6)
		wantTensor(t, f, "scalar", []int{}, 7)
		wantTensor(t, f, "half", []int{2, 1}, 1, -2)
		wantTensor(t, f, "none", []int{0, 4})
		wantTensor(t, f, "parameter", []int{1}, 1)
		for _, tensor := range f.Tensors {
			f.Release(tensor)
		}
	}
	if len(f.Tensors) != 9 || f.Script {
		t.Errorf("%d tensors %q, script %v", len(f.Tensors), f.Names(), f.Script)
	}
	if err := f.Close(); err != nil || f.Tensors != nil {
		t.Error(err)
	}
}

// A module as torch.jit.save writes it: objects of the archive's own classes with their attributes as state.
func TestTorchScript(t *testing.T) {
	p := newPickler().global("__torch__.model", "CLIP").op(")\x81}(")
	p.text("training").op("\x89")
	p.text("logit_scale").tensor("FloatStorage", "0", 1, 0, nil, nil)
	p.text("sizes").global("torch.jit._pickle", "build_intlist").op("](").int(1).int(2).op("e\x85R")
	p.text("device").global("torch", "device").text("cuda:0").op("\x85R")
	p.text("visual").global("__torch__.model.___torch_mangle_7", "VisualTransformer").op(")\x81}(")
	p.text("proj").tensor("HalfStorage", "1", 2, 0, []int{1, 2}, []int{2, 1}).text("_is_full_backward_hook").op("Nub")
	p.text("empty").global("__torch__.torch.nn.modules.activation", "ReLU").op(")\x81}b")
	p.text("layers").op("]").ones().op("a").op("ub.")
	data := build(t, member{name: "ViT/data.pkl", data: p.Bytes()}, member{name: "ViT/constants.pkl", data: []byte("\x80\x02).")},
		member{name: "ViT/code/__torch__.py", data: bytes.Repeat([]byte("import os; os.remove('x')\n"), 50), packed: true},
		member{name: "ViT/data/0", data: float32s(4.6)}, member{name: "ViT/data/1", data: []byte{0, 0x3c, 0, 0xc0}})
	// The storage "0" is the scalar's and the list's.
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	wantTensor(t, f, "logit_scale", []int{}, 4.6)
	wantTensor(t, f, "visual.proj", []int{1, 2}, 1, -2)
	wantTensor(t, f, "layers.0", []int{1}, 4.6)
	if len(f.Tensors) != 3 || !f.Script || f.Tensors["visual.proj"].DType != safetensors.F16 {
		t.Errorf("tensors %q, script %v", f.Names(), f.Script)
	}
}

// Of a training checkpoint the weights are taken, not the optimizer's moments; newer protocols are read too.
func TestTrainingCheckpoint(t *testing.T) {
	p := &pickler{}
	p.op("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x05epoch").int(3)
	p.op("\x8c\x0astate_dict}\x94(\x8c\x08module.a\x8c\x0ctorch._utils\x8c\x12_rebuild_tensor_v2\x93\x94((\x8c\x07storage\x8c\x05torch\x8c\x0cFloatStorage\x93\x8c\x010\x8c\x03cpu").int(1)
	p.op("tQ").int(0).op("K\x01\x85K\x01\x85\x89\x8c\x0bcollections\x8c\x0bOrderedDict\x93)RtRu").text("optimizer").op("}").int(0).ones().op("su.")
	f, err := Parse(archiveOf(t, p, float32s(9)))
	if err != nil {
		t.Fatal(err)
	}
	wantTensor(t, f, "module.a", []int{1}, 9)
	if len(f.Tensors) != 1 {
		t.Errorf("tensors %q", f.Names())
	}
}

func TestRefusals(t *testing.T) {
	one := float32s(1)
	dict := func(fill func(p *pickler)) *pickler {
		p := newPickler().op("}(")
		fill(p)
		return p.op("u.")
	}
	tensor := func(class string, numel, offset int, shape, strides []int) *pickler {
		return dict(func(p *pickler) { p.text("a").tensor(class, "0", numel, offset, shape, strides) })
	}
	for _, c := range []struct {
		name   string
		pickle *pickler
		want   string
	}{
		{"os.system", newPickler().global("os", "system").text("touch /tmp/evil").op("\x85R."), `found the Python object "os.system"`},
		{"eval", newPickler().global("builtins", "eval").text("1").op("\x85R."), `"builtins.eval"`},
		{"stack global", newPickler().text("posix").text("system").op("\x93."), `"posix.system"`},
		{"a pickled module", newPickler().global("model", "CLIP").op(")\x81."), "save its state dict alone"},
		{"numpy", newPickler().global("numpy.core.multiarray", "scalar").op(")R."), "numpy"},
		{"a name that only begins like ours", newPickler().global("__torch__evil", "x").op(")\x81."), "__torch__evil"},
		{"torch.load", newPickler().global("torch", "load").op(")R."), `"torch.load"`},
		{"a storage of another module", newPickler().global("evil", "FloatStorage").op(")R."), "evil.FloatStorage"},
		{"calling a storage", newPickler().global("torch", "FloatStorage").op(")R."), `"torch.FloatStorage"`},
		{"calling a module's class", newPickler().global("__torch__.x", "Y").op(")R."), `"__torch__.x.Y"`},
		{"a module with arguments", newPickler().global("__torch__.x", "Y").int(1).op("\x85\x81."), `"__torch__.x.Y"`},
		{"a module that saves itself", newPickler().global("__torch__.x", "Y").op(")\x81").int(1).op("b."), "its class saves itself by code"},
		{"attributes twice", newPickler().global("__torch__.x", "Y").op(")\x81}b}b."), "once"},
		{"INST", newPickler().op("(ios\nsystem\n."), "the pickle operation 0x69"},
		{"OBJ", newPickler().op("(o."), "the pickle operation 0x6f"},
		{"EXT1", newPickler().op("\x82\x01."), "the pickle operation 0x82"},
		{"PERSID", newPickler().op("P0\n."), "the pickle operation 0x50"},
		{"a quantized storage", tensor("QInt8Storage", 1, 0, []int{1}, []int{1}), "QInt8Storage"},
		{"a complex storage", tensor("ComplexFloatStorage", 1, 0, []int{1}, []int{1}), "ComplexFloatStorage"},
		{"beyond the storage", tensor("FloatStorage", 1, 0, []int{2}, []int{1}), "within its storage"},
		{"offset beyond", tensor("FloatStorage", 1, 1, []int{1}, []int{1}), "within its storage"},
		{"negative offset", tensor("FloatStorage", 1, -1, []int{1}, []int{1}), "within its storage"},
		{"negative size", tensor("FloatStorage", 1, 0, []int{-1}, []int{1}), "within its storage"},
		{"negative stride", tensor("FloatStorage", 1, 0, []int{1}, []int{-1}), "within its storage"},
		{"expanded", tensor("FloatStorage", 1, 0, []int{1 << 30}, []int{0}), "within its storage"},
		{"sizes that overflow", tensor("FloatStorage", 1, 0, []int{1 << 31, 1 << 31, 1 << 31}, []int{0, 0, 0}), "within its storage"},
		{"strides that overflow", tensor("FloatStorage", 1, 0, []int{1 << 30, 1 << 30}, []int{1 << 38, 1 << 38}), "within its storage"},
		{"fewer strides than sizes", tensor("FloatStorage", 1, 0, []int{1, 1}, []int{1}), "within its storage"},
		{"a storage of another size", tensor("FloatStorage", 2, 0, []int{1}, []int{1}), "expected 2 numbers of type F32 in data/0, found 4 bytes"},
		{"a storage of another type", tensor("HalfStorage", 1, 0, []int{1}, []int{1}), "expected 1 numbers of type F16"},
		{"two types for one storage", dict(func(p *pickler) {
			p.text("a").ones().text("b").tensor("DoubleStorage", "0", 1, 0, []int{1}, []int{1})
		}), "data/0, found 4 bytes"},
		{"a storage that is missing", dict(func(p *pickler) { p.text("a").tensor("FloatStorage", "5", 1, 0, []int{1}, []int{1}) }), "data/5 in the archive, found none"},
		{"a storage that climbs", dict(func(p *pickler) { p.text("a").tensor("FloatStorage", "../data.pkl", 1, 0, []int{1}, []int{1}) }), "the key of a storage"},
		{"a reference that is none", newPickler().int(1).op("Q."), "expected a reference to a storage"},
		{"a key twice", dict(func(p *pickler) { p.text("a").ones().text("a").ones() }), "once, found a again"},
		{"two ways to one name", dict(func(p *pickler) { p.text("a.b").ones().text("a").op("}").text("b").ones().op("s") }), `two tensors "a.b"`},
		{"a key that is a list", dict(func(p *pickler) { p.op("]").ones() }), "as keys of a dictionary"},
		{"no tensors", dict(func(p *pickler) { p.text("a").int(1) }), "expected tensors, found none"},
		{"a list", newPickler().op("]."), "found a list"},
		{"cut", newPickler().op("}("), "found its end"},
		{"a text beyond the end", newPickler().op("X\xff\xff\xff\x7fabc"), "found its end"},
		{"a text of 2^63 bytes", newPickler().op("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), "found its end"},
		{"not UTF-8", newPickler().op("X\x01\x00\x00\x00\xff."), "UTF-8"},
		{"nothing to pop", newPickler().op("0"), "well-formed"},
		{"no mark", newPickler().op("t"), "well-formed"},
		{"a mark as a value", newPickler().op("(\x85."), "well-formed"},
		{"a mark to remember", newPickler().op("(q\x00h\x00."), "well-formed"},
		{"half a pair", newPickler().op("}(K\x01u."), "well-formed"},
		{"nothing remembered", newPickler().op("h\x05."), "remembered as number 5"},
		{"protocol 6", (&pickler{}).op("\x80\x06."), "protocol 5"},
		{"a list of pairs copied many times", copies(), "at most 2000000 steps"},
		{"metadata", dict(func(p *pickler) { p.text("a").withMetadata("}X\x03\x00\x00\x00neg\x88s") }), "expected a plain tensor without metadata"},
		{"very many steps", newPickler().op(strings.Repeat("N0", 1_500_000) + "."), "at most 2000000 steps"},
		{"deep", newPickler().op(strings.Repeat("}X\x01\x00\x00\x00a", 100)).ones().op(strings.Repeat("s", 100) + "."), "at most 32 deep"},
		{"itself", newPickler().op("}q\x00").text("a").op("h\x00s."), "at most 32 deep"},
		{"exponential", exponential(), "at most 500000 values"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(archiveOf(t, c.pickle, one))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := os.Lstat("/tmp/evil"); err == nil {
		t.Error("something was run")
	}
}

// exponential is 30 lists, each holding the one before twice: 2^30 values from 300 bytes.
func exponential() *pickler {
	p := newPickler().op("]q\x000")
	for i := range 30 {
		before, this := string(rune(i)), string(rune(i+1))
		p.op("](h" + before + "h" + before + "eq" + this + "0")
	}
	return p.op("}").text("a").op("h\x1es.")
}

// copies makes 2,200 dictionaries of one list of 1,000 pairs: 2.2 million pairs from 30 kB.
func copies() *pickler {
	p := newPickler().op("](")
	for i := range 1000 {
		p.text(fmt.Sprint(i)).int(1).op("\x86")
	}
	p.op("eq\x000").global("collections", "OrderedDict").op("q\x010](")
	for range 2200 {
		p.op("h\x01h\x00\x85R")
	}
	return p.op("e.")
}

// Metadata that says nothing is none.
func TestEmptyMetadata(t *testing.T) {
	for _, empty := range []string{"N", "}"} {
		f, err := Parse(archiveOf(t, newPickler().op("}(").text("a").withMetadata(empty).op("u."), float32s(1)))
		if err != nil {
			t.Fatal(err)
		}
		wantTensor(t, f, "a", []int{1}, 1)
	}
}

func TestRefusesArchives(t *testing.T) {
	good := newPickler().op("}(").text("a").ones().op("u.")
	pickle, one := member{name: "a/data.pkl", data: good.Bytes()}, member{name: "a/data/0", data: float32s(1)}
	flipped := build(t, pickle, one)
	flipped[bytes.Index(flipped, float32s(1))] ^= 1
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "expected a zip archive"},
		{"legacy", []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."), "found its older format"},
		{"cut", build(t, pickle, one)[:200], "expected a zip archive"},
		{"another zip", build(t, member{name: "a/b", data: []byte("x")}), "found none"},
		{"without a folder", build(t, member{name: "data.pkl", data: good.Bytes()}), "found none"},
		{"two folders", build(t, pickle, one, member{name: "b/data/0"}), `expected every file in the archive below "a/"`},
		{"a file twice", build(t, pickle, one, one), `found "data/0" again`},
		{"a packed storage", build(t, pickle, member{name: "a/data/0", data: float32s(1), packed: true}), "found it packed"},
		{"a bomb", build(t, member{name: "a/data.pkl", data: make([]byte, maxPickle+1), packed: true}, one), "at most 16777216 bytes"},
		{"big-endian", build(t, pickle, one, member{name: "a/byteorder", data: []byte("big")}), "little-endian"},
		{"a bit that flipped", flipped, "found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.data)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := Parse(build(t, pickle, one)); err != nil {
		t.Errorf("the good one: %v", err)
	}
	legacy := filepath.Join(t.TempDir(), "old.pt")
	if err := os.WriteFile(legacy, []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(legacy); err == nil || !strings.Contains(err.Error(), "python3 -c 'import sys, torch; torch.save(torch.load(") || !strings.Contains(err.Error(), legacy) {
		t.Errorf("legacy: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.pt")); err == nil {
		t.Error("a file that is not there was opened")
	}
}

// A small storage that many tensors take apart out of order may not fill the memory.
func TestCopiesAreBounded(t *testing.T) {
	p := newPickler().op("}(")
	storage := make([]byte, 4*100*100)
	for i := range 200 {
		p.text(strings.Repeat("x", i+1)).tensor("FloatStorage", "0", 10_000, 0, []int{100, 100}, []int{1, 100})
	}
	if _, err := Parse(archiveOf(t, p.op("u."), storage)); err == nil || !strings.Contains(err.Error(), "more of these than the file has bytes") {
		t.Errorf("%v", err)
	}
}

// Whatever the bytes are, the tensors lie within them and have the bytes that their shapes say.
func FuzzParse(f *testing.F) {
	f.Add(archiveOf(f, newPickler().op("}(").text("a").ones().op("u."), float32s(1)))
	f.Add(build(f, member{name: "a/data.pkl", data: newPickler().global("__torch__", "M").op(")\x81}").text("w").ones().op("sb.").Bytes()}, member{name: "a/data/0", data: float32s(1)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if parsed, err := Parse(data); err == nil {
			checkTensors(t, parsed, len(data))
		}
	})
}

// The pickle alone, which a fuzzer reaches more easily without the checksums of the zip file around it.
func FuzzPickle(f *testing.F) {
	f.Add(newPickler().op("}(").text("a").ones().op("u.").Bytes())
	f.Add(newPickler().global("__torch__", "M").op(")\x81}").text("w").tensor("FloatStorage", "0", 64, 1, []int{3, 4}, []int{1, 3}).op("sb.").Bytes())
	f.Add(newPickler().global("collections", "OrderedDict").op(")R").text("w").global("torch", "Size").op("(").ints([]int{1, 2}).op("tRsN0.").Bytes())
	f.Add(exponential().Bytes())
	f.Fuzz(func(t *testing.T, code []byte) {
		members := []member{{name: "a/data.pkl", data: code}, {name: "a/data/0", data: make([]byte, 256)}, {name: "a/data/1", data: float32s(1)}}
		data := build(t, members...)
		if parsed, err := Parse(data); err == nil {
			checkTensors(t, parsed, len(data))
		}
	})
}

func checkTensors(t *testing.T, f *File, size int) {
	for name, tensor := range f.Tensors {
		if tensor.Len()*tensor.DType.Size() != len(tensor.Data) {
			t.Errorf("tensor %q of type %s and shape %v has %d bytes", name, tensor.DType, tensor.Shape, len(tensor.Data))
		}
		if len(tensor.Data) > size {
			t.Errorf("tensor %q has %d bytes, the file %d", name, len(tensor.Data), size)
		}
	}
}
