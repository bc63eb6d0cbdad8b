package metrics

import (
	"math"
	"testing"
)

// goldenPicture is a picture of captions.json.
type goldenPicture struct {
	ID         ID `json:"image_id"`
	Candidate  string
	References []string
}

func goldenPictures(t testing.TB) []Picture {
	var found []goldenPicture
	readJSON(t, "captions.json", &found)
	var pictures []Picture
	for _, f := range found {
		pictures = append(pictures, Picture(f))
	}
	return pictures
}

// largest difference between scores and golden ones by name; METEOR is not among the golden ones.
type difference struct {
	largest  float64
	compared int
}

func (d *difference) compare(t *testing.T, what string, got Scores, want map[string]float64) {
	t.Helper()
	for _, s := range got.List() {
		golden, ok := want[s.Name]
		if !ok {
			continue
		}
		d.compared++
		d.largest = max(d.largest, math.Abs(s.Value-golden))
		if math.Abs(s.Value-golden) > 1e-12 || math.IsNaN(s.Value) {
			t.Errorf("%s: %s is %.17g, expected %.17g", what, s.Name, s.Value, golden)
		}
	}
}

// Corpus scores and those of all 200 pictures equal those of the published evaluation code.
func TestScoresGolden(t *testing.T) {
	e, err := Evaluate(goldenPictures(t))
	if err != nil {
		t.Fatal(err)
	}
	var d difference
	var corpus struct{ Scores map[string]float64 }
	readJSON(t, "corpus.json", &corpus)
	d.compare(t, "corpus", e.Corpus, corpus.Scores)
	var perImage []map[string]float64
	readJSON(t, "per_image.json", &perImage)
	if len(perImage) != len(e.PerImage) {
		t.Fatalf("expected %d pictures, found %d", len(perImage), len(e.PerImage))
	}
	for i, want := range perImage {
		if id := NumberID(int64(want["image_id"])); e.PerImage[i].ID != id {
			t.Fatalf("expected image_id %s, found %s", id, e.PerImage[i].ID)
		}
		d.compare(t, "picture "+e.PerImage[i].ID.String(), e.PerImage[i].Scores, want)
	}
	t.Logf("%d figures compared, the largest difference is %g; METEOR-like %.4f", d.compared, d.largest, e.Corpus.METEORLike)
	if d.compared != 6*201 {
		t.Errorf("expected to compare %d figures, compared %d", 6*201, d.compared)
	}
}

// The small corpora: nothing in common, short and empty candidates, one picture, ties.
func TestEdgeCasesGolden(t *testing.T) {
	var cases struct {
		Corpora []struct {
			Name    string
			Items   []goldenPicture
			Corpus  map[string]float64
			PerItem []map[string]float64 `json:"per_item"`
		}
	}
	readJSON(t, "edge_cases.json", &cases)
	var d difference
	for _, c := range cases.Corpora {
		var pictures []Picture
		for i, item := range c.Items {
			pictures = append(pictures, Picture{NumberID(int64(i)), item.Candidate, item.References})
		}
		e, err := Evaluate(pictures)
		if err != nil {
			t.Fatal(err)
		}
		d.compare(t, c.Name, e.Corpus, c.Corpus)
		for i, want := range c.PerItem {
			d.compare(t, c.Name+", picture "+e.PerImage[i].ID.String(), e.PerImage[i].Scores, want)
		}
	}
	t.Logf("%d figures of %d corpora compared, the largest difference is %g", d.compared, len(cases.Corpora), d.largest)
	if len(cases.Corpora) != 9 || d.compared < 200 {
		t.Errorf("only %d figures of %d corpora were compared", d.compared, len(cases.Corpora))
	}
}
