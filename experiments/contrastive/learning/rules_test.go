package learning

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
)

// healthy are the lines of a run that learns, of 64 pairs, 120 steps and a line a step, as the quick form of clip is.
func healthy() (steps []map[string]float64, s Settings) {
	s = Settings{Batch: 64, EmbedDim: 32, Steps: 120, Warmup: 10, LR: 3e-3, MinScale: 1, MaxScale: 100}
	for step := 1; step <= s.Steps; step++ {
		t := float64(step) / float64(s.Steps)
		line := map[string]float64{"step": float64(step), "loss": 5 - 3*t + 0.2*math.Sin(float64(step)), ImageToText: 0.3 * t, TextToImage: 0.3 * t,
			LogitScale: 14, Pairs: 0.7 * t, NonPairs: 0.05, Gap: 1 - 0.6*t, "grad_norm": 5, GradImage: 2, GradText: 4, GradScale: 0.1, Duplicates: 0.1, Floor: 0.07}
		if step%40 == 0 {
			line[RankImage], line[RankText] = 12, 6
		}
		steps = append(steps, line)
	}
	return steps, s
}

// Each rule says its sentence of a run that is sick in one way, and is silent of one that is just not.
func TestRules(t *testing.T) {
	set := func(values map[string]float64) func(line map[string]float64, s *Settings) {
		return func(line map[string]float64, _ *Settings) {
			for name, value := range values {
				if _, ok := line[name]; ok {
					line[name] = value
				}
			}
			if values["loss"] > 0 { // what is no better than chance by its loss finds no pairs
				line[ImageToText], line[TextToImage] = 1./64, 1./64
			}
		}
	}
	for _, c := range []struct {
		what, rule, sentence string // rule is "" where nothing is wrong
		change               func(line map[string]float64, s *Settings)
	}{
		{"as it is", "", "", set(nil)},
		{"at chance", "chance", "the loss has been within 1% of ln 64 = 4.16 (chance) for 60 steps: nothing is learned", set(map[string]float64{"loss": math.Log(64)})},
		{"nearly at chance", "chance", "within 1% of ln 64", set(map[string]float64{"loss": 0.9901 * math.Log(64)})},
		{"below chance", "", "", set(map[string]float64{"loss": 0.98 * math.Log(64)})},
		{"above chance", "chance", "the loss has been 5.20 on average, no better than ln 64 = 4.16 (chance) for 60 steps: nothing is learned", set(map[string]float64{"loss": 5.2})},
		{"no gradient", "chance", "the gradients are gone (norm 0)", set(map[string]float64{"loss": 4.2, "grad_norm": 0})},
		{"no learning rate", "chance", "train.optimizer.lr is 1e-09, too low", func(line map[string]float64, s *Settings) {
			line["loss"], line[ImageToText], line[TextToImage], s.LR = 4.2, 0.015, 0.015, 1e-9
		}},
		{"a masked batch, at chance", "chance", "of 3.50 (chance)", func(line map[string]float64, _ *Settings) {
			line["loss"], line[Chance], line[ImageToText], line[TextToImage] = 3.5, 3.5, 0.015, 0.015
		}},
		{"begins to fall", "", "", func(line map[string]float64, _ *Settings) {
			line["loss"], line[ImageToText], line[TextToImage] = 4.5-0.9*max(line["step"]-90, 0)/30, 0.015, 0.015
		}},
		{"at chance, but finds pairs", "", "", func(line map[string]float64, _ *Settings) { line["loss"] = 4.16 }},
		{"SigLIP far above chance that finds pairs", "", "", func(line map[string]float64, s *Settings) { line["loss"], s.SigLIP = 9, true }},
		{"SigLIP that guesses", "chance", "the accuracy in the batch has been 1.6% for 60 steps, and chance is 1/64 = 1.6%: nothing is learned",
			func(line map[string]float64, s *Settings) {
				line["loss"], line[ImageToText], line[TextToImage], s.SigLIP = 5, 1./64, 1./64, true
			}},
		{"one vector", "collapse", "the mean cosine of pictures and texts that do not belong together has been 0.980 for 30 steps: all embeddings are nearly one vector", set(map[string]float64{NonPairs: 0.98})},
		{"narrow", "", "", set(map[string]float64{NonPairs: 0.9})},
		{"one direction of texts", "collapse", "the effective rank of the texts' embeddings is 1.02 of at most 32 at step 120", set(map[string]float64{RankText: 1.02})},
		{"one direction of pictures", "collapse", "of the pictures' embeddings is 1.20", set(map[string]float64{RankImage: 1.2})},
		{"few directions", "", "", set(map[string]float64{RankText: 2})},
		{"sharp clamp", "clamp", "the temperature has been at its clamp, 0.01 (a factor of 100 on cosines), for 30 steps", set(map[string]float64{LogitScale: 99.99})},
		{"flat clamp", "clamp", "the temperature has been at its clamp, 1 (a factor of 1 on cosines), for 30 steps: the softmax can get no flatter, and the loss of 64 pairs cannot go below 2.25", set(map[string]float64{LogitScale: 1})},
		{"sharp", "", "", set(map[string]float64{LogitScale: 95})},
		{"dead pictures", "dead_tower", "the gradients of the pictures' tower have had a norm of 0 for 30 steps, those of the texts' tower 4: the pictures' tower is not trained", set(map[string]float64{GradImage: 0})},
		{"dead texts", "dead_tower", "the gradients of the texts' tower have had a norm of 1e-05", set(map[string]float64{GradText: 1e-5})},
		{"uneven", "", "", set(map[string]float64{GradText: 0.01})},
		{"a locked tower", "", "", func(line map[string]float64, _ *Settings) { delete(line, GradImage) }},
		{"equal texts", "duplicates", "80% of a batch's texts have an equal one in the batch (false negatives), so that the loss cannot go below 1.60, and chance is ln 64 = 4.16", set(map[string]float64{Duplicates: 0.8, Floor: 1.6})},
		{"some equal texts", "", "", set(map[string]float64{Duplicates: 0.4, Floor: 0.6})},
		{"nothing but the loss", "", "", func(line map[string]float64, _ *Settings) {
			maps.DeleteFunc(line, func(name string, _ float64) bool { return name != "step" && name != "loss" })
		}},
	} {
		steps, s := healthy()
		for _, line := range steps {
			c.change(line, &s)
		}
		found := Look(steps, s).Findings
		if c.rule == "" {
			if len(found) > 0 {
				t.Errorf("%s: expected no finding, found %+v", c.what, found)
			}
			continue
		}
		if len(found) != 1 || found[0].Rule != c.rule || !strings.Contains(found[0].Sentence, c.sentence) || found[0].Step != 120 {
			t.Errorf("%s: expected the rule %s with %q, found %+v", c.what, c.rule, c.sentence, found)
		}
	}
}

