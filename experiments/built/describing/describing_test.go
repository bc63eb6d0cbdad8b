package describing

import (
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

var small = []string{"captions.train.steps=4", "captions.dev=100", "captions.beam=2", "language.language.n_embd=16", "language.language.n_head=2", "captions.examples=2"}

// Every decoder is trained, scored and kept, and its captioner opens and writes.
func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	r := run.Report
	if len(r.Decoders) != 1+len(captioning.Bridges()) || r.Pictures != 100 || r.Words < 30 {
		t.Fatalf("found %+v", r)
	}
	b := backendtest.Open(t, "go")
	for i, d := range r.Decoders {
		if d.Weights == 0 || len(d.Examples) != 2 || run.Found[folderOf(d.Bridge)+"_CIDEr_n"] != 100 || (d.Bridge == "") != (i == 0) {
			t.Errorf("found %+v", d)
		}
		c, err := captioner.Open(t.Context(), b, run.Path(folderOf(d.Bridge)))
		if err != nil {
			t.Fatal(err)
		}
		if c.Weights() != d.Weights || c.Looks() != (d.Bridge == "") {
			t.Errorf("%s: expected the captioner that was trained, with %d weights, found %d, and attention %v", d.Bridge, d.Weights, c.Weights(), c.Looks())
		}
		c.Close()
	}
	told, err := tell(run.Seeds(3))
	if err != nil || len(told.Sections) != 2 || !strings.Contains(told.Sections[1].Text, "Flamingo's cross-attention") {
		t.Errorf("three runs: %+v, %v", told, err)
	}
}

// The better one is said to be better, and only where the intervals say so.
func TestVerdict(t *testing.T) {
	of := func(sat, lm, half float64) ran {
		decoder := func(bridge captioning.Bridge, value float64) One {
			m := map[string]stats.Mean{}
			for _, name := range []string{bleu1, bleu4, rouge, cider} {
				m[name] = stats.Mean{Value: value, Low: value - half, High: value + half, N: 100}
			}
			return One{Bridge: bridge, Intervals: m, OnDev: value}
		}
		return ran{Seed: 1, Report: Report{Decoders: []One{decoder("", sat), decoder(captioning.BridgeMLP, lm-0.2), decoder(captioning.BridgeLinear, lm)}}}
	}
	for want, run := range map[string]ran{
		"the language model is better": of(0.4, 0.5, 0.01), "Show, Attend and Tell is better": of(0.5, 0.4, 0.01), "shows no difference": of(0.5, 0.4, 0.2),
	} {
		told, err := tell([]ran{run})
		if err != nil || !strings.Contains(told.Answer, want) || !strings.Contains(told.Answer, "LLaVA's projection does best") {
			t.Errorf("expected %q, found %q, %v", want, told.Answer, err)
		}
	}
	for want, runs := range map[string][]ran{ // seeds differ more than the two do, but both alike
		"+0.020 (+0.008 to +0.032): the language model is better": {of(0.3, 0.32, 0.2), of(0.5, 0.525, 0.2), of(0.4, 0.415, 0.2)},
		"which shows no difference":                               {of(0.3, 0.32, 0), of(0.5, 0.49, 0), of(0.4, 0.43, 0)},
		"Show, Attend and Tell is better":                         {of(0.3, 0.2, 0), of(0.5, 0.4, 0), of(0.4, 0.31, 0)},
	} {
		if told, err := tell(runs); err != nil || !strings.Contains(told.Answer, want) {
			t.Errorf("expected %q, found %q, %v", want, told.Answer, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"bridges=[]": "at least one", "bridges=[\"door\"]": "expected bridge", "lr=0": "lr", "language.length=0": "length", "language.max_len=7": "max_len",
		"captions.critical.train.steps=1": "people's words alone", "captions.train.steps=0": "at least one step", "captions.decoder=\"sing\"": "attend or tell"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, append(small, "bridges=[\"flamingo\"]", "captions.train.steps=2", "captions.held_out=100", "captions.pictures=100")...)
	resumetest.Exact(t, Study().Experiment, b, o, 2)
}
