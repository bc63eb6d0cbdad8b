package sweep

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// A sweep with lists of numbers and of names, ranges, failures and what HTML would take apart: the page holds it all, and needs nothing else.
func TestPage(t *testing.T) {
	s := newSweep(t, func(s *Spec) { s.Method, s.Trials, s.Seeds = "random", 8, 2 }, "x=0..1", "lr=log(1e-4..1e-2)", "n=1,2", "y=a,<b>,broken")
	workWith(t, s, "w", func(ctx context.Context, tr Trial, a Attempt) (experiments.Result, error) {
		if tr.Settings["y"] == "broken" {
			tr.Settings = map[string]string{"x": "broken"}
		}
		return toy(ctx, tr, a)
	})
	sum, err := s.Summarise()
	if err != nil {
		t.Fatal(err)
	}
	path, err := s.WritePage(sum)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, part := range []string{"A sweep of toy", "training diverged", "&lt;b&gt;", "16 trials are done", "The best setting", `class="best"`,
		`alt="The best setting so far"`, `alt="score along x"`, `alt="score along lr"`, `alt="score along n"`, `alt="score along y"`, `alt="Training loss`} {
		if !strings.Contains(text, part) {
			t.Errorf("the page does not say %q", part)
		}
	}
	if strings.Contains(text, "<b>,") || strings.Contains(text, "ZgotmplZ") || sum.Failed == 0 {
		t.Errorf("the page is not escaped, or nothing has failed (%d)", sum.Failed)
	}
	if link := regexp.MustCompile(`(src|href)="[^d#]`).FindString(text); link != "" {
		t.Errorf("the page needs something beside it: %s", link)
	}
	// One that has only begun has a page too.
	empty := newSweep(t, nil, "x=1,2")
	sum, err = empty.Summarise()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.WritePage(sum); err != nil {
		t.Error(err)
	}
}

// Settings are counted in whole numbers.
func TestBestSoFarCounts(t *testing.T) {
	s := newSweep(t, nil, "x=1,2,3")
	sum := &Summary{}
	for i, value := range []float64{100, 250, 200} {
		sum.Settings = append(sum.Settings, SettingSummary{Setting: i, Complete: true, Mean: &stats.Mean{Value: value}})
	}
	figures, err := s.drawBest(sum)
	if err != nil || len(figures) != 1 {
		t.Fatalf("found %d figures (%v)", len(figures), err)
	}
	var svg strings.Builder
	if err := figures[0].SVG(&svg); err != nil {
		t.Fatal(err)
	}
	numbers := regexp.MustCompile(`>([0-9.]+)</text>`).FindAllStringSubmatch(svg.String(), -1)
	var labels []string
	for _, n := range numbers {
		labels = append(labels, n[1])
	}
	if got := strings.Join(labels, " "); !strings.Contains(" "+got+" ", " 1 2 3 ") || strings.Contains(got, ".") {
		t.Errorf("expected whole numbers along the axes, found %s", got)
	}
}

// Means, intervals and the order of settings.
func TestSummary(t *testing.T) {
	s := newSweep(t, func(s *Spec) { s.Seeds, s.Minimize = 3, true }, "x=good,bad,partly,unlucky")
	values := map[string][]float64{"good": {1, 2, 3}, "bad": {4, 5, 6}, "partly": {0, 0}, "unlucky": {0, 0}}
	for n := range s.Spec.Total() {
		trial, _ := s.propose(n, s.mustTrials(t), nil)
		if err := os.MkdirAll(s.trialDir(n), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := createOnce(s.trialPath(n, "trial.json"), trial); err != nil {
			t.Fatal(err)
		}
		r := Result{Trial: n, Status: Done, Seconds: 2, Metrics: map[string]float64{}}
		switch of := values[trial.Settings["x"]]; {
		case n%3 < len(of):
			r.Metrics["score"] = of[n%3]
		case trial.Settings["x"] == "unlucky":
			r.Status, r.Error = Failed, "training diverged"
		default:
			continue
		}
		if _, err := s.publish(r); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := s.Summarise()
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, at := range sum.Settings {
		order = append(order, at.Settings["x"])
	}
	if want := []string{"partly", "good", "bad", "unlucky"}; !slices.Equal(order, want) {
		t.Errorf("the order is %q, expected %q", order, want)
	}
	if sum.Best == nil || sum.Best.Settings["x"] != "good" || sum.Done != 10 || sum.Failed != 1 || sum.Seconds != 22 {
		t.Errorf("found %+v", sum)
	}
	// Student's t with two degrees of freedom: 2 ± 4.303 · 1/√3.
	if m := sum.Best.Mean; m.Value != 2 || m.N != 3 || m.Low < -0.4845 || m.Low > -0.4835 {
		t.Errorf("found the mean %+v", m)
	}
	if data, err := json.Marshal(sum); err != nil || !strings.Contains(string(data), `"best":{"setting":0`) {
		t.Errorf("found %s (%v)", data, err)
	}
}

func (s *Sweep) mustTrials(t *testing.T) []Trial {
	t.Helper()
	all, err := s.trials(0)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestOverSeeds(t *testing.T) {
	x, mean, low, high := overSeeds([]map[int]float64{{1: 4, 2: 3, 3: 9}, {2: 5, 1: 2}})
	if !slices.Equal(x, []float64{1, 2}) || !slices.Equal(mean, []float64{3, 4}) || !slices.Equal(low, []float64{2, 3}) || !slices.Equal(high, []float64{4, 5}) {
		t.Errorf("found %v %v %v %v", x, mean, low, high)
	}
}
