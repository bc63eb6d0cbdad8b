package search

import (
	"context"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// folder is a folder of pictures and an index of it.
type folder struct {
	t               *testing.T
	dir             string
	asked           atomic.Int64
	messages        strings.Builder
	enc             Encoder
	dtype           DType
	pictures, index string
}

func newFolder(t *testing.T, pictures int) *folder {
	f := &folder{t: t, dir: t.TempDir()}
	f.pictures, f.index = filepath.Join(f.dir, "pictures"), filepath.Join(f.dir, "index")
	f.enc = colours(&f.asked)
	for i := range pictures {
		f.paint(fmt.Sprintf("%02d/%03d.png", i%7, i), i)
	}
	return f
}

func (f *folder) paint(name string, number int) {
	paint(f.t, filepath.Join(f.pictures, filepath.FromSlash(name)), number)
}

func (f *folder) update() (*Report, error) {
	f.asked.Store(0)
	return Update(f.t.Context(), f.index, f.pictures, f.enc, Options{DType: f.dtype, Messages: &f.messages})
}

// mustUpdate updates, and checks that the index holds exactly the pictures that are there.
func (f *folder) mustUpdate() *Report {
	f.t.Helper()
	r, err := f.update()
	if err != nil {
		f.t.Fatal(err)
	}
	if int64(r.Encoded) < f.asked.Load() {
		f.t.Errorf("the model was asked about %d pictures, the report says %d", f.asked.Load(), r.Encoded)
	}
	f.check()
	return r
}

// check compares every row with what the encoder says of its picture now.
func (f *folder) check() {
	f.t.Helper()
	x, err := Open(f.index)
	if err != nil {
		f.t.Fatal(err)
	}
	defer x.Close()
	files, err := walk(f.t.Context(), f.pictures)
	if err != nil {
		f.t.Fatal(err)
	}
	row := 0
	for _, file := range files {
		img, err := f.open(file.path)
		if err != nil {
			continue
		}
		if row == x.Len() {
			f.t.Fatalf("%s is not in the index", file.path)
		}
		e, err := x.Entry(row)
		if err != nil || e.Path != file.path || e.Size != file.size || e.ModTime != file.modTime {
			f.t.Fatalf("row %d: expected %+v, found %+v (%v)", row, file, e, err)
		}
		p, err := f.enc.Prepare(img)
		if err != nil {
			f.t.Fatal(err)
		}
		want, err := encode(colourRow(p), x.Meta.DType)
		if err != nil || string(want) != string(x.bytes(row)) {
			f.t.Fatalf("row %d, %s: not the embedding of that picture (%v)", row, e.Path, err)
		}
		row++
	}
	if row != x.Len() {
		f.t.Errorf("the index has %d rows for %d pictures", x.Len(), row)
	}
	names, err := os.ReadDir(f.dir)
	if err != nil || len(names) != 2 {
		f.t.Errorf("expected nothing beside pictures and index, found %v (%v)", names, err)
	}
	if names, err = os.ReadDir(f.index); err != nil || len(names) != 3 {
		f.t.Errorf("expected three files in the index, found %v (%v)", names, err)
	}
}

func (f *folder) open(path string) (image.Image, error) {
	file, err := os.Open(filepath.Join(f.pictures, filepath.FromSlash(path)))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	img, _, err := image.Decode(file)
	return img, err
}

func (f *folder) expect(what string, got *Report, rows, encoded, known, unchanged, removed, bad, remembered int) {
	f.t.Helper()
	found := []int{got.Rows, got.Encoded, got.Known, got.Unchanged, got.Removed, len(got.Bad), got.Remembered}
	if want := []int{rows, encoded, known, unchanged, removed, bad, remembered}; fmt.Sprint(found) != fmt.Sprint(want) {
		f.t.Errorf("%s: expected rows, encoded, known, unchanged, removed, bad, remembered = %v, found %v", what, want, found)
	}
}

// The life of an index: made, left alone, brought up to date.
func TestUpdate(t *testing.T) {
	f := newFolder(t, 150)
	if err := os.WriteFile(filepath.Join(f.pictures, "text.jpg"), []byte("no picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.pictures, "notes.txt"), []byte("is not looked at"), 0o644); err != nil {
		t.Fatal(err)
	}
	f.paint(".hidden/x.png", 1)
	r := f.mustUpdate()
	f.expect("new", r, 150, 150, 0, 0, 0, 1, 0)
	if len(r.Bad) != 1 || r.Bad[0].Path != "text.jpg" || !strings.Contains(r.Bad[0].Problem, "not a picture") || strings.Contains(r.Bad[0].Problem, f.dir) {
		t.Errorf("found the bad files %+v", r.Bad)
	}
	f.expect("again", f.mustUpdate(), 150, 0, 0, 150, 0, 0, 1)

	f.paint("00/000.png", 1000)                                   // changed
	f.paint("new.png", 1001)                                      // new
	rename(t, f.pictures+"/01/001.png", f.pictures+"/moved.png")  // moved
	if err := os.Remove(f.pictures + "/02/002.png"); err != nil { // gone
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(f.pictures+"/03/003.png", later, later); err != nil { // touched
		t.Fatal(err)
	}
	r = f.mustUpdate()
	f.expect("changes", r, 150, 2, 2, 146, 2, 0, 1)
	if f.asked.Load() != 2 {
		t.Errorf("the model was asked about %d pictures, expected 2", f.asked.Load())
	}

	f.paint("text.jpg", 1002) // the bad one is mended (a PNG inside, but a picture)
	f.expect("mended", f.mustUpdate(), 151, 1, 0, 150, 0, 0, 0)

	// The folder of pictures moves: nothing is encoded.
	rename(t, f.pictures, f.pictures+"2")
	f.pictures += "2"
	f.expect("moved folder", f.mustUpdate(), 151, 0, 0, 151, 0, 0, 0)
	if x, err := Open(f.index); err != nil || x.Meta.Pictures != f.pictures {
		t.Errorf("the index does not know where its pictures are: %v", err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// An index that was brought up to date holds the same bytes as one that is made afresh.
func TestUpdateIsLikeNew(t *testing.T) {
	f := newFolder(t, 100)
	f.dtype = Float32
	f.mustUpdate()
	f.paint("00/aaa.png", 555)
	if err := os.Remove(f.pictures + "/04/004.png"); err != nil {
		t.Fatal(err)
	}
	f.mustUpdate()
	fresh := filepath.Join(t.TempDir(), "fresh")
	if _, err := Update(t.Context(), fresh, f.pictures, f.enc, Options{DType: Float32}); err != nil {
		t.Fatal(err)
	}
	for old, made := range map[string]string{"vectors-2.f32": "vectors-1.f32", "files-2.table": "files-1.table"} {
		a, errA := os.ReadFile(filepath.Join(f.index, old))
		b, errB := os.ReadFile(filepath.Join(fresh, made))
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Errorf("%s and %s differ (%v, %v)", old, made, errA, errB)
		}
	}
}

// What cannot be done is said in a sentence, and the index stays as it was.
func TestUpdateRefuses(t *testing.T) {
	f := newFolder(t, 3)
	f.mustUpdate()
	other := newFolder(t, 1)
	empty, file := t.TempDir(), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	busy := filepath.Join(t.TempDir(), "busy")
	unlock, err := lock(busy)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	stranger := f.enc
	stranger.Identity = "another"
	wide := f.enc
	wide.Dims = maxDims + 1
	broken := f.enc
	broken.Encode = func(p [][]float32) ([][]float32, error) { return make([][]float32, len(p)), nil }
	for _, c := range []struct {
		want, index, pictures string
		enc                   Encoder
		dtype                 DType
	}{
		{"embeddings of two models cannot be compared", f.index, f.pictures, stranger, ""},
		{"expected embeddings of 1 to 65536 numbers, found 65537", f.index, f.pictures, wide, ""},
		{"expected float16 as in the index", f.index, f.pictures, f.enc, Float32},
		{"choose another folder for the index", f.index, other.pictures, f.enc, ""},
		{"expected pictures (.jpg", filepath.Join(t.TempDir(), "x"), empty, f.enc, ""},
		{"found: no such file", filepath.Join(t.TempDir(), "x"), filepath.Join(empty, "none"), f.enc, ""},
		{"of pictures at " + file + ", found a file", filepath.Join(t.TempDir(), "x"), file, f.enc, ""},
		{"a folder with other files in it", f.pictures, f.pictures, f.enc, ""},
		{"found something that is no folder", file, f.pictures, f.enc, ""},
		{"make it first", filepath.Join(empty, "a", "b"), f.pictures, f.enc, ""},
		{"another process is making", busy, f.pictures, f.enc, ""},
		{"is broken: expected an embedding of 12 numbers", filepath.Join(t.TempDir(), "x"), f.pictures, broken, ""},
	} {
		if _, err := Update(t.Context(), c.index, c.pictures, c.enc, Options{DType: c.dtype}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("expected an error with %q, found: %v", c.want, err)
		}
	}
	f.check()
}

// A file that cannot be read at the moment is named, and tried again; when nothing can be read, there is no index.
func TestUnreadable(t *testing.T) {
	f := newFolder(t, 2)
	if err := os.WriteFile(f.pictures+"/empty.png", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f.enc.Prepare = func(img image.Image) ([]float32, error) { panic("the decoder is on fire") }
	_, err := f.update()
	if err == nil || !strings.Contains(err.Error(), "none of the 3 files") || !strings.Contains(err.Error(), "on fire") {
		t.Errorf("found: %v", err)
	}
	if _, err := Open(f.index); err == nil || !strings.Contains(err.Error(), "found nothing there") {
		t.Errorf("found: %v", err)
	}
	if os.Geteuid() == 0 {
		t.Skip("root reads everything: the rest needs another user")
	}
	f = newFolder(t, 3)
	locked := f.pictures + "/00/000.png"
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := f.update()
		if err != nil || len(r.Bad) != 1 || r.Rows != 2 || !strings.Contains(r.Bad[0].Problem, "permission denied") {
			t.Fatalf("found %+v (%v)", r, err)
		}
	}
	if err := os.Chmod(locked, 0o644); err != nil {
		t.Fatal(err)
	}
	f.expect("readable", f.mustUpdate(), 3, 1, 0, 2, 0, 0, 0)
	if err := os.Chmod(f.pictures+"/01", 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(f.pictures+"/01", 0o755)
	if _, err := f.update(); err == nil || !strings.Contains(err.Error(), "make it readable") {
		t.Errorf("found: %v", err)
	}
}

// A call that is stopped goes on where it was, and a batch that was damaged meanwhile is done again.
func TestStoppedAndResumed(t *testing.T) {
	f := newFolder(t, 4*batchSize)
	encode := f.enc.Encode
	ctx, stop := context.WithCancel(t.Context())
	calls := 0
	f.enc.Encode = func(p [][]float32) ([][]float32, error) {
		if calls++; calls == 3 {
			stop()
		}
		return encode(p)
	}
	if _, err := Update(ctx, f.index, f.pictures, f.enc, Options{}); err == nil {
		t.Fatal("expected an error")
	}
	_, err := Open(f.index)
	if err == nil || !strings.Contains(err.Error(), "one that is not finished") {
		t.Errorf("found: %v", err)
	}
	other := f.enc
	other.Identity = "another"
	if _, err := Update(t.Context(), f.index, f.pictures, other, Options{}); err == nil || !strings.Contains(err.Error(), "begun with another model") {
		t.Errorf("found: %v", err)
	}
	batch := filepath.Join(workFolder(f.index), "batch-00000002")
	data, err := os.ReadFile(batch)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(batch, data, 0o644); err != nil {
		t.Fatal(err)
	}
	r := f.mustUpdate()
	f.expect("resumed", r, 4*batchSize, 4*batchSize, 0, 0, 0, 0, 0)
	if asked := f.asked.Load(); asked > 3*batchSize {
		t.Errorf("the model was asked about %d pictures again, expected at most %d", asked, 3*batchSize)
	}
	if !strings.Contains(f.messages.String(), "batch-00000002") {
		t.Errorf("the damaged batch was not named: %q", f.messages.String())
	}
}
