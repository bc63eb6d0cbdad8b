package history

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/glimpse-ml/glimpse/experiments"
)

// A second training counts on from the steps and seconds of the first.
func TestRecorded(t *testing.T) {
	run := write(t, t.TempDir(), folder{more: map[string]string{"metrics.jsonl": `{"step":1,"loss":9,"seconds":1}
{"step":20,"loss":8,"dev":1,"seconds":7}
{"loss":100}
{"step":1,"loss":6,"seconds":2}
{"step":10,"loss":5,"seconds":3,"acc@10":1,"acc@5":1,"epoch":1,"waiting":0}
{"step":10,"loss":4,"seconds":1}
{"st`}})
	lines, err := Recorded(run)
	if err != nil {
		t.Fatal(err)
	}
	want := []Curve{{"loss", []float64{1, 20, 21, 30, 40}, []float64{9, 8, 6, 5, 4}}, {"acc@5", []float64{30}, []float64{1}},
		{"acc@10", []float64{30}, []float64{1}}, {"dev", []float64{20}, []float64{1}}}
	if diff := cmp.Diff(want, Curves(lines)); diff != "" {
		t.Error(diff)
	}
	var seconds []float64
	for _, line := range lines {
		seconds = append(seconds, line["seconds"])
	}
	if diff := cmp.Diff([]float64{1, 7, 9, 10, 11}, seconds); diff != "" {
		t.Error(diff)
	}
	if lines, err := Recorded(&experiments.Run{Dir: t.TempDir()}); err != nil || Curves(lines) != nil {
		t.Errorf("without metrics.jsonl: %v, %v", lines, err)
	}
}

func TestThin(t *testing.T) {
	c := Curve{Name: "x"}
	for i := range 101 {
		c.Steps, c.Values = append(c.Steps, float64(i)), append(c.Values, float64(i))
	}
	if diff := cmp.Diff(c, c.Thin(101)); diff != "" {
		t.Errorf("a short curve changed: %s", diff)
	}
	want := Curve{"x", []float64{0, 25, 50, 75, 100}, []float64{0, 13, 38, 63, 88}}
	if diff := cmp.Diff(want, c.Thin(5)); diff != "" {
		t.Error(diff)
	}
}

func TestSparkline(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{0, 1, 2, 3, 4, 5, 6, 7}, "▁▂▃▄▅▆▇█"}, {[]float64{5, 5, 5}, "▄▄▄"}, {[]float64{1}, "▄"}, {[]float64{1, math.NaN(), 2}, "▁ █"},
	} {
		if got := (Curve{Steps: make([]float64, len(c.values)), Values: c.values}).Sparkline(8); got != c.want {
			t.Errorf("%v: got %q, expected %q", c.values, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ dirs, want []string }{
		{[]string{"runs/a", "b"}, []string{"a", "b"}}, {[]string{"a"}, []string{"a"}}, {nil, nil}, {[]string{"a", "a"}, []string{"a", "a"}},
		{[]string{"s/trials/1/run-1", "s/trials/2/run-1", "s/trials/2/run-2"}, []string{"1/run-1", "2/run-1", "2/run-2"}},
		{[]string{"x/a", "x/y/a"}, []string{"a", "y/a"}}, {[]string{"x", "x/x"}, []string{"x", "x/x"}},
	} {
		var runs []*experiments.Run
		for _, dir := range c.dirs {
			runs = append(runs, &experiments.Run{Dir: dir})
		}
		if diff := cmp.Diff(c.want, Names(runs)); diff != "" {
			t.Errorf("%q: %s", c.dirs, diff)
		}
	}
}

// Runs that differ in their seed alone go together; a second run of a seed does not.
func TestGroups(t *testing.T) {
	dir := t.TempDir()
	run := func(name string, lr float64, seed int64) *experiments.Run {
		return write(t, dir+"/"+name, folder{lr: lr, seed: seed, losses: []float64{float64(seed), 2 * float64(seed)}, metrics: map[string]float64{"x": float64(seed)}})
	}
	runs := []*experiments.Run{run("a1", 0.1, 1), run("b1", 0.2, 1), run("a2", 0.1, 2), run("a1-again", 0.1, 1), run("b3", 0.2, 3)}
	want := []Group{{[]int{0, 2}, "lr=0.1, 2 seeds"}, {[]int{1, 4}, "lr=0.2, 2 seeds"}, {[]int{3}, "a1-again"}}
	if diff := cmp.Diff(want, Groups(runs)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"seed", "train.optimizer.lr"}, Differing(runs)); diff != "" {
		t.Error(diff)
	}
	if got := Groups([]*experiments.Run{runs[0], runs[2]})[0].Name; got != "a1 and others, 2 seeds" {
		t.Errorf("a group without settings that differ is called %q", got)
	}
	if g := Groups([]*experiments.Run{runs[0], runs[0]}); g[0].Name == g[1].Name {
		t.Errorf("two groups are called %q", g[0].Name)
	}

	c, problems := Compare(runs)
	if len(problems) > 0 || len(c.Seeds) != 2 {
		t.Fatalf("problems %v, seeds %+v", problems, c.Seeds)
	}
	m := c.Seeds[0].Metrics["x"] // of 1 and 2: t(0.975, 1) = 12.706, standard error 0.5
	if m.Value != 1.5 || m.N != 2 || math.Abs(m.High-(1.5+12.706*0.5)) > 1e-3 {
		t.Errorf("the mean over seeds: %+v", m)
	}
	rows := []Row{{"seed", []string{"1", "1", "2", "1", "3"}}, {"train.optimizer.lr", []string{"0.1", "0.2", "0.1", "0.1", "0.2"}}}
	if diff := cmp.Diff(rows, c.SettingRows()); diff != "" {
		t.Error(diff)
	}

	var curves [][]Curve
	for _, r := range runs {
		lines, err := Recorded(r)
		if err != nil {
			t.Fatal(err)
		}
		curves = append(curves, Curves(lines))
	}
	figure, err := Overlay(curves, Groups(runs), "loss")
	if err != nil {
		t.Fatal(err)
	}
	var svg bytes.Buffer
	if err := figure.SVG(&svg); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"lr=0.1, 2 seeds", "lr=0.2, 2 seeds", "a1-again", "step", "loss"} {
		if !strings.Contains(svg.String(), ">"+text+"<") {
			t.Errorf("the figure does not say %q", text)
		}
	}
	if figure, err := Overlay(curves, Groups(runs), "none"); err != nil || figure != nil {
		t.Errorf("a curve that there is none of: %v, %v", figure, err)
	}
}

