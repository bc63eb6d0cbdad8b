package datasets

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// karpathyOf is an image of Karpathy's file as published, with the fields that nobody here reads.
func karpathyOf(path, name, split string, cocoid int, raw ...string) string {
	var sentences []string
	for i, r := range raw {
		sentences = append(sentences, fmt.Sprintf(`{"tokens": ["a"], "raw": %q, "imgid": 0, "sentid": %d}`, r, i))
	}
	coco := ""
	if path != "" {
		coco = fmt.Sprintf(`"filepath": %q, "cocoid": %d, `, path, cocoid)
	}
	return fmt.Sprintf(`{%s"sentids": [1, 2], "filename": %q, "imgid": 0, "split": %q, "sentences": [%s]}`, coco, name, split, strings.Join(sentences, ", "))
}

func karpathyJSON(dataset string, images ...string) string {
	return fmt.Sprintf(`{"images": [%s], "dataset": %q}`, strings.Join(images, ",\n"), dataset)
}

func cocoTree() map[string]string {
	return map[string]string{
		"train2014/t.jpg": jpg(10), "val2014/r.jpg": jpg(20), "val2014/v.jpg": jpg(30), "val2014/e.jpg": jpg(40), "val2014/n.jpg": jpg(50),
		"dataset_coco.json": karpathyJSON("coco",
			karpathyOf("val2014", "v.jpg", "val", 391895, "A man with a red helmet.", " Ein Hündchen.\n"),
			karpathyOf("train2014", "t.jpg", "train", 57870, "A restaurant."),
			karpathyOf("val2014", "r.jpg", "restval", 60623, "A girl.", "  "),
			karpathyOf("val2014", "e.jpg", "test", 184613, "Cattle."),
			karpathyOf("val2014", "n.jpg", "train", 1),
			karpathyOf("val2014", "gone.jpg", "train", 2, "Lost."),
			karpathyOf("val2014", "t.jpg", "train", 3, "In the other folder."),
			karpathyOf("val2014", "e.jpg", "validation", 4, "Misplaced."),
			karpathyOf("../../etc", "passwd", "train", 5, "Outside."),
			karpathyOf("train2014", "../x.jpg", "train", 6, "Outside."),
			karpathyOf("train2014", "t.jpg", "train", 57870, "Again.")),
	}
}

func TestKarpathyCOCO(t *testing.T) {
	dir := tree(t, cocoTree())
	train, err := Open(dir, "train")
	if err != nil {
		t.Fatal(err)
	}
	if train.Name() != "coco/karpathy-train" {
		t.Errorf("the name is %s", train.Name())
	}
	want := []string{`t.jpg ["A restaurant."] "" map[image_id:57870]`, `r.jpg ["A girl."] "" map[image_id:60623]`}
	if diff := cmp.Diff(want, summary(train)); diff != "" {
		t.Error(diff)
	}
	if got := greyOf(t, train.At(1)); got < 18 || got > 22 {
		t.Errorf("r.jpg is grey %d, want 20", got)
	}
	wantProblems(t, train,
		"r.jpg: expected words in its sentence 1, found none; the sentence is left out",
		"n.jpg: expected sentences about this picture, found none",
		"gone.jpg: expected this picture, which the file lists in the split train, found none",
		"t.jpg: expected this picture",
		`e.jpg: expected its split to be one of train, restval, val, test, found "validation"; the picture is left out`,
		`passwd: expected the name of a file in the data set's folder, found filepath "../../etc"`,
		`../x.jpg: expected the name of a file`,
		"t.jpg: expected each picture once, found train2014/t.jpg again")
	for split, want := range map[string][]string{
		"val":     {`v.jpg ["A man with a red helmet." "Ein Hündchen."] "" map[image_id:391895]`},
		"dev":     {`v.jpg ["A man with a red helmet." "Ein Hündchen."] "" map[image_id:391895]`},
		"test":    {`e.jpg ["Cattle."] "" map[image_id:184613]`},
		"restval": {`r.jpg ["A girl."] "" map[image_id:60623]`},
	} {
		ds, err := Karpathy(dir, split)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, summary(ds)); diff != "" {
			t.Errorf("%s: %s", split, diff)
		}
	}
	if _, err := Karpathy(dir, "all"); err == nil || !strings.Contains(err.Error(), `coco has no split "all": expected one of train, val, test, restval`) {
		t.Errorf("an unknown split gives %v", err)
	}
}

