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
	"github.com/glimpse-ml/glimpse/internal/testdata"
	"github.com/glimpse-ml/glimpse/internal/torchfile/torchtest"
)

// A state dict as torch.save writes it: an OrderedDict with an attribute _metadata.
func TestStateDict(t *testing.T) {
	p := torchtest.NewPickler().Global("collections", "OrderedDict").Op(")Rq\x00(")
	p.Text("plain").Tensor("FloatStorage", "0", 6, 0, []int{2, 3}, []int{3, 1}).Op("q\x01")
	p.Text("tied").Op("h\x01")
	p.Text("turned").Tensor("FloatStorage", "0", 6, 0, []int{3, 2}, []int{1, 3})
	p.Text("part").Tensor("FloatStorage", "0", 6, 2, []int{3}, []int{1})
	p.Text("every second").Tensor("FloatStorage", "0", 6, 1, []int{3}, []int{2})
	p.Text("scalar").Tensor("LongStorage", "1", 1, 0, nil, nil)
	p.Text("half").Tensor("HalfStorage", "2", 2, 0, []int{2, 1}, []int{1, 99})
	p.Text("none").Tensor("FloatStorage", "3", 0, 0, []int{0, 4}, []int{4, 1})
	p.Text("number").Op("G\x3f\xf0\x00\x00\x00\x00\x00\x00").Text("nothing").Op("N").Text("large").Op("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01")
	p.Text("parameter").Global("torch._utils", "_rebuild_parameter").Op("(").Tensor("FloatStorage", "0", 6, 0, []int{1}, []int{1}).Op("\x88").Global("collections", "OrderedDict").Op(")RtR")
	p.Op("u}").Text("_metadata").Global("collections", "OrderedDict").Op(")Rsb.")
	data := torchtest.ArchiveOf(t, p, torchtest.Float32s(1, 2, 3, 4, 5, 6), binary.LittleEndian.AppendUint64(nil, 7), []byte{0, 0x3c, 0, 0xc0}, nil)

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
	p := torchtest.NewPickler().Global("__torch__.model", "CLIP").Op(")\x81}(")
	p.Text("training").Op("\x89")
	p.Text("logit_scale").Tensor("FloatStorage", "0", 1, 0, nil, nil)
	p.Text("sizes").Global("torch.jit._pickle", "build_intlist").Op("](").Int(1).Int(2).Op("e\x85R")
	p.Text("device").Global("torch", "device").Text("cuda:0").Op("\x85R")
	p.Text("visual").Global("__torch__.model.___torch_mangle_7", "VisualTransformer").Op(")\x81}(")
	p.Text("proj").Tensor("HalfStorage", "1", 2, 0, []int{1, 2}, []int{2, 1}).Text("_is_full_backward_hook").Op("Nub")
	p.Text("empty").Global("__torch__.torch.nn.modules.activation", "ReLU").Op(")\x81}b")
	p.Text("layers").Op("]").Ones().Op("a").Op("ub.")
	data := torchtest.Build(t, torchtest.Member{Name: "ViT/data.pkl", Data: p.Bytes()}, torchtest.Member{Name: "ViT/constants.pkl", Data: []byte("\x80\x02).")},
		torchtest.Member{Name: "ViT/code/__torch__.py", Data: bytes.Repeat([]byte("import os; os.remove('x')\n"), 50), Packed: true},
		torchtest.Member{Name: "ViT/data/0", Data: torchtest.Float32s(4.6)}, torchtest.Member{Name: "ViT/data/1", Data: []byte{0, 0x3c, 0, 0xc0}})
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
	p := &torchtest.Pickler{}
	p.Op("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x05epoch").Int(3)
	p.Op("\x8c\x0astate_dict}\x94(\x8c\x08module.a\x8c\x0ctorch._utils\x8c\x12_rebuild_tensor_v2\x93\x94((\x8c\x07storage\x8c\x05torch\x8c\x0cFloatStorage\x93\x8c\x010\x8c\x03cpu").Int(1)
	p.Op("tQ").Int(0).Op("K\x01\x85K\x01\x85\x89\x8c\x0bcollections\x8c\x0bOrderedDict\x93)RtRu").Text("optimizer").Op("}").Int(0).Ones().Op("su.")
	f, err := Parse(torchtest.ArchiveOf(t, p, torchtest.Float32s(9)))
	if err != nil {
		t.Fatal(err)
	}
	wantTensor(t, f, "module.a", []int{1}, 9)
	if len(f.Tensors) != 1 {
		t.Errorf("tensors %q", f.Names())
	}
}

