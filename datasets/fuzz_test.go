package datasets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// checkFound holds what was made of a stranger's annotations against what may be: pictures in the folder and nowhere else, with captions.
func checkFound(t *testing.T, set Dataset, err error) {
	t.Helper()
	if err != nil {
		if strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("the error is no sentence: %q", err)
		}
		return
	}
	for i := range set.Len() {
		if example := set.At(i); !strings.HasSuffix(example.ID, "one.jpg") {
			t.Errorf("found a picture called %q", example.ID)
		}
	}
}

// fuzzFolder has one picture, and room for an annotations file.
func fuzzFolder(f *testing.F) string {
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "one.jpg"), []byte("x"), 0o644); err != nil {
		f.Fatal(err)
	}
	return dir
}

// An image of three letters of JSON ("{}," in a list) becomes a record of a hundred bytes, an example or a sentence about what it lacks.
const costOfAnImage = 4096

func FuzzCOCOCaptions(f *testing.F) {
	f.Add([]byte(`{"images":[{"id":1,"file_name":"one.jpg"},{"id":2,"file_name":"../two.jpg"}],"annotations":[{"id":1,"image_id":1,"caption":"a dog"},{"id":2,"image_id":9,"caption":"x"}]}`))
	f.Add([]byte(`{"images":[{},{}],"annotations":[{}]}`))
	dir := fuzzFolder(f)
	path := filepath.Join(dir, "captions.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		var set Dataset
		var err error
		testdata.Bounded(t, len(data), 4, int64(strings.Count(string(data), "{"))*costOfAnImage, func() { set, err = COCOCaptions(dir, path) })
		checkFound(t, set, err)
	})
}

func FuzzKarpathy(f *testing.F) {
	f.Add([]byte(`{"dataset":"flickr8k","images":[{"filename":"one.jpg","imgid":0,"split":"train","sentids":[0],"sentences":[{"raw":"A dog.","tokens":["a","dog"],"imgid":0,"sentid":0}]}]}`))
	f.Add([]byte(`{"images":[{"filepath":"../..","filename":"one.jpg","split":"restval","sentences":[{"raw":""}]},{},{"filename":"a/b","split":"test"}]}`))
	dir := fuzzFolder(f)
	path := filepath.Join(dir, "dataset_flickr8k.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		var set Dataset
		var err error
		testdata.Bounded(t, len(data), 4, int64(strings.Count(string(data), "{"))*costOfAnImage, func() { set, err = Open(dir, "train") })
		checkFound(t, set, err)
	})
}
