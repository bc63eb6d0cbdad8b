package lesson

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

type dice struct {
	Throws int `json:"throws"`
}

type thrown struct {
	Mean float64 `json:"mean"`
}

// ofDice is a study that needs no data: its seeds differ by their number.
func ofDice() Study {
	return New(Definition[dice, thrown]{
		Name: "dice", Summary: "throws dice", Title: "Are dice fair?", Asks: "The lesson says that they are.",
		Defaults: func(experiments.Form, backend.Kind) dice { return dice{Throws: 10} },
		Run: func(_ context.Context, env *experiments.Env, c dice) (thrown, []string, error) {
			return thrown{3 + float64(env.Seed) + float64(c.Throws)/100}, nil, nil
		},
		Metrics: func(r thrown) map[string]float64 { return map[string]float64{"mean": r.Mean} },
		Tell: func(runs []Run[dice, thrown]) (Told, error) {
			mean := OverSeeds(runs, func(r thrown) float64 { return r.Mean })
			figure, err := plots.Bars(plots.BarsConfig{Title: "Dice", YLabel: "mean (points)", Categories: []string{"thrown"},
				Series: []plots.BarSeries{{Name: "mean", Values: []float64{mean.Value}}}})
			return Told{
				Answer:   "The mean is " + Number(mean, 2) + ".",
				Sections: []Section{{Heading: "Means", Text: Table([]string{"throws", "mean"}, [][]string{{"10", Number(mean, 2)}}), Figures: []Figure{{"means", "Means", "One bar.", figure}}}},
				Errata:   []Erratum{{"that dice are fair.", "a mean of " + Number(mean, 2) + ".", "the runs."}},
			}, err
		},
	})
}

// ofGames is a series of one study.
func ofGames() Series {
	return Series{Name: "lesson", Title: "Games", Opening: "Each game has an experiment.", Index: "docs/results/lesson.md", Errata: "docs/errata.md", Studies: []Study{ofDice()}}
}

// ranDice is a full run with a seed and settings.
func ranDice(t *testing.T, seed int64, form experiments.Form, settings ...experiments.Override) string {
	t.Helper()
	run, result, err := ofDice().Experiment.Start(t.Context(), backendtest.Open(t, "go"),
		experiments.Options{Form: form, Seed: seed, Out: filepath.Join(t.TempDir(), "run"), Overrides: settings})
	if err != nil {
		t.Fatal(err)
	}
	if result.Metrics["mean"] != 3+float64(seed)+0.1 && len(settings) == 0 {
		t.Errorf("seed %d: found the metrics %v", seed, result.Metrics)
	}
	for _, name := range []string{"plots/means.png", "plots/means.svg", "plots/figures.json", ReportFile} {
		if _, err := os.Stat(run.Path(name)); err != nil {
			t.Error(err)
		}
	}
	return run.Dir
}

// checkout is a folder that looks like the lab's.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestRecordAndCheck(t *testing.T) {
	root, series := checkout(t), ofGames()
	pages, err := RecordResults(root, series, []string{ranDice(t, 2, experiments.Full), ranDice(t, 1, experiments.Full)})
	if err != nil || len(pages) != 3 {
		t.Fatal(pages, err)
	}
	if err := CheckPages(root, series); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/results/lesson-dice.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"# Are dice fair?", "`glimpse train lesson/dice --seed N`", "The mean is 4.60 (-1.75–10.95).", "| throws | mean |\n| --- | ---: |\n| 10 | 4.60",
		"![Means](../images/lesson-dice-means.png)", "The lesson says: that dice are fair. Found: a mean of 4.60", "\n| 1 | 0 | "} {
		if !strings.Contains(string(page), part) {
			t.Errorf("expected %q in the page, found\n%s", part, page)
		}
	}
	for name, part := range map[string]string{series.Index: "| [Are dice fair?](lesson-dice.md) | The mean is 4.60", series.Errata: "| that dice are fair. | a mean of 4.60"} {
		if text, _ := os.ReadFile(filepath.Join(root, name)); !strings.Contains(string(text), part) {
			t.Errorf("expected %q in %s, found\n%s", part, name, text)
		}
	}
	files := os.DirFS(filepath.Join(root, "docs/results"))
	if told, seeds, err := series.Studies[0].Recorded(files); err != nil || seeds != 2 || told.Answer != "The mean is 4.60 (-1.75–10.95)." {
		t.Errorf("what is recorded: %q of %d seeds, %v", told.Answer, seeds, err)
	}
	if _, _, err := series.Studies[0].Recorded(os.DirFS(root)); err == nil || !strings.Contains(err.Error(), "no run of lesson/dice is recorded") {
		t.Errorf("nothing is recorded, found %v", err)
	}
	// A run takes the place of the one with its seed.
	if _, err := RecordResults(root, series, []string{ranDice(t, 2, experiments.Full)}); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(filepath.Join(root, "docs/results/lesson-dice.md")); string(text) == "" || strings.Count(string(text), "\n| 2 |") != 1 {
		t.Errorf("expected one run of seed 2, found\n%s", text)
	}
}

