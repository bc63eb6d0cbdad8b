package datasets

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func flickrTree() map[string]string {
	return map[string]string{
		"Flicker8k_Dataset/a.jpg": jpg(10),
		"Flicker8k_Dataset/b.jpg": jpg(20),
		"Flicker8k_Dataset/c.jpg": jpg(30),
		"Flickr8k_text/Flickr8k.token.txt": "a.jpg#1\tThe second .\r\na.jpg#0\tThe first .\r\n\nb.jpg#0\tA dog .\n" +
			"gone.jpg#0\tNobody saw it .\nno tab here\nb.jpg#x\tnot a number\n",
		"Flickr8k_text/Flickr_8k.trainImages.txt": "b.jpg\na.jpg\r\nc.jpg\nlost.jpg\nb.jpg\n",
		"Flickr8k_text/Flickr_8k.devImages.txt":   "lost.jpg\n",
	}
}

func TestFlickr8k(t *testing.T) {
	dir := tree(t, flickrTree())
	ds, err := Flickr8k(dir, "train")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`b.jpg ["A dog ."] "" map[]`, `a.jpg ["The first ." "The second ."] "" map[]`}
	if diff := cmp.Diff(want, summary(ds)); diff != "" {
		t.Error(diff)
	}
	if got := greyOf(t, ds.At(0)); got < 18 || got > 22 {
		t.Errorf("b.jpg is grey %d, want 20", got)
	}
	wantProblems(t, ds,
		`Flickr8k.token.txt line 6: expected NAME#NUMBER, a tab and a caption, found "no tab here"`,
		`Flickr8k.token.txt line 7: expected`,
		`gone.jpg: expected this picture, which has captions`,
		`trainImages.txt line 3: expected captions of c.jpg`,
		`trainImages.txt line 4: expected lost.jpg in Flicker8k_Dataset`,
		`trainImages.txt line 5: expected each picture once, found b.jpg again`)

	for split, want := range map[string]string{
		"dev":  "found none that is whole",
		"test": "Flickr_8k.testImages.txt",
		"all":  `no split "all": expected one of train, dev, test`,
	} {
		if _, err := Flickr8k(dir, split); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("split %s: error %v, want %q", split, err, want)
		}
	}
	if _, err := Flickr8k(t.TempDir(), "train"); err == nil || !strings.Contains(err.Error(), "Flicker8k_Dataset") {
		t.Errorf("an empty folder gives %v", err)
	}
}

func TestFingerprintSeesEverything(t *testing.T) {
	open := func(change func(files map[string]string)) string {
		files := flickrTree()
		change(files)
		ds, err := Flickr8k(tree(t, files), "train")
		if err != nil {
			t.Fatal(err)
		}
		return ds.Fingerprint()
	}
	text := "Flickr8k_text/Flickr8k.token.txt"
	base := open(func(map[string]string) {})
	if again := open(func(map[string]string) {}); again != base {
		t.Error("the same files in another folder have another fingerprint")
	}
	seen := map[string]string{base: "nothing"}
	for name, change := range map[string]func(map[string]string){
		"a word":            func(f map[string]string) { f[text] = strings.Replace(f[text], "dog", "cat", 1) },
		"a picture's size":  func(f map[string]string) { f["Flicker8k_Dataset/a.jpg"] += "x" },
		"the order":         func(f map[string]string) { f["Flickr8k_text/Flickr_8k.trainImages.txt"] = "a.jpg\nb.jpg\n" },
		"the order, of one": func(f map[string]string) { f["Flickr8k_text/Flickr_8k.trainImages.txt"] = "a.jpg\n" },
	} {
		got := open(change)
		if other, ok := seen[got]; ok {
			t.Errorf("changing %s gives the fingerprint of changing %s", name, other)
		}
		seen[got] = name
	}
}

func TestFolders(t *testing.T) {
	dir := tree(t, map[string]string{
		"test/cat/2.png": pngFile(2), "test/cat/1.jpg": jpg(1), "test/cat/.hidden": "x", "test/cat/notes.md": "x",
		"test/ant/3.jpg": jpg(3), "test/zebra/readme.txt": "x", "test/loose.jpg.bak": "x",
	})
	ds, err := Open(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`ant/3.jpg [] "ant" map[]`, `cat/1.jpg [] "cat" map[]`, `cat/2.png [] "cat" map[]`}
	if diff := cmp.Diff(want, summary(ds)); diff != "" {
		t.Error(diff)
	}
	if same, err := Open(filepath.Join(dir, "test"), ""); err != nil || same.Fingerprint() != ds.Fingerprint() {
		t.Errorf("opened directly it is %v (%v)", same, err)
	}
	wantProblems(t, ds, "cat/notes.md: expected a picture", "loose.jpg.bak: expected folders named after classes",
		"zebra/readme.txt: expected a picture", "zebra: expected pictures of this class, found none")
}