// What lasts too short a time, or falls into the warm-up, is not said; a watcher says the first thing, once.
func TestWatcher(t *testing.T) {
	steps, s := healthy()
	var said []string
	at := 0
	w := Watcher{Settings: s, Say: func(sentence string) { said = append(said, sentence) }}
	for i, line := range steps {
		line["loss"], line[ImageToText], line[TextToImage] = 4.2, 0.015, 0.015
		if w.See(line); len(said) > 0 && at == 0 {
			at = i + 1
		}
	}
	if len(said) != 1 || at != s.Warmup+60 {
		t.Errorf("expected one sentence at step %d, found %d, the first at step %d", s.Warmup+60, len(said), at)
	}
	steps, s = healthy()
	steps[4][RankText], said = 1, nil
	w = Watcher{Settings: s, Say: func(sentence string) { said = append(said, sentence) }}
	for _, line := range steps {
		if w.See(line); len(said) > 0 {
			t.Fatalf("step %g: the warm-up was judged: %q", line["step"], said)
		}
	}
	for _, line := range steps {
		line["loss"], line[ImageToText], line[TextToImage] = 4.2, 0.015, 0.015
	}
	w = Watcher{Settings: s, Say: func(sentence string) { said = append(said, sentence) }}
	w.Add(steps[:100]...)
	if w.See(steps[100]); len(said) != 1 {
		t.Errorf("a run that goes on: expected one sentence, found %q", said)
	}
}

