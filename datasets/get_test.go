package datasets

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/internal/fetch"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// tinyCIFAR is the archive of a made-up CIFAR-10 with two records a file.
func tinyCIFAR() []byte {
	record := func(label byte) string { return string(rune(label)) + strings.Repeat("\x40", cifarRecord-1) }
	members := []member{{name: "cifar-10-batches-bin/batches.meta.txt", data: "airplane\nautomobile\n"},
		{name: "cifar-10-batches-bin/test_batch.bin", data: record(1) + record(0)}}
	for i := range 5 {
		members = append(members, member{name: fmt.Sprintf("cifar-10-batches-bin/data_batch_%d.bin", i+1), data: record(0) + record(1)})
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(tarball(members...)))
	w.Close()
	return b.Bytes()
}

func entryAt(url string, archive []byte) Entry {
	sum := sha256.Sum256(archive)
	e := cifar10Entry()
	e.Archive = &Archive{URL: url + "/cifar-10-binary.tar.gz", Size: int64(len(archive)), SHA256: hex.EncodeToString(sum[:])}
	return e
}

func TestGet(t *testing.T) {
	t.Setenv("GLIMPSE_OFFLINE", "")
	archive := tinyCIFAR()
	requests := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		if requests == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		http.ServeContent(w, r, "x", time.Time{}, bytes.NewReader(archive))
	}))
	defer s.Close()
	root := filepath.Join(t.TempDir(), "data")
	var steps []string
	retries := 0
	progress := GetProgress{
		Step:  func(step string, done, total int64) { steps = append(steps, fmt.Sprint(step, " ", done, " ", total)) },
		Retry: func(error, time.Duration) { retries++ },
	}
	dir, err := get(t.Context(), entryAt(s.URL, archive), root, progress, fetch.Options{Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{fmt.Sprintf("download %d %d", len(archive), len(archive)), "unpack 0 -1"}
	if got := steps[len(steps)-2:]; got[0] != want[0] || got[1] != want[1] || retries != 1 {
		t.Errorf("the last steps are %q after %d retries, want %q after 1", got, retries, want)
	}
	if names, _ := filesIn(root); len(names) != 1 || !names["cifar10"] {
		t.Errorf("beside the data lie %v", names)
	}
	ds, err := Open(dir, "train")
	if err != nil || ds.Len() != 10 || ds.At(1).Label != "automobile" {
		t.Errorf("what was downloaded opens as %v (%v), want ten records", ds, err)
	}
	t.Setenv("GLIMPSE_DATA", root)
	if found, err := Find("cifar10"); err != nil || found != dir {
		t.Errorf("it is found in %s (%v), want %s", found, err, dir)
	}
	if again, err := Get(t.Context(), entryAt(s.URL, archive), root, GetProgress{}); err != nil || again != dir || requests != 2 {
		t.Errorf("getting it again: %s, %v, %d requests, want none more", again, err, requests)
	}
}

// Files that are no archive are the data set together: none of them lies under its name before all are there.
func TestGetFiles(t *testing.T) {
	t.Setenv("GLIMPSE_OFFLINE", "")
	contents := map[string]string{"/a.txt": "the first", "/b.txt": "the second"}
	missing := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/b.txt" && missing {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, contents[r.URL.Path])
	}))
	defer s.Close()
	e := promptsEntry()
	e.Downloads = nil
	for _, name := range []string{"a.txt", "b.txt"} {
		sum := sha256.Sum256([]byte(contents["/"+name]))
		e.Downloads = append(e.Downloads, Download{s.URL + "/" + name, File{name, int64(len(contents["/"+name])), hex.EncodeToString(sum[:])}})
	}
	root := t.TempDir()
	if _, err := get(t.Context(), e, root, GetProgress{}, fetch.Options{}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("with one file missing: %v, want the server's answer", err)
	}
	if _, err := os.Stat(filepath.Join(root, e.Name)); err == nil {
		t.Error("half of the files lie under the final name")
	}
	missing = false
	dir, err := get(t.Context(), e, root, GetProgress{}, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.txt", "b.txt"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != contents["/"+name] {
			t.Errorf("%s holds %q, %v", name, data, err)
		}
	}
	if names, _ := filesIn(root); len(names) != 1 {
		t.Errorf("beside the data lie %v", names)
	}
}