// The band is drawn where all have recorded: mean, least, greatest.
func TestBand(t *testing.T) {
	s := band([]Curve{{"x", []float64{1, 2, 3}, []float64{1, 5, 9}}, {"x", []float64{2, 3, 4}, []float64{1, 1, 1}}})
	for what, got := range map[string][2][]float64{
		"x": {s.X, {2, 3}}, "mean": {s.Y, {3, 5}}, "low": {s.Low, {1, 1}}, "high": {s.High, {5, 9}},
	} {
		if diff := cmp.Diff(got[1], got[0]); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	if s := band([]Curve{{"x", []float64{1, 2}, []float64{1, math.NaN()}}}); len(s.X) != 1 || s.Low != nil {
		t.Errorf("one curve with a hole: %+v", s)
	}
}

func TestDiff(t *testing.T) {
	a := write(t, t.TempDir(), folder{lr: 0.1, seed: 1})
	manifest := `{"format":1,"experiment":"captioner","form":"quick","config":{"data":"scenes","train":{"steps":5,"optimizer":{"lr":0.1}},"new":true},
		"seed":1,"started":"2026-11-02T00:00:00Z","backend":"go","command":["x"],"commit":"def","patch":"` + strings.Repeat("x", 500) + `",
		"versions":{"go":"go1.27"},"machine":"m","devices":4,"data":{"scenes":"sha256:1"},"attempts":[{"started":"2026-11-02T01:00:00Z","commit":"def","machine":"m2"}]}`
	b := write(t, t.TempDir(), folder{more: map[string]string{"manifest.json": manifest}})
	got, err := Diff(a, b)
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{{"settings", "new", "", "true"}, {"settings", "train.steps", "4", "5"}, {"code", "commit", `"abc"`, `"def"`},
		{"code", "patch", "", `"` + strings.Repeat("x", 500) + `"`}, {"code", "resumed.1", "", `"def on m2"`}, {"data", "data.scenes", "", `"sha256:1"`}, {"versions", "go", `"go1.26"`, `"go1.27"`}, {"machine", "devices", "", "4"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if same, err := Diff(a, a); err != nil || len(same) > 0 {
		t.Errorf("a run differs from itself: %v, %v", same, err)
	}
	if short := Short(want[3].B); len(short) > 100 || !strings.Contains(short, "502 bytes, sha256") {
		t.Errorf("a long value is shown as %q", short)
	}
}