func TestReport(t *testing.T) {
	if r := Look(nil, Settings{Batch: 4}); len(r.Figures) != 0 || len(r.Findings) != 0 {
		t.Errorf("no steps: %+v", r)
	}
	steps, s := healthy()
	r := Look(steps, s)
	if r.Step != 120 || r.Span != 30 || math.Abs(r.Figures[GradText]-4) > 1e-9 || r.Figures[RankImage] != 12 || math.Abs(r.Chance-math.Log(64)) > 1e-12 {
		t.Errorf("report %+v", r)
	}
	text := fmt.Sprint(r.Seen(s))
	for _, part := range []string{"120 of 120, means of the last 30", "chance ln 64 = 4.16", "0.0714, a factor of 14.0 on cosines", "of pictures 12.0, of texts 6.0, at most 32", "10.0%, for which the loss cannot go below 0.07"} {
		if !strings.Contains(text, part) {
			t.Errorf("expected %q in %s", part, text)
		}
	}
	if lines := Look([]map[string]float64{{"step": 5, "loss": 3}}, s).Seen(s); len(lines) != 2 {
		t.Errorf("a run that recorded the loss alone: %v", lines)
	}
	if figure, err := Panel(steps, s); err != nil || figure == nil {
		t.Error(err)
	}
	for _, line := range steps {
		line[GradImage] = 0 // on a logarithmic axis
	}
	if _, err := Panel(steps, s); err != nil {
		t.Error(err)
	}
	if _, err := Panel(nil, s); err == nil {
		t.Error("expected an error without steps, found none")
	}
}

func TestEqualTexts(t *testing.T) {
	for _, c := range []struct {
		ids          [][]int32
		share, floor float64
	}{
		{[][]int32{{1, 2}, {1, 3}, {2, 1}, {256, 0}}, 0, 0},
		{[][]int32{{1, 2}, {1, 2}, {3, 4}, {5, 6}}, 0.5, math.Ln2 / 2},
		{[][]int32{{7}, {7}, {7}, {7}}, 1, math.Log(4)},
		{[][]int32{{1, 0}, {256, 0}, {1 << 16, 0}, {1 << 24, 0}}, 0, 0},
	} {
		if share, floor := EqualTexts(c.ids); math.Abs(share-c.share) > 1e-12 || math.Abs(floor-c.floor) > 1e-12 {
			t.Errorf("%v: expected %g and %g, found %g and %g", c.ids, c.share, c.floor, share, floor)
		}
	}
	mask := []float32{1, 1, 0, 0, 1, 0, 0, 0, 1} // the second text is right for the first picture
	if got, want := MaskedChance(mask, 3), (4*math.Log(3)+2*math.Log(2))/6; math.Abs(got-want) > 1e-12 {
		t.Errorf("masked chance: expected %g, found %g", want, got)
	}
}

func TestEffectiveRank(t *testing.T) {
	for _, c := range []struct {
		what string
		rows [][]float32
		want float64
	}{
		{"one point", [][]float32{{1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}}, 1},
		{"two opposite points", [][]float32{{1, 0}, {-1, 0}, {1, 0}}, 1},
		{"all directions alike", [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, 3},
		{"fewer rows than columns", [][]float32{{1, 0, 0, 0}, {0, 0, 1, 0}}, 2},
		{"singular values 3 and 1", [][]float32{{3, 0}, {0, 1}}, math.Exp(-0.75*math.Log(0.75) - 0.25*math.Log(0.25))},
		{"nothing", [][]float32{{0, 0}, {0, 0}}, 0},
	} {
		if got, err := EffectiveRank(c.rows); err != nil || math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%s: expected %g, found %g (%v)", c.what, c.want, got, err)
		}
	}
	nan := float32(math.NaN())
	for _, rows := range [][][]float32{nil, {{}}, {{1, 2}, {1}}, {{nan, 1}, {1, nan}, {2, 2}}} {
		if rank, err := EffectiveRank(rows); err == nil {
			t.Errorf("%v: expected an error, found the rank %g", rows, rank)
		}
	}
}

func TestSettingsOf(t *testing.T) {
	s, err := SettingsOf(json.RawMessage(`{"batch_size": 64, "loss": "siglip", "model": {"embed_dim": 32}, "train": {"steps": 100, "optimizer": {"lr": 0.1, "warmup_steps": 5}}}`))
	if err != nil || s != (Settings{Batch: 64, EmbedDim: 32, SigLIP: true, Steps: 100, Warmup: 5, LR: 0.1, MinScale: 1, MaxScale: 100}) {
		t.Errorf("settings %+v (%v)", s, err)
	}
	if want := math.Log(64) + 63*math.Log(64./63); math.Abs(s.Chance()-want) > 1e-12 {
		t.Errorf("SigLIP's chance: expected %g, found %g", want, s.Chance())
	}
	for _, config := range []string{`{}`, `[`, `{"batch_size": 16, "model": {"dim": 3}}`} {
		if _, err := SettingsOf(json.RawMessage(config)); err == nil || !strings.Contains(err.Error(), "clip/lit") {
			t.Errorf("%s: expected an error that names contrastive experiments, found %v", config, err)
		}
	}
}
