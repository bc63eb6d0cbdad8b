package datasets

import (
	"path/filepath"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// TestRealData opens the data sets of shared/data; the counts are those of its README.
func TestRealData(t *testing.T) {
	for _, tc := range []struct {
		name, split string
		open        func(dir, split string) (Dataset, error)
		n, captions int // captions of each example
		width       int // of the first picture
		first       string
	}{
		{"flickr8k", "train", Flickr8k, 6000, 5, 224, ""},
		{"flickr8k", "dev", Flickr8k, 1000, 5, 224, ""},
		{"flickr8k", "test", Open, 700, 5, 224, ""},
		{"fashion-products", "train", Open, 4800, 1, 60, ""},
		{"fashion-products", "val", Open, 1200, 1, 60, "042276"},
		{"cifar10", "train", Open, 5000, 0, 32, ""},
		{"cifar10", "test", Open, 2000, 0, 32, "airplane/0003.jpg"},
	} {
		t.Run(tc.name+"/"+tc.split, func(t *testing.T) {
			ds, err := tc.open(testdata.Data(t, tc.name), tc.split)
			if err != nil {
				t.Fatal(err)
			}
			if ds.Len() != tc.n || ds.Name() != tc.name+"/"+tc.split || len(Problems(ds)) != 0 {
				t.Errorf("%s has %d examples and problems %v, want %s/%s, %d, none", ds.Name(), ds.Len(), Problems(ds), tc.name, tc.split, tc.n)
			}
			ids := map[string]bool{}
			for i := range ds.Len() {
				e := ds.At(i)
				if len(e.Captions) != tc.captions {
					t.Fatalf("%s has %d captions, want %d", e.ID, len(e.Captions), tc.captions)
				}
				if (e.Label != "") != (tc.name == "cifar10") {
					t.Fatalf("%s has the label %q", e.ID, e.Label)
				}
				if tc.name == "fashion-products" && (e.Attributes["articleType"] == "" || e.Attributes["gender"] == "") {
					t.Fatalf("%s has the attributes %v", e.ID, e.Attributes)
				}
				ids[e.ID] = true
			}
			if len(ids) != tc.n {
				t.Errorf("%d different IDs, want %d", len(ids), tc.n)
			}
			if first := ds.At(0).ID; tc.first != "" && first != tc.first {
				t.Errorf("the first example is %s, want %s", first, tc.first)
			}
			for _, i := range []int{0, tc.n / 2, tc.n - 1} {
				img, err := ds.At(i).Open()
				if err != nil {
					t.Fatal(err)
				}
				if i == 0 && img.Bounds().Dx() != tc.width {
					t.Errorf("the first picture is %v, want a width of %d", img.Bounds(), tc.width)
				}
			}
			again, err := tc.open(testdata.Data(t, tc.name), tc.split)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := ds.Fingerprint(), again.Fingerprint(); a != b || len(a) != 64 {
				t.Errorf("the fingerprint is %q, then %q", a, b)
			}
		})
	}
}

func TestFindRealData(t *testing.T) {
	want := testdata.Data(t, "flickr8k")
	t.Setenv("GLIMPSE_DATA", filepath.Dir(want))
	got, err := Find("flickr8k")
	if err != nil || got != want {
		t.Errorf("found %q (%v), want %q", got, err, want)
	}
}