// Beside COCO's own annotations, train, val and test are Karpathy's, and the years' names COCO's.
func TestKarpathyBesideAnnotations(t *testing.T) {
	files := cocoTree()
	files["annotations/captions_val2014.json"] = `{"images": [{"id": 60623, "file_name": "r.jpg"}], "annotations": [{"id": 1, "image_id": 60623, "caption": "Own."}]}`
	dir := tree(t, files)
	for split, want := range map[string]string{
		"val":     `v.jpg ["A man with a red helmet." "Ein Hündchen."] "" map[image_id:391895]`,
		"val2014": `r.jpg ["Own."] "" map[image_id:60623]`,
	} {
		ds, err := Open(dir, split)
		if err != nil {
			t.Fatal(err)
		}
		if got := summary(ds); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", split, got, want)
		}
	}
}

func TestKarpathyFlickr(t *testing.T) {
	for dataset, folders := range map[string][]string{
		"flickr8k": {"Flicker8k_Dataset", "Flickr8k_Dataset", "Images"}, "flickr30k": {"flickr30k-images", "flickr30k_images", "images", "."},
	} {
		for _, folder := range folders {
			dir := tree(t, map[string]string{
				folder + "/a.jpg": jpg(10), folder + "/b.jpg": jpg(20), folder + "/c.jpg": jpg(20),
				"dataset_" + dataset + ".json": karpathyJSON(dataset,
					karpathyOf("", "a.jpg", "train", 0, "Two dogs .", "Dogs ."), karpathyOf("", "b.jpg", "test", 0, "A cat ."), karpathyOf("", "c.jpg", "val", 0, "A cow .")),
			})
			for split, want := range map[string]string{"train": `a.jpg ["Two dogs ." "Dogs ."] "" map[]`, "test": `b.jpg ["A cat ."] "" map[]`, "val": `c.jpg ["A cow ."] "" map[]`} {
				ds, err := Open(dir, split)
				if err != nil {
					t.Fatalf("%s in %s: %v", dataset, folder, err)
				}
				if got := summary(ds); len(got) != 1 || got[0] != want || len(Problems(ds)) != 0 || ds.Name() != dataset+"/karpathy-"+split {
					t.Errorf("%s in %s: %s has %q and %v", dataset, folder, ds.Name(), got, Problems(ds))
				}
			}
		}
	}
}

func TestKarpathyBadFiles(t *testing.T) {
	for text, want := range map[string]string{
		`{"images": [`:                      "expected Karpathy's JSON with dataset and images, found: unexpected end",
		`{"images": 3}`:                     "expected Karpathy's JSON",
		`[]`:                                "expected Karpathy's JSON",
		`{"dataset": "coco", "images": []}`: "with a list of images, found none",
		karpathyJSON("coco", karpathyOf("val2014", "a.jpg", "train", 1, "Lost")): "coco/karpathy-train: expected examples",
	} {
		if _, err := Karpathy(tree(t, map[string]string{"dataset_coco.json": text}), "train"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: expected an error with %q, found %v", text, want, err)
		}
	}
	if _, err := Karpathy(t.TempDir(), "train"); err == nil || !strings.Contains(err.Error(), "expected one file dataset_*.json") {
		t.Errorf("an empty folder gives %v", err)
	}
	two := tree(t, map[string]string{"dataset_coco.json": "{}", "dataset_flickr8k.json": "{}"})
	if _, err := Karpathy(two, "train"); err == nil || !strings.Contains(err.Error(), "found 2 (dataset_coco.json, dataset_flickr8k.json)") {
		t.Errorf("two files give %v", err)
	}
}
