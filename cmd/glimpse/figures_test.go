package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A table has one line a metric: its interval and n beside it, recall@5 before recall@10, plain figures last.
func TestPrintMetrics(t *testing.T) {
	var out strings.Builder
	err := printMetrics(&out, map[string]float64{
		"recall@10": 0.468, "recall@10_low": 0.43725, "recall@10_high": 0.49899, "recall@10_n": 1000,
		"recall@5": 0.3, "recall@5_low": 0.25, "recall@5_high": 0.35, "recall@5_n": 1000,
		"loss": 1.2345678, "alone_n": 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `metric      value   95% interval     n
recall@5    0.3     0.25 to 0.35     1000
recall@10   0.468   0.437 to 0.499   1000
alone_n     3
loss        1.235
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// The splits of every layout, the one that is chosen, and what is said when there is none.
func TestSplits(t *testing.T) {
	const none = "(none)" // --split is not given
	for _, test := range []struct {
		name   string
		files  []string
		splits []string
		asked  string
		want   string // or the error's words
		fails  bool
	}{
		{"flickr8k", []string{"Flickr8k_text/Flickr_8k.trainImages.txt", "Flickr8k_text/Flickr_8k.devImages.txt", "Flickr8k_text/Flickr_8k.testImages.txt", "Flickr8k_text/Flickr8k.token.txt"},
			[]string{"dev", "test", "train"}, none, "test", false},
		{"flickr8k by another name", []string{"Flickr8k_text/Flickr_8k.devImages.txt"}, []string{"dev"}, "val", "dev", false},
		{"shards", []string{"train-00000.tar", "train-00001.tar", "val-000000.tar", "README"}, []string{"train", "val"}, none, "val", false},
		{"one shard", []string{"test.tar"}, []string{"test"}, "test", "test", false},
		{"shards without it", []string{"my-train-00000.tar"}, []string{"my-train"}, none, "found my-train; choose one with --split", true},
		{"classes", []string{"train/cat/1.png", "test/cat/1.png"}, []string{"test", "train"}, none, "test", false},
		{"mistyped", []string{"train/cat/1.png", "test/cat/1.png"}, []string{"test", "train"}, "tain", "found test, train, did you mean train?", true},
		{"classes alone", []string{"cat/1.png", "dog/1.png"}, nil, none, "", false},
		{"classes alone, a split asked for", []string{"cat/1.png", "dog/1.png"}, nil, "test", "found a folder without splits", true},
		{"a class called train", []string{"train/1.png", "bus/1.png"}, nil, none, "", false},
		{"splits of captions", []string{"train/1.png", "train/1.txt", "test/1.png", "test/1.txt"}, []string{"test", "train"}, none, "test", false},
		{"the whole folder", []string{"train/cat/1.png", "test/cat/1.png"}, []string{"test", "train"}, "", "", false},
		{"captions alone", []string{"1.png", "1.txt"}, nil, none, "", false},
		{"binary", []string{"cifar-10-batches-bin/test_batch.bin"}, []string{"train", "test"}, none, "test", false},
		{"coco", []string{"annotations/captions_train2014.json", "annotations/captions_val2014.json", "val2014/1.jpg"}, []string{"train2014", "val2014"}, none, "val2014", false},
		{"coco by its short name", []string{"annotations/captions_val2014.json"}, []string{"val2014"}, "val", "val", false},
		{"coco by flickr8k's name", []string{"annotations/captions_val2014.json"}, []string{"val2014"}, "dev", "val2014", false},
		{"karpathy's coco", []string{"dataset_coco.json", "val2014/1.jpg"}, []string{"train", "val", "test", "restval"}, "restval", "restval", false},
		{"karpathy's by flickr8k's name", []string{"dataset_flickr8k.json"}, []string{"train", "val", "test"}, "dev", "val", false},
		{"karpathy's flickr30k", []string{"dataset_flickr30k.json"}, []string{"train", "val", "test"}, "restval", "found train, val, test", true},
		{"letters are no year", []string{"annotations/captions_valuable.json"}, []string{"valuable"}, "val", "did you mean valuable?", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "with [brackets]")
			for _, name := range test.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			splits, err := splitsIn(dir)
			if err != nil || !slices.Equal(splits, test.splits) {
				t.Errorf("got the splits %v (%v), expected %v", splits, err, test.splits)
			}
			asked, named := test.asked, test.asked != none
			if !named {
				asked = ""
			}
			got, err := chooseSplit(dir, asked, named, splits)
			switch {
			case test.fails && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, expected an error with %q", err, test.want)
			case !test.fails && (err != nil || got != test.want):
				t.Errorf("got %q (%v), expected %q", got, err, test.want)
			}
		})
	}
}