// What is not as the runs say is found.
func TestCheckFinds(t *testing.T) {
	series := ofGames()
	for what, damage := range map[string]func(root string) error{
		"expected docs/results/lesson-dice.md": func(root string) error {
			return os.WriteFile(filepath.Join(root, "docs/results/lesson-dice.md"), []byte("by hand"), 0o644)
		},
		"expected docs/errata.md":                               func(root string) error { return os.Remove(filepath.Join(root, series.Errata)) },
		"expected the figure docs/images/lesson-dice-means.svg": func(root string) error { return os.Remove(filepath.Join(root, "docs/images/lesson-dice-means.svg")) },
		"found docs/images/lesson-dice-old.png": func(root string) error {
			return os.WriteFile(filepath.Join(root, "docs/images/lesson-dice-old.png"), nil, 0o644)
		},
	} {
		root := checkout(t)
		if _, err := RecordResults(root, series, []string{ranDice(t, 1, experiments.Full)}); err != nil {
			t.Fatal(err)
		}
		if err := damage(root); err != nil {
			t.Fatal(err)
		}
		if err := CheckPages(root, series); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("expected %q, found %v", what, err)
		}
	}
}

func TestRecordRefuses(t *testing.T) {
	root, series := checkout(t), ofGames()
	one := ranDice(t, 1, experiments.Full)
	for what, runs := range map[string][]string{
		"expected a full run": {ranDice(t, 1, experiments.Quick)},
		"expected runs of lesson/dice that differ in their seeds alone": {one, ranDice(t, 2, experiments.Full, experiments.Override{Key: "throws", Value: "20"})},
		"expected a run folder": {t.TempDir()},
	} {
		if _, err := RecordResults(root, series, runs); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("expected %q, found %v", what, err)
		}
	}
	if _, err := RecordResults(t.TempDir(), series, []string{one}); err == nil || !strings.Contains(err.Error(), "expected a checkout") {
		t.Errorf("no checkout: %v", err)
	}
	if entries, _ := os.ReadDir(filepath.Join(root, "docs")); len(entries) > 0 {
		t.Errorf("expected nothing to be written, found %v", entries)
	}
}

// A share's interval over few seeds ends where shares do.
func TestShareOver(t *testing.T) {
	of := func(values ...float64) (runs []Run[struct{}, float64]) {
		for i, v := range values {
			runs = append(runs, Run[struct{}, float64]{Seed: int64(i), Report: v})
		}
		return runs
	}
	share := func(v float64) stats.Proportion { return stats.Proportion{Value: v, Low: 0.1, High: 0.9, N: 7} }
	if m := ShareOver(of(0.2), share); m.Low != 0.1 || m.High != 0.9 || m.N != 7 {
		t.Errorf("one run: found %+v", m)
	}
	if m := ShareOver(of(0.1, 0.9), share); math.Abs(m.Value-0.5) > 1e-12 || m.Low != 0 || m.High != 1 || m.N != 2 {
		t.Errorf("two runs far apart: found %+v", m)
	}
	if m := ShareOver(of(0.50, 0.51, 0.52), share); !(m.Low > 0.45 && m.Low < 0.51 && m.High > 0.51 && m.High < 0.57) {
		t.Errorf("three runs close together: found %+v", m)
	}
}

// What a run used is shown where any run kept it.
func TestRunsTable(t *testing.T) {
	old := record{Seed: 1, Seconds: 12.4, Backend: "go", Machine: "m", Started: "then", Commit: "0123456789abcdef"}
	fresh := old
	fresh.Seed, fresh.Used = 2, experiments.Used{Processor: 20.2, Peak: 3 << 29}
	s := Study{}
	for _, c := range []struct {
		runs  []record
		lines []string
	}{
		{[]record{old}, []string{"| seed | seconds | backend |", "| 1 | 12 | go | m | then | `0123456789ab` |"}},
		{[]record{old, fresh}, []string{"| seed | seconds | processor seconds | peak memory | backend |", "| 1 | 12 | – | – | go |", "| 2 | 12 | 20 | 1.5 GiB | go |"}},
	} {
		table := s.runsTable(c.runs)
		for _, line := range c.lines {
			if !strings.Contains(table, "\n"+line) {
				t.Errorf("expected the line %q in\n%s", line, table)
			}
		}
	}
}
