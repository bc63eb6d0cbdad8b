package blip

import (
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

var small = []string{"captions.train.steps=4", "captions.dev=100", "captions.beam=2", "blip.text.width=16", "blip.text.heads=2", "blip.embed_dim=8", "captions.examples=2", "rerank=3"}

// Both ways are trained, scored and kept; the one with three heads is asked by each, and both captioners open and write.
func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	r := run.Report
	if r.Pictures != 100 || r.Words < 30 || r.Contrast.Images != 100 || r.Matched.Texts != r.Contrast.Texts || r.Picked[cider].N != 100 {
		t.Fatalf("found %+v", r)
	}
	if run.Found["matched_text_to_image_recall@10_n"] != float64(r.Contrast.Texts) || run.Found["three_CIDEr_n"] != 100 {
		t.Errorf("found %v", run.Found)
	}
	if r.Matched.ImageToText[5].Value != r.Contrast.ImageToText[5].Value || r.Matched.TextToImages.MRR == r.Contrast.TextToImages.MRR {
		t.Errorf("expected matching to put the first 3 in another order and to leave the first 5 as they were, found %+v and %+v", r.Contrast, r.Matched)
	}
	b := backendtest.Open(t, "go")
	for folder, way := range map[string]Way{"words-alone": r.Alone, "three-heads": r.Three} {
		c, err := captioner.Open(t.Context(), b, run.Path(folder))
		if err != nil {
			t.Fatal(err)
		}
		if c.Weights() != way.Weights || c.Looks() || len(way.Examples) != 2 {
			t.Errorf("%s: expected the captioner that was trained, with %d weights, found %d", folder, way.Weights, c.Weights())
		}
		said, err := c.Describe([][]float32{make([]float32, 32*32*3)})
		if err != nil || len(said) != 1 {
			t.Errorf("%s: expected a caption, found %v, %v", folder, said, err)
		}
		c.Close()
	}
	if r.Three.Weights <= r.Alone.Weights {
		t.Errorf("expected more weights with three heads, found %d and %d", r.Three.Weights, r.Alone.Weights)
	}
	told, err := tell(run.Seeds(3))
	if err != nil || len(told.Sections) != 3 || !strings.Contains(told.Sections[1].Text, "picture to text") {
		t.Errorf("three runs: %+v, %v", told, err)
	}
}

// Candidates are put in order by their matches, before all that contrast did not put first.
func TestRerank(t *testing.T) {
	scores := [][]float32{{0.1, 0.9, 0.3, 0.8}, {0.9, 0.1, 0.2, 0.3}}
	likes := map[int32]float32{1: -5, 3: 2, 0: -1} // of the texts
	err := rerank(scores, 2, func(query, candidate int) captioner.Item {
		return captioner.Item{IDs: []int32{int32(query), int32(candidate)}}
	},
		func(pairs []captioner.Item) (odds []float32, err error) {
			if len(pairs) != 4 {
				t.Errorf("expected 2 candidates of each of 2 queries, found %v", pairs)
			}
			for _, p := range pairs {
				odds = append(odds, likes[p.IDs[1]])
			}
			return odds, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range [][]int{{3, 1, 2, 0}, {3, 0, 2, 1}} {
		order := []int{0, 1, 2, 3}
		slices.SortFunc(order, func(a, b int) int {
			if scores[query][a] > scores[query][b] {
				return -1
			}
			return 1
		})
		if !slices.Equal(order, want) {
			t.Errorf("query %d: expected the order %v, found %v", query, want, order)
		}
	}
}

// A caption that the beam cut gets the end word that people's have.
func TestWhole(t *testing.T) {
	for want, ids := range map[string][]int32{"cut": {7, 8, 9}, "ended": {7, 8, captioning.End}} {
		if got := whole(captioning.Caption{IDs: ids}); !slices.Equal(got, []int32{captioning.Start, 7, 8, captioning.End}) {
			t.Errorf("%s: found %v", want, got)
		}
	}
}

// What is better is said to be better, and only where the intervals say so.
func TestVerdicts(t *testing.T) {
	of := func(seed int64, alone, three, contrast, matched float64) ran {
		scores := func(value float64) Scores {
			m := Scores{}
			for _, name := range []string{bleu1, bleu4, rouge, cider} {
				m[name] = stats.Mean{Value: value, Low: value - 0.05, High: value + 0.05, N: 100}
			}
			return m
		}
		found := func(value float64) evaluate.Retrieval {
			r := evaluate.Retrieval{ImageToText: map[int]stats.Proportion{}, TextToImage: map[int]stats.Proportion{}}
			for _, k := range evaluate.RecallAt() {
				r.ImageToText[k], r.TextToImage[k] = stats.Proportion{Value: value, High: 1}, stats.Proportion{Value: value, High: 1}
			}
			return r
		}
		return ran{Seed: seed, Report: Report{Alone: Way{Scores: scores(alone)}, Three: Way{Scores: scores(three)}, Picked: scores(three), Contrast: found(contrast), Matched: found(matched)}}
	}
	for want, runs := range map[string][]ran{
		"the other two help":  {of(1, 0.4, 0.5, 0.1, 0.2), of(2, 0.5, 0.61, 0.1, 0.2), of(3, 0.3, 0.39, 0.1, 0.2)},
		"the other two harm":  {of(1, 0.6, 0.3, 0.1, 0.2)},
		"matching finds less": {of(1, 0.4, 0.5, 0.2, 0.1), of(2, 0.5, 0.61, 0.3, 0.21), of(3, 0.3, 0.39, 0.25, 0.14)},
		"shows no difference": {of(1, 0.4, 0.42, 0.1, 0.2)},
		"of one seed":         {of(1, 0.4, 0.42, 0.1, 0.2)},
		"too few seeds":       {of(1, 0.4, 0.5, 0.1, 0.2), of(2, 0.5, 0.601, 0.1, 0.2)},
	} {
		if told, err := tell(runs); err != nil || !strings.Contains(told.Answer, want) {
			t.Errorf("expected %q, found %q, %v", want, told.Answer, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"blip.itm_weight=0": "above 0", "lr=0": "lr", "rerank=0": "rerank", "captions.batch_size=1": "at least 2", "blip.max_len=7": "max_len", "blip.text.heads=5": "multiple",
		"captions.critical.train.steps=1": "people's words alone", "captions.train.steps=0": "at least one step", "captions.decoder=\"sing\"": "attend or tell"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, append(small, "captions.train.steps=2", "captions.held_out=100", "captions.pictures=100")...)
	resumetest.Exact(t, Study().Experiment, b, o, 2)
}
