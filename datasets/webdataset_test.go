package datasets

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWebDataset(t *testing.T) {
	one := tarball(
		member{name: "7.txt", data: "A cup\nof two lines\n"}, member{name: "7.jpg", data: jpg(70)},
		member{name: "7.json", data: `{"id": 7, "articleType": "Cups", "season": "", "nested": {"a": 1}, "new": true}`},
		member{name: "sub/", kind: tar.TypeDir}, member{name: "sub/8.png", data: pngFile(80)}, member{name: "sub/8.cls", data: "cup\n"},
		member{name: "9.jpg", data: jpg(90)}, member{name: "9.json", data: `{"caption": "From JSON"}`},
		member{name: ".DS_Store", data: "x"}, member{name: "README", data: "x"},
		member{name: "lonely.jpg", data: jpg(1)}, member{name: "text-only.txt", data: "No picture"},
		member{name: "link.jpg", data: "/etc/passwd", kind: tar.TypeSymlink},
		member{name: "twice.jpg", data: jpg(2)}, member{name: "twice.png", data: pngFile(3)}, member{name: "twice.txt", data: "Twice"},
		member{name: "bad.jpg", data: jpg(4)}, member{name: "bad.json", data: `[1`},
		member{name: "mute.jpg", data: jpg(4)}, member{name: "mute.txt", data: " \n"}, member{name: "mute.mp3", data: "x"},
	)
	two := tarball(member{name: "7.jpg", data: jpg(77)}, member{name: "7.txt", data: "Another cup"})
	dir := tree(t, map[string]string{"train-0.tar": one, "train-1.tar": two, "val-0.tar": two})
	ds, err := Open(dir, "train")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`train-0:7 ["A cup" "of two lines"] "" map[articleType:Cups id:7 new:true]`,
		`sub/8 [] "cup" map[]`,
		`9 ["From JSON"] "" map[caption:From JSON]`,
		`twice ["Twice"] "" map[]`,
		`train-1:7 ["Another cup"] "" map[]`,
	}
	if diff := cmp.Diff(want, summary(ds)); diff != "" {
		t.Error(diff)
	}
	for i, grey := range []uint8{70, 80, 90, 2, 77} {
		if got := greyOf(t, ds.At(i)); max(got, grey)-min(got, grey) > 2 {
			t.Errorf("picture %d is grey %d, want %d", i, got, grey)
		}
	}
	wantProblems(t, ds,
		"train-0.tar README: expected a name such as KEY.jpg",
		"train-0.tar link.jpg: expected a plain file",
		"train-0.tar twice.png: expected one picture for twice, found a second beside twice.jpg",
		"train-0.tar bad.json: expected a JSON object",
		"train-0.tar mute.txt: expected a caption",
		"train-0.tar mute.mp3: expected a picture, .txt, .json or .cls, found the ending .mp3",
		"lonely: expected a .txt, .json or .cls beside this picture",
		"text-only: expected a picture",
		"bad: expected a .txt, .json or .cls",
		"mute: expected a .txt, .json or .cls")

	// A shard that changes after it was opened is noticed when the picture is read.
	if err := os.Truncate(filepath.Join(dir, "train-1.tar"), 600); err != nil {
		t.Fatal(err)
	}
	if _, err := ds.At(4).Open(); err == nil || !strings.Contains(err.Error(), "it has changed since it was opened") {
		t.Errorf("reading from a shard that was cut since gives %v", err)
	}
	if _, err := Shards(dir, "test"); err == nil || !strings.Contains(err.Error(), "train-0.tar, train-1.tar, val-0.tar") {
		t.Errorf("a split without shards gives %v", err)
	}
}

// TestCutShards cuts a shard at every byte: each prefix is refused with the shard's name and an offset, or opened
// with a problem, or whole; it is never taken for a smaller data set in silence.
func TestCutShards(t *testing.T) {
	whole := tarball(member{name: "1.jpg", data: jpg(1)}, member{name: "1.txt", data: "One"},
		member{name: "2.jpg", data: jpg(2)}, member{name: "2.txt", data: "Two"})
	const endMark = 1024
	dir := t.TempDir()
	shard := filepath.Join(dir, "train-000.tar")
	refused, reported := 0, 0
	for cut := 0; cut < len(whole)-endMark; cut += 32 {
		if err := os.WriteFile(shard, []byte(whole[:cut]), 0o644); err != nil {
			t.Fatal(err)
		}
		ds, err := WebDataset("cut", []string{shard})
		switch {
		case err != nil && strings.Contains(err.Error(), shard):
			refused++
		case err != nil:
			t.Errorf("cut at %d: the error does not name the shard: %v", cut, err)
		case len(Problems(ds)) > 0:
			reported++
		default:
			t.Errorf("cut at %d of %d bytes: opened %d examples without a word", cut, len(whole), ds.Len())
		}
	}
	if refused == 0 || reported == 0 {
		t.Errorf("%d cut shards were refused and %d reported, want some of both", refused, reported)
	}
	for cut, want := range map[int]string{
		512 + 100: "expected 605 bytes of 1.jpg at offset 512, found 100 up to the end",
		300:       "is cut: expected more after offset 0, found the end of the file at 300",
	} {
		if err := os.WriteFile(shard, []byte(whole[:cut]), 0o644); err != nil {
			t.Fatal(err)
		}
		want = strings.Replace(want, "605", fmt.Sprint(len(jpg(1))), 1)
		if _, err := WebDataset("cut", []string{shard}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("cut at %d: error %v, want %q", cut, err, want)
		}
	}
	if err := os.WriteFile(shard, []byte(strings.Repeat("not a tar ", 200)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := WebDataset("no tar", []string{shard}); err == nil || !strings.Contains(err.Error(), "expected an uncompressed tar archive") {
		t.Errorf("a file that is no tar gives %v", err)
	}
}
