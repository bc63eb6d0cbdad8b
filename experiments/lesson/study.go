package lesson

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/plots"
)

// Definition is what makes up a study. C is its configuration, R what a run finds out, as it is kept in the run's report.json; both
// are written as JSON.
type Definition[C, R any] struct {
	Series  string // the experiment is SERIES/NAME; without one, lesson
	Name    string // in lower case with hyphens, such as temperature: the experiment lesson/temperature
	Summary string // one line for `glimpse train --list`
	Title   string // of the page
	Asks    string // Markdown for the page: what the lesson says, what is measured, on which data and how. No number that a run found.

	Defaults func(form experiments.Form, kind backend.Kind) C
	// Run does the experiment. It may save models and pictures of its own in env.Run; report, figures and results are written for it.
	Run func(ctx context.Context, env *experiments.Env, config C) (report R, remarks []string, err error)
	// Metrics are the figures that scripts read, with NAME_low, NAME_high and NAME_n where there is an interval ([PutMean]).
	Metrics func(report R) map[string]float64
	// Tell says what the runs found, all of one configuration and each of another seed, at least one. It depends on nothing else. A
	// single run, quick or full, is told as well: its figures go into its folder.
	Tell func(runs []Run[C, R]) (Told, error)
}

// Run is a run of a study.
type Run[C, R any] struct {
	Seed   int64
	Config C
	Report R
}

// Told is what runs of a study say.
type Told struct {
	Answer   string    // one or two sentences with figures and intervals; they stand in the list of all studies, too
	Sections []Section // of the page, in their order
	Errata   []Erratum // what of the lesson was found to be otherwise
}

// Section is a part of a page.
type Section struct {
	Heading string
	Text    string // Markdown: paragraphs, tables
	Figures []Figure
}

// Figure is a picture of a page, below the section's text.
type Figure struct {
	Name    string // in lower case with hyphens; unique in the page
	Title   string
	Caption string // a sentence or two: what is to be seen
	Plot    *plots.Figure
}

// Erratum is a claim of the lesson that was found wrong, mixed up or only half of the truth.
type Erratum struct {
	Claim  string // what the lesson says
	Found  string // what was measured, with figures; from the runs
	Source string // where the right figure is to be read: paper and section, file of a repository
}

// Study is an experiment of the lesson with its page.
type Study struct {
	Series     string
	Name       string
	Title      string
	Experiment experiments.Experiment

	tell func(records []experiments.Record[json.RawMessage]) (Told, error)
	asks string
}

// ReportFile is what a run found out, in its folder.
const ReportFile = "report.json"

// New makes a study. Where C has a method Check() error, settings that it refuses are refused before anything is done.
func New[C, R any](d Definition[C, R]) Study {
	series := cmp.Or(d.Series, "lesson")
	name := series + "/" + d.Name
	run := func(ctx context.Context, env *experiments.Env, config C) (experiments.Result, error) {
		report, remarks, err := d.Run(ctx, env, config)
		if err != nil {
			return experiments.Result{Remarks: remarks}, err
		}
		if err := env.Run.WriteJSON(ReportFile, report); err != nil {
			return experiments.Result{}, err
		}
		told, err := d.Tell([]Run[C, R]{{Seed: env.Seed, Config: config, Report: report}})
		if err != nil {
			return experiments.Result{}, fmt.Errorf("cannot draw what the run found out: %w", err)
		}
		return experiments.Result{Metrics: d.Metrics(report), Remarks: remarks}, told.drawInto(env.Run)
	}
	return Study{
		Series: series, Name: d.Name, Title: d.Title, asks: d.Asks,
		Experiment: experiments.New(name, d.Summary, d.Defaults, run),
		tell: func(records []experiments.Record[json.RawMessage]) (Told, error) {
			var runs []Run[C, R]
			for _, record := range records {
				r := Run[C, R]{Seed: record.Seed}
				if err := json.Unmarshal(record.Config, &r.Config); err != nil {
					return Told{}, fmt.Errorf("the recorded settings of %s, seed %d, do not fit the experiment: %w; record new runs", name, record.Seed, err)
				}
				if err := json.Unmarshal(record.Report, &r.Report); err != nil {
					return Told{}, fmt.Errorf("the recorded report of %s, seed %d, does not fit the experiment: %w; record new runs", name, record.Seed, err)
				}
				runs = append(runs, r)
			}
			return d.Tell(runs)
		},
	}
}

// drawInto saves the figures in a run's folder, as PNG and as SVG, and lists them for its report.html.
func (t Told) drawInto(run *experiments.Run) error {
	type listed struct {
		File    string `json:"file"`
		Title   string `json:"title"`
		Caption string `json:"caption"`
	}
	var list []listed
	for _, f := range t.figures() {
		for _, ending := range endings {
			if err := f.Plot.Save(run.Path("plots", f.Name+ending)); err != nil {
				return err
			}
		}
		list = append(list, listed{f.Name + ".png", f.Title, f.Caption})
	}
	return run.WriteJSON("plots/figures.json", list)
}

var endings = [...]string{".png", ".svg"}

func (t Told) figures() (all []Figure) {
	for _, s := range t.Sections {
		all = slices.Concat(all, s.Figures)
	}
	return all
}
