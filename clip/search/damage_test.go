package search

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Every byte of an index matters: a flipped, cut or added one is found when it is opened, whichever file it is in.
func TestDamageIsFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	made(t, dir, 40, 16, Float16).Close()
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	whole := map[string][]byte{}
	for _, n := range names {
		if whole[n.Name()], err = os.ReadFile(filepath.Join(dir, n.Name())); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.SampledFrom(names).Draw(r, "file").Name()
		data := bytes.Clone(whole[name])
		at := rapid.IntRange(0, len(data)-1).Draw(r, "at")
		switch rapid.SampledFrom([]string{"flip", "cut", "lengthen"}).Draw(r, "damage") {
		case "flip":
			data[at] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		case "cut":
			data = data[:at]
		case "lengthen":
			data = append(data, 'x')
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			r.Fatal(err)
		}
		x, err := Open(dir)
		if err == nil {
			// The same numbers in other white space are no damage.
			same := name == MetaFile && len(bytes.Fields(data)) == len(bytes.Fields(whole[name]))
			x.Close()
			if !same {
				r.Fatalf("%s: the damage was not found", name)
			}
		} else if strings.Contains(err.Error(), "panic") || !strings.Contains(err.Error(), "expected") {
			r.Fatalf("%s: no sentence: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), whole[name], 0o644); err != nil {
			r.Fatal(err)
		}
	})
}

// A reader that opened an index keeps it while it is brought up to date.
func TestReaderKeepsItsState(t *testing.T) {
	f := newFolder(t, 10)
	f.mustUpdate()
	x, err := Open(f.index)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	before := rowOf(t, x, 3)
	f.paint("00/000.png", 999)
	f.paint("00/0000.png", 998)
	f.mustUpdate()
	found, err := x.Search(t.Context(), [][]float32{before}, 1)
	if err != nil || found[0][0].Row != 3 || !slices.Equal(before, rowOf(t, x, 3)) {
		t.Errorf("found %v (%v)", found, err)
	}
	if e, err := x.Entry(3); err != nil || e.Path == "" {
		t.Errorf("found %v (%v)", e, err)
	}
}

// A file that is cut while the index is open is an error of those who ask for its rows.
func TestVectorsThatAreCut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	x := made(t, dir, 4000, 16, Float32)
	for _, row := range []int{-1, 4000} {
		if _, err := x.Row(row); err == nil || !strings.Contains(err.Error(), "expected a row below 4000") {
			t.Errorf("row %d: %v", row, err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, x.Meta.Vectors.File), 4096); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Row(3999); err == nil || !strings.Contains(err.Error(), x.Meta.Vectors.File) || !strings.Contains(err.Error(), "it was cut") {
		t.Errorf("a row that is gone: %v", err)
	}
	u := &update{old: x}
	if _, err := u.rowOf(source{segment: inOld, row: 3999}); err == nil {
		t.Error("a row that is gone was taken into another index")
	}
}

func entriesForTests() (rows, bad []Entry) {
	return []Entry{{Path: "a.jpg", Size: 3, ModTime: -5, Hash: [32]byte{1}}, {Path: "b/ü.png", Size: 1 << 40}},
		[]Entry{{Path: "c.gif", Problem: "not a picture"}}
}

func TestTable(t *testing.T) {
	rows, bad := entriesForTests()
	gotRows, gotBad, err := parseTable(appendTable(nil, rows, bad))
	if err != nil || !slices.Equal(rows, gotRows) || !slices.Equal(bad, gotBad) {
		t.Errorf("found %v and %v (%v)", gotRows, gotBad, err)
	}
	for name, want := range map[string]string{"../x.jpg": "is called", "/x.jpg": "is called", "a\x00b": "is called", "": "lies at"} {
		if _, _, err := parseTable(appendTable(nil, []Entry{{Path: name}}, nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: expected an error with %q, found: %v", name, want, err)
		}
	}
}

// The reader of tables takes what it writes, and refuses everything else without falling over.
func FuzzTable(f *testing.F) {
	rows, bad := entriesForTests()
	whole := appendTable(nil, rows, bad)
	f.Add(whole)
	f.Add(whole[:60])
	f.Add(appendTable(nil, nil, nil))
	huge := bytes.Clone(whole)
	binary.LittleEndian.PutUint64(huge[len(tableMagic):], 1<<63)
	f.Add(huge)
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, bad, err := parseTable(data)
		if err != nil {
			return
		}
		again, againBad, err := parseTable(appendTable(nil, rows, bad))
		if err != nil || !slices.Equal(rows, again) || !slices.Equal(bad, againBad) {
			t.Errorf("%v and %v became %v and %v (%v)", rows, bad, again, againBad, err)
		}
	})
}

func FuzzMeta(f *testing.F) {
	m := Meta{Generation: 3, Model: "/m", Identity: "i", Pictures: "/p", Dims: 2, DType: Float32, Rows: 1,
		Vectors: part{"vectors-3.f32", 8, []string{"00000000"}}, Files: part{"files-3.table", 0, []string{}}}
	whole, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte(`{"format":"glimpse index","version":99}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMeta(data)
		if err != nil {
			return
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseMeta(again); err != nil {
			t.Errorf("%+v is not read back: %v", m, err)
		}
	})
}

func FuzzSegment(f *testing.F) {
	rows, bad := entriesForTests()
	s := segment{rows: rows, bad: bad, vectors: make([]byte, 2*3*2)}
	f.Add(s.encode(3, Float16))
	f.Add(s.encode(3, Float16)[:50])
	f.Add(segment{}.encode(3, Float16))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSegment(data, 3, Float16)
		if err == nil && len(s.vectors) != len(s.rows)*6 {
			t.Errorf("%d rows have %d bytes", len(s.rows), len(s.vectors))
		}
	})
}

// FuzzScores holds the SIMD kernels against pure Go, on rows of any bits: the scores agree up to rounding.
func FuzzScores(f *testing.F) {
	f.Add([]byte{0, 60, 1, 0, 0xff, 0x7b, 0, 0x80, 1, 0x84}, uint64(1))
	f.Add(bytes.Repeat([]byte{0x55, 0xb5}, 100), uint64(2))
	f.Fuzz(func(t *testing.T, row []byte, seed uint64) {
		d := len(row) / 2
		if d == 0 || d > maxDims {
			return
		}
		row = row[:2*d]
		for i := 1; i < len(row); i += 2 {
			if row[i]&0x7c == 0x7c { // infinities and NaN are never written
				row[i] &= 0x83
			}
		}
		query := unit(rand.New(rand.NewPCG(seed, 1)), d)
		all, buf := kernels(Float16), make([]float32, d)
		want := exact(row, Float16, query, buf)
		size := 0.0
		for j, v := range buf {
			size += max(float64(v*query[j]), -float64(v*query[j]))
		}
		for _, k := range all {
			score := [][]float32{make([]float32, 1)}
			k.scores(score, row, [][]float32{scaled(query, Float16)})
			if diff := float64(score[0][0]) - want; !(max(diff, -diff) <= errorBound(d)*(size+1)) {
				t.Errorf("%s: found %g, expected %g", k.name, score[0][0], want)
			}
		}
	})
}