func TestGetFailures(t *testing.T) {
	t.Setenv("GLIMPSE_OFFLINE", "")
	archive := tinyCIFAR()
	wrong := bytes.Clone(archive)
	wrong[50] ^= 1
	evil := func() []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(tarball(member{name: "../evil", data: "x"})))
		w.Close()
		return b.Bytes()
	}()
	for _, tc := range []struct {
		name         string
		served, want []byte
		message      string
	}{
		{"wrong bytes", wrong, archive, "expected sha256"},
		{"hostile archive", evil, evil, "expected paths inside the archive"},
		{"no archive", []byte("hello"), []byte("hello"), "expected gzip-compressed data"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(tc.served) }))
		defer s.Close()
		root := t.TempDir()
		_, err := Get(t.Context(), entryAt(s.URL, tc.want), root, GetProgress{})
		if err == nil || !strings.Contains(err.Error(), tc.message) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.message)
		}
		if _, err := os.Stat(filepath.Join(root, "cifar10")); err == nil {
			t.Errorf("%s: a folder was left under the final name", tc.name)
		}
	}
}

func TestGetSaysWhatToDoInstead(t *testing.T) {
	for name, want := range map[string]string{
		"flickr8k":         "fill in the form at https://forms.illinois.edu/sec/1713398",
		"fashion-products": "Kaggle asks for a login",
		"squeezenet":       "has to be converted to safetensors",
		"flickr30k":        "caption_datasets.zip",
		"coco":             "train2014.zip",
	} {
		e, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		root := t.TempDir()
		_, err = Get(t.Context(), e, root, GetProgress{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Join(root, name)) {
			t.Errorf("%s: error %v, want %q and the folder", name, err, want)
		}
	}
	if _, err := Lookup("imagenet"); err == nil || !strings.Contains(err.Error(), "flickr8k, flickr30k, coco, fashion-products, cifar10, squeezenet, clip-vocab, clip-prompts") {
		t.Errorf("an unknown name gives %v", err)
	}
}

// TestCatalogueIsWhole: what every entry must say for the command line and for a reader of the list.
func TestCatalogueIsWhole(t *testing.T) {
	hash := regexp.MustCompile(`^[0-9a-f]{64}$`)
	for _, e := range Catalogue() {
		if !validName(e.Name) || e.Description == "" || e.Source == "" || e.Terms == "" || !strings.HasPrefix(e.Publisher, "https://") || len(e.Layouts) == 0 {
			t.Errorf("%s lacks a description, source, terms, publisher or layout: %+v", e.Name, e)
		}
		if e.Downloadable() == (e.ByHand != "") || e.Archive != nil && e.Downloads != nil {
			t.Errorf("%s: want an archive, files, or what to do by hand, one of them", e.Name)
		}
		for _, d := range e.Downloads {
			if !hash.MatchString(d.SHA256) || d.Size == 0 || !strings.HasPrefix(d.URL, "https://") || !slices.Contains(e.Layouts[0].Files, d.File) {
				t.Errorf("%s: the file is not pinned, or not of the first layout: %+v", e.Name, d)
			}
		}
		if (e.Open == nil) != (len(e.Splits) == 0) {
			t.Errorf("%s: want splits and a way to open them, or neither", e.Name)
		}
		if a := e.Archive; a != nil && (!hash.MatchString(a.SHA256) || a.Size == 0 || !strings.HasPrefix(a.URL, "https://")) {
			t.Errorf("%s: the archive is not pinned: %+v", e.Name, a)
		}
		for _, l := range e.Layouts {
			for _, f := range l.Files {
				if f.SHA256 != "" && !hash.MatchString(f.SHA256) {
					t.Errorf("%s: %s has the sha256 %q", e.Name, f.Path, f.SHA256)
				}
			}
		}
	}
}

// TestVerifyRealData reads what is in shared/data from end to end; the counts are those of its README.
func TestVerifyRealData(t *testing.T) {
	for _, tc := range []struct {
		name, layout string
		splits       map[string][2]int // examples, captions
		checked      int               // files with a pinned sha256
	}{
		{"flickr8k", "as published", map[string][2]int{"train": {6000, 30000}, "dev": {1000, 5000}, "test": {700, 3500}}, 0},
		{"fashion-products", "webdataset shards", map[string][2]int{"train": {4800, 4800}, "val": {1200, 1200}}, 0},
		{"cifar10", "folders of classes", map[string][2]int{"train": {5000, 0}, "test": {2000, 0}}, 0},
		{"squeezenet", "safetensors", nil, 1},
		{"clip-vocab", "as published", nil, 1},
	} {
		dir := testdata.Golden(t, "clip/tokenizer")
		if tc.name != "clip-vocab" {
			dir = testdata.Data(t, tc.name)
		}
		done := map[string]int{}
		r, err := Verify(t.Context(), tc.name, dir, func(split string, n, _ int) { done[split] = n })
		if err != nil {
			t.Fatal(err)
		}
		if !r.OK() || r.Layout != tc.layout || len(r.Splits) != len(tc.splits) {
			t.Errorf("%s in the layout %q with %d splits has faults %q", tc.name, r.Layout, len(r.Splits), r.Faults())
		}
		for _, s := range r.Splits {
			if want := tc.splits[s.Name]; s.Examples != want[0] || s.Captions != want[1] || done[s.Name] != want[0] {
				t.Errorf("%s/%s has %d examples and %d captions, progress to %d, want %v", tc.name, s.Name, s.Examples, s.Captions, done[s.Name], want)
			}
		}
		checked := 0
		for _, f := range r.Files {
			if f.Checked {
				checked++
			}
		}
		if checked != tc.checked {
			t.Errorf("%s: %d files were checked against a sha256, want %d", tc.name, checked, tc.checked)
		}
	}
}

func TestVerifyFindsFaults(t *testing.T) {
	files := flickrTree()
	files["Flicker8k_Dataset/a.jpg"] = files["Flicker8k_Dataset/a.jpg"][:200]
	delete(files, "Flickr8k_text/Flickr_8k.devImages.txt")
	r, err := Verify(t.Context(), "flickr8k", tree(t, files), nil)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(r.Faults(), "\n")
	for _, want := range []string{
		"Flickr_8k.devImages.txt, found none", "trainImages.txt line 4: expected lost.jpg", "train: a.jpg: ", "truncated or damaged", "train: gone.jpg",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the faults lack %q:\n%s", want, all)
		}
	}
	if r.OK() || len(r.Splits) != 3 || r.Splits[0].Examples != 2 || len(r.Splits[0].Bad) != 1 || r.Splits[0].Captions != 1 || r.Splits[1].Error == "" {
		t.Errorf("the report is %+v", r)
	}

	dir := tree(t, map[string]string{"squeezenet1_0.safetensors": "short", "LICENCE": "x"})
	r, err = Verify(t.Context(), "squeezenet", dir, nil)
	if err != nil || !strings.Contains(strings.Join(r.Faults(), "\n"), "to have 4998792 bytes, found 5") {
		t.Errorf("a file that is cut gives %q, %v", r.Faults(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "squeezenet1_0.safetensors"), make([]byte, 4_998_792), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err = Verify(t.Context(), "squeezenet", dir, nil)
	if err != nil || !strings.Contains(strings.Join(r.Faults(), "\n"), "to have the sha256 952ad818") {
		t.Errorf("a file that was altered gives %q, %v", r.Faults(), err)
	}
	if _, err := Verify(t.Context(), "flickr8k", filepath.Join(dir, "gone"), nil); err == nil || !strings.Contains(err.Error(), "glimpse data get flickr8k") {
		t.Errorf("a folder that is not there gives %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Verify(ctx, "flickr8k", tree(t, flickrTree()), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
