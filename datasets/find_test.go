package datasets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDerived(t *testing.T) {
	ds, err := Flickr8k(tree(t, flickrTree()), "train")
	if err != nil {
		t.Fatal(err)
	}
	limited := Limit(ds, 1)
	if diff := cmp.Diff(summary(ds)[:1], summary(limited)); diff != "" {
		t.Error(diff)
	}
	sub, err := Subset(ds, []int{1, 0, 1})
	if err != nil {
		t.Fatal(err)
	}
	all := summary(ds)
	if diff := cmp.Diff([]string{all[1], all[0], all[1]}, summary(sub)); diff != "" {
		t.Error(diff)
	}
	both := Concat(limited, ds)
	var ids []string
	for i := range both.Len() {
		ids = append(ids, both.At(i).ID)
	}
	if diff := cmp.Diff([]string{"flickr8k/train[:1]/b.jpg", "flickr8k/train/b.jpg", "a.jpg"}, ids); diff != "" {
		t.Error(diff)
	}
	prints := map[string]bool{}
	for _, d := range []Dataset{ds, limited, Limit(ds, 0), sub, both, Concat(ds, limited)} {
		prints[d.Fingerprint()] = true
		if d.Len() > 0 && len(Problems(d)) == 0 {
			t.Errorf("%s lost the problems of what it was made from", d.Name())
		}
	}
	if len(prints) != 6 {
		t.Errorf("six data sets have %d fingerprints", len(prints))
	}
	if _, err := Subset(ds, []int{2}); err == nil {
		t.Error("an index that is not there was accepted")
	}
}

func TestFind(t *testing.T) {
	root := tree(t, map[string]string{
		"data/mine/x.txt": "x", "checkout/go.mod": "module x", "checkout/deep/down/x": "", "shared/data/shared/x.txt": "x",
		"home/.cache/glimpse/data/cached/x.txt": "x", "home/.cache/glimpse/data/mine/x.txt": "x",
	})
	if err := os.MkdirAll(filepath.Join(root, "data/empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GLIMPSE_DATA", filepath.Join(root, "data"))
	t.Setenv("HOME", filepath.Join(root, "home"))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(root, "home", ".cache"))
	t.Chdir(filepath.Join(root, "checkout", "deep", "down"))
	for name, want := range map[string]string{"mine": "data/mine", "shared": "shared/data/shared", "cached": "home/.cache/glimpse/data/cached"} {
		got, err := Find(name)
		real, _ := filepath.EvalSymlinks(filepath.Join(root, want))
		if gotReal, _ := filepath.EvalSymlinks(got); err != nil || gotReal != real {
			t.Errorf("%s was found in %s (%v), want %s", name, got, err, real)
		}
	}
	for name, want := range map[string]string{
		"empty": "glimpse data get empty", "nowhere": filepath.Join(root, "data") + ", ",
		"../data": "expected the name of a data set", "": "expected the name", ".": "expected the name", `a\b`: "expected the name",
	} {
		if _, err := Find(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", name, err, want)
		}
	}
	if dir, err := CacheDir(); err != nil || dir != filepath.Join(root, "data") {
		t.Errorf("data is kept in %s (%v), want what GLIMPSE_DATA names", dir, err)
	}
	t.Setenv("GLIMPSE_DATA", "")
	if dir, err := CacheDir(); err != nil || dir != filepath.Join(root, "home/.cache/glimpse/data") {
		t.Errorf("data is kept in %s (%v), want the cache folder", dir, err)
	}
}

func TestOpenUnknownLayout(t *testing.T) {
	dir := tree(t, map[string]string{"notes.txt": "x"})
	if _, err := Open(dir, "train"); err == nil || !strings.Contains(err.Error(), "found notes.txt") {
		t.Errorf("a folder of no layout gives %v", err)
	}
	if _, err := Open(filepath.Join(dir, "gone"), "train"); err == nil {
		t.Error("a folder that is not there was opened")
	}
}