func TestCaptioned(t *testing.T) {
	dir := tree(t, map[string]string{
		"1.jpg": jpg(1), "1.txt": "\ufeffOne\r\nAnother one\r\n", "2.jpg": jpg(2), "3.jpg": jpg(3), "3.txt": "\n",
		"4.txt": "Four", "5.pdf": "x",
	})
	ds, err := Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`1.jpg ["One" "Another one"] "" map[]`}, summary(ds)); diff != "" {
		t.Error(diff)
	}
	wantProblems(t, ds, "5.pdf: expected a picture", "2.jpg: expected captions in 2.txt", "3.jpg: expected captions in 3.txt",
		"4.txt: expected a picture of this name")
	all, err := Pictures(dir)
	if err != nil || all.Len() != 3 {
		t.Errorf("the folder as pictures alone has %v (%v), want 3", all, err)
	}
}

func TestCOCOCaptions(t *testing.T) {
	dir := tree(t, map[string]string{
		"val2014/a.jpg": jpg(1), "val2014/b.jpg": jpg(2), "annotations/captions_val2014.json": `{"info": {}, "images":
			[{"id": 5, "file_name": "b.jpg", "width": 8}, {"id": 4, "file_name": "a.jpg"}, {"id": 6, "file_name": "c.jpg"}],
			"annotations": [{"id": 1, "image_id": 5, "caption": "First.\n"}, {"id": 3, "image_id": 5, "caption": " Second."},
			{"id": 9, "image_id": 77, "caption": "Of nothing"}, {"id": 10, "image_id": 6, "caption": "Lost"}]}`,
		"bad.json": `{"images": 3}`,
	})
	ds, err := COCOCaptions(filepath.Join(dir, "val2014"), filepath.Join(dir, "annotations", "captions_val2014.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`b.jpg ["First." "Second."] "" map[image_id:5]`}, summary(ds)); diff != "" {
		t.Error(diff)
	}
	wantProblems(t, ds, "annotation 9: expected image 77", "a.jpg: expected captions", "c.jpg: expected this picture")
	if same, err := Open(dir, "val"); err != nil || same.Fingerprint() != ds.Fingerprint() {
		t.Errorf("found by its layout it is %v (%v)", same, err)
	}
	if _, err := Open(dir, "train"); err == nil || !strings.Contains(err.Error(), "captions_train*.json") {
		t.Errorf("a split that is not there gives %v", err)
	}
	if _, err := COCOCaptions(filepath.Join(dir, "val2014"), filepath.Join(dir, "bad.json")); err == nil {
		t.Error("JSON of another layout was accepted")
	}
}

func TestCIFAR10Binary(t *testing.T) {
	record := func(label byte, red, green, blue byte) string {
		return string(label) + strings.Repeat(string(red), 1024) + strings.Repeat(string(green), 1024) + strings.Repeat(string(blue), 1024)
	}
	files := map[string]string{"cifar-10-batches-bin/batches.meta.txt": "airplane\nautomobile\nbird\n\n"}
	for i := range 5 {
		files[fmt.Sprintf("cifar-10-batches-bin/data_batch_%d.bin", i+1)] = record(byte(i%3), byte(i), 50, 60) + record(2, 7, 8, 9)
	}
	files["cifar-10-batches-bin/test_batch.bin"] = record(1, 1, 2, 3) + record(9, 0, 0, 0)
	dir := tree(t, files)
	ds, err := Open(dir, "train")
	if err != nil {
		t.Fatal(err)
	}
	if ds.Len() != 10 || ds.At(4).ID != "data_batch_3.bin:0" || ds.At(4).Label != "bird" || ds.Name() != "cifar10/train" {
		t.Errorf("train is %s", strings.Join(summary(ds), "\n"))
	}
	img, err := ds.At(4).Open()
	if err != nil || img.At(31, 31) != (color.RGBA{2, 50, 60, 255}) {
		t.Errorf("a pixel is %v (%v), want 2 50 60", img.At(31, 31), err)
	}
	test, err := CIFAR10Binary(filepath.Join(dir, "cifar-10-batches-bin"), "test")
	if err != nil || test.Len() != 1 {
		t.Fatalf("test is %v (%v), want one record", test, err)
	}
	wantProblems(t, test, "test_batch.bin:1: expected a label below 3, found 9")

	if err := os.Truncate(filepath.Join(dir, "cifar-10-batches-bin/test_batch.bin"), 4000); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, "test"); err == nil || !strings.Contains(err.Error(), "found 4000 bytes; the file is cut at record 1") {
		t.Errorf("a cut file gives %v", err)
	}
	if _, err := Open(dir, "val"); err == nil || !strings.Contains(err.Error(), `no split "val"`) {
		t.Errorf("an unknown split gives %v", err)
	}
}