func TestRefusals(t *testing.T) {
	evil := filepath.Join(t.TempDir(), "evil") // what a pickle that is run would make
	one := torchtest.Float32s(1)
	dict := func(fill func(p *torchtest.Pickler)) *torchtest.Pickler {
		p := torchtest.NewPickler().Op("}(")
		fill(p)
		return p.Op("u.")
	}
	tensor := func(class string, numel, offset int, shape, strides []int) *torchtest.Pickler {
		return dict(func(p *torchtest.Pickler) { p.Text("a").Tensor(class, "0", numel, offset, shape, strides) })
	}
	for _, c := range []struct {
		name   string
		pickle *torchtest.Pickler
		want   string
	}{
		{"os.system", torchtest.NewPickler().Global("os", "system").Text("touch " + evil).Op("\x85R."), `found the Python object "os.system"`},
		{"eval", torchtest.NewPickler().Global("builtins", "eval").Text("1").Op("\x85R."), `"builtins.eval"`},
		{"stack global", torchtest.NewPickler().Text("posix").Text("system").Op("\x93."), `"posix.system"`},
		{"a pickled module", torchtest.NewPickler().Global("model", "CLIP").Op(")\x81."), "save its state dict alone"},
		{"numpy", torchtest.NewPickler().Global("numpy.core.multiarray", "scalar").Op(")R."), "numpy"},
		{"a name that only begins like ours", torchtest.NewPickler().Global("__torch__evil", "x").Op(")\x81."), "__torch__evil"},
		{"torch.load", torchtest.NewPickler().Global("torch", "load").Op(")R."), `"torch.load"`},
		{"a storage of another module", torchtest.NewPickler().Global("evil", "FloatStorage").Op(")R."), "evil.FloatStorage"},
		{"calling a storage", torchtest.NewPickler().Global("torch", "FloatStorage").Op(")R."), `"torch.FloatStorage"`},
		{"calling a module's class", torchtest.NewPickler().Global("__torch__.x", "Y").Op(")R."), `"__torch__.x.Y"`},
		{"a module with arguments", torchtest.NewPickler().Global("__torch__.x", "Y").Int(1).Op("\x85\x81."), `"__torch__.x.Y"`},
		{"a module that saves itself", torchtest.NewPickler().Global("__torch__.x", "Y").Op(")\x81").Int(1).Op("b."), "its class saves itself by code"},
		{"attributes twice", torchtest.NewPickler().Global("__torch__.x", "Y").Op(")\x81}b}b."), "once"},
		{"INST", torchtest.NewPickler().Op("(ios\nsystem\n."), "the pickle operation 0x69"},
		{"OBJ", torchtest.NewPickler().Op("(o."), "the pickle operation 0x6f"},
		{"EXT1", torchtest.NewPickler().Op("\x82\x01."), "the pickle operation 0x82"},
		{"PERSID", torchtest.NewPickler().Op("P0\n."), "the pickle operation 0x50"},
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
		{"two types for one storage", dict(func(p *torchtest.Pickler) {
			p.Text("a").Ones().Text("b").Tensor("DoubleStorage", "0", 1, 0, []int{1}, []int{1})
		}), "data/0, found 4 bytes"},
		{"a storage that is missing", dict(func(p *torchtest.Pickler) { p.Text("a").Tensor("FloatStorage", "5", 1, 0, []int{1}, []int{1}) }), "data/5 in the archive, found none"},
		{"a storage that climbs", dict(func(p *torchtest.Pickler) {
			p.Text("a").Tensor("FloatStorage", "../data.pkl", 1, 0, []int{1}, []int{1})
		}), "the key of a storage"},
		{"a reference that is none", torchtest.NewPickler().Int(1).Op("Q."), "expected a reference to a storage"},
		{"a key twice", dict(func(p *torchtest.Pickler) { p.Text("a").Ones().Text("a").Ones() }), "once, found a again"},
		{"two ways to one name", dict(func(p *torchtest.Pickler) { p.Text("a.b").Ones().Text("a").Op("}").Text("b").Ones().Op("s") }), `two tensors "a.b"`},
		{"a key that is a list", dict(func(p *torchtest.Pickler) { p.Op("]").Ones() }), "as keys of a dictionary"},
		{"no tensors", dict(func(p *torchtest.Pickler) { p.Text("a").Int(1) }), "expected tensors, found none"},
		{"a list", torchtest.NewPickler().Op("]."), "found a list"},
		{"cut", torchtest.NewPickler().Op("}("), "found its end"},
		{"a text beyond the end", torchtest.NewPickler().Op("X\xff\xff\xff\x7fabc"), "found its end"},
		{"a text of 2^63 bytes", torchtest.NewPickler().Op("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), "found its end"},
		{"not UTF-8", torchtest.NewPickler().Op("X\x01\x00\x00\x00\xff."), "UTF-8"},
		{"nothing to pop", torchtest.NewPickler().Op("0"), "well-formed"},
		{"no mark", torchtest.NewPickler().Op("t"), "well-formed"},
		{"a mark as a value", torchtest.NewPickler().Op("(\x85."), "well-formed"},
		{"a mark to remember", torchtest.NewPickler().Op("(q\x00h\x00."), "well-formed"},
		{"half a pair", torchtest.NewPickler().Op("}(K\x01u."), "well-formed"},
		{"nothing remembered", torchtest.NewPickler().Op("h\x05."), "remembered as number 5"},
		{"protocol 6", (&torchtest.Pickler{}).Op("\x80\x06."), "protocol 5"},
		{"a list of pairs copied many times", copies(), "at most 2000000 steps"},
		{"metadata", dict(func(p *torchtest.Pickler) { p.Text("a").WithMetadata("}X\x03\x00\x00\x00neg\x88s") }), "expected a plain tensor without metadata"},
		{"very many steps", torchtest.NewPickler().Op(strings.Repeat("N0", 1_500_000) + "."), "at most 2000000 steps"},
		{"deep", torchtest.NewPickler().Op(strings.Repeat("}X\x01\x00\x00\x00a", 100)).Ones().Op(strings.Repeat("s", 100) + "."), "at most 32 deep"},
		{"itself", torchtest.NewPickler().Op("}q\x00").Text("a").Op("h\x00s."), "at most 32 deep"},
		{"exponential", exponential(), "names of tensors that the pickle has room for"},
		{"many lists of many", lists(), "at most 500000 values"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(torchtest.ArchiveOf(t, c.pickle, one))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := os.Lstat(evil); err == nil {
		t.Error("something was run")
	}
}

// lists is a list of a thousand times the same list of a thousand numbers.
func lists() *torchtest.Pickler {
	p := torchtest.NewPickler().Op("](" + strings.Repeat("K\x01", 1000) + "eq\x000](" + strings.Repeat("h\x00", 1000) + "eq\x010")
	return p.Op("}").Text("a").Op("h\x01s.")
}

// exponential is 30 lists, each holding the one before twice: 2^30 values from 300 bytes.
func exponential() *torchtest.Pickler {
	p := torchtest.NewPickler().Op("]q\x000")
	for i := range 30 {
		before, this := string(rune(i)), string(rune(i+1))
		p.Op("](h" + before + "h" + before + "eq" + this + "0")
	}
	return p.Op("}").Text("a").Op("h\x1es.")
}

// copies makes 2,200 dictionaries of one list of 1,000 pairs: 2.2 million pairs from 30 kB.
func copies() *torchtest.Pickler {
	p := torchtest.NewPickler().Op("](")
	for i := range 1000 {
		p.Text(fmt.Sprint(i)).Int(1).Op("\x86")
	}
	p.Op("eq\x000").Global("collections", "OrderedDict").Op("q\x010](")
	for range 2200 {
		p.Op("h\x01h\x00\x85R")
	}
	return p.Op("e.")
}

// Metadata that says nothing is none.
func TestEmptyMetadata(t *testing.T) {
	for _, empty := range []string{"N", "}"} {
		f, err := Parse(torchtest.ArchiveOf(t, torchtest.NewPickler().Op("}(").Text("a").WithMetadata(empty).Op("u."), torchtest.Float32s(1)))
		if err != nil {
			t.Fatal(err)
		}
		wantTensor(t, f, "a", []int{1}, 1)
	}
}

func TestRefusesArchives(t *testing.T) {
	good := torchtest.NewPickler().Op("}(").Text("a").Ones().Op("u.")
	pickle, one := torchtest.Member{Name: "a/data.pkl", Data: good.Bytes()}, torchtest.Member{Name: "a/data/0", Data: torchtest.Float32s(1)}
	flipped := torchtest.Build(t, pickle, one)
	flipped[bytes.Index(flipped, torchtest.Float32s(1))] ^= 1
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "expected a zip archive"},
		{"legacy", []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."), "found its older format"},
		{"cut", torchtest.Build(t, pickle, one)[:200], "expected a zip archive"},
		{"another zip", torchtest.Build(t, torchtest.Member{Name: "a/b", Data: []byte("x")}), "found none"},
		{"without a folder", torchtest.Build(t, torchtest.Member{Name: "data.pkl", Data: good.Bytes()}), "found none"},
		{"two folders", torchtest.Build(t, pickle, one, torchtest.Member{Name: "b/data/0"}), `expected every file in the archive below "a/"`},
		{"a file twice", torchtest.Build(t, pickle, one, one), `found "data/0" again`},
		{"a packed storage", torchtest.Build(t, pickle, torchtest.Member{Name: "a/data/0", Data: torchtest.Float32s(1), Packed: true}), "found it packed"},
		{"a bomb", torchtest.Build(t, torchtest.Member{Name: "a/data.pkl", Data: make([]byte, maxPickle+1), Packed: true}, one), "at most 16777216 bytes"},
		{"big-endian", torchtest.Build(t, pickle, one, torchtest.Member{Name: "a/byteorder", Data: []byte("big")}), "little-endian"},
		{"a bit that flipped", flipped, "found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.data)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := Parse(torchtest.Build(t, pickle, one)); err != nil {
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
	p := torchtest.NewPickler().Op("}(")
	storage := make([]byte, 4*100*100)
	for i := range 200 {
		p.Text(strings.Repeat("x", i+1)).Tensor("FloatStorage", "0", 10_000, 0, []int{100, 100}, []int{1, 100})
	}
	if _, err := Parse(torchtest.ArchiveOf(t, p.Op("u."), storage)); err == nil || !strings.Contains(err.Error(), "more of these than the file has bytes") {
		t.Errorf("%v", err)
	}
}

// Whatever the bytes are, the tensors lie within them and have the bytes that their shapes say.
func FuzzParse(f *testing.F) {
	f.Add(torchtest.ArchiveOf(f, torchtest.NewPickler().Op("}(").Text("a").Ones().Op("u."), torchtest.Float32s(1)))
	f.Add(torchtest.Build(f, torchtest.Member{Name: "a/data.pkl", Data: torchtest.NewPickler().Global("__torch__", "M").Op(")\x81}").Text("w").Ones().Op("sb.").Bytes()}, torchtest.Member{Name: "a/data/0", Data: torchtest.Float32s(1)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkWhatever(t, data)
	})
}

// The pickle alone, which a fuzzer reaches more easily without the checksums of the zip file around it.
func FuzzPickle(f *testing.F) {
	f.Add(torchtest.NewPickler().Op("}(").Text("a").Ones().Op("u.").Bytes())
	f.Add(torchtest.NewPickler().Global("__torch__", "M").Op(")\x81}").Text("w").Tensor("FloatStorage", "0", 64, 1, []int{3, 4}, []int{1, 3}).Op("sb.").Bytes())
	f.Add(torchtest.NewPickler().Global("collections", "OrderedDict").Op(")R").Text("w").Global("torch", "Size").Op("(").Ints([]int{1, 2}).Op("tRsN0.").Bytes())
	f.Add(exponential().Bytes())
	f.Fuzz(func(t *testing.T, code []byte) {
		members := []torchtest.Member{{Name: "a/data.pkl", Data: code}, {Name: "a/data/0", Data: make([]byte, 256)}, {Name: "a/data/1", Data: torchtest.Float32s(1)}}
		data := torchtest.Build(t, members...)
		checkWhatever(t, data)
	})
}

// checkWhatever parses a fuzzer's bytes, with four times as much memory as they have.
func checkWhatever(t *testing.T, data []byte) {
	t.Helper()
	var parsed *File
	var err error
	testdata.Bounded(t, len(data), 4, 0, func() { parsed, err = Parse(data) })
	if err == nil {
		checkTensors(t, parsed, len(data))
	}
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
