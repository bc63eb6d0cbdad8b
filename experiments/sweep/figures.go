package sweep

import (
	"fmt"
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// drawBest is the best setting so far, over settings in the order they were proposed; rungs each for themselves.
func (s *Sweep) drawBest(sum *Summary) ([]*plots.Figure, error) {
	settings := slices.Clone(sum.Settings)
	slices.SortFunc(settings, func(a, b SettingSummary) int { return a.Setting - b.Setting })
	series := map[int]*plots.Series{}
	rungs := 0
	for _, at := range settings {
		if !at.Complete {
			continue
		}
		line := series[at.Rung]
		if line == nil {
			line = &plots.Series{Name: "best setting so far"}
			if s.Spec.Budget != "" {
				line.Name = fmt.Sprintf("%s=%s", s.Spec.Budget, at.Settings[s.Spec.Budget])
			}
			series[at.Rung], rungs = line, max(rungs, at.Rung+1)
		}
		best := at.Mean.Value
		if n := len(line.Y); n > 0 && s.Spec.loss(line.Y[n-1]) < s.Spec.loss(best) {
			best = line.Y[n-1]
		}
		line.X, line.Y = append(line.X, float64(at.Setting+1)), append(line.Y, best)
	}
	cfg := plots.CurvesConfig{Title: "The best setting so far", XLabel: "settings tried", YLabel: s.Spec.Metric, WholeX: true}
	for rung := range rungs {
		if line := series[rung]; line != nil {
			cfg.Series = append(cfg.Series, *line)
		}
	}
	return curves(cfg)
}

// curves is one figure where there is something to draw, else none.
func curves(cfg plots.CurvesConfig) ([]*plots.Figure, error) {
	if len(cfg.Series) == 0 {
		return nil, nil
	}
	f, err := plots.Curves(cfg)
	return []*plots.Figure{f}, err
}

// drawSlices shows the metric along each setting alone, whatever the others are.
func (s *Sweep) drawSlices(sum *Summary) (all []*plots.Figure, err error) {
	for _, d := range s.Spec.Over {
		f, drawn, err := s.drawSlice(d, sum)
		if err != nil {
			return nil, err
		}
		if drawn {
			all = append(all, f)
		}
	}
	return all, nil
}

func (s *Sweep) drawSlice(d Dimension, sum *Summary) (f *plots.Figure, drawn bool, err error) {
	title := fmt.Sprintf("%s along %s", s.Spec.Metric, d.Key)
	at, numeric := coordinate(d)
	if !numeric {
		return s.drawBars(d, sum, title)
	}
	cfg := plots.ScatterConfig{Title: title, XLabel: d.Key, YLabel: s.Spec.Metric, Groups: s.points(d, sum, at)}
	if len(cfg.Groups) == 0 {
		return nil, false, nil
	}
	if at("10") == 1 { // in logarithms
		cfg.XLabel = "log10 of " + d.Key
	}
	f, err = plots.Scatter(cfg)
	return f, true, err
}

// points are the means of settings, and of several seeds each one; of successive halving the means of each rung.
func (s *Sweep) points(d Dimension, sum *Summary, at func(value string) float64) (groups []plots.PointGroup) {
	seeds := plots.PointGroup{Name: "one seed"}
	means := make([]plots.PointGroup, max(len(s.Spec.Rungs), 1))
	for _, setting := range sum.Settings {
		x, mean := at(setting.Settings[d.Key]), &means[setting.Rung]
		mean.Name = "mean over seeds"
		if s.Spec.Budget != "" {
			mean.Name = s.Spec.Budget + "=" + setting.Settings[s.Spec.Budget]
		}
		if setting.Mean != nil {
			mean.X, mean.Y = append(mean.X, x), append(mean.Y, setting.Mean.Value)
		}
		for _, v := range setting.Values {
			seeds.X, seeds.Y = append(seeds.X, x), append(seeds.Y, v)
		}
	}
	if s.Spec.Seeds > 1 && s.Spec.Budget == "" {
		means = append([]plots.PointGroup{seeds}, means...)
	}
	return slices.DeleteFunc(means, func(g plots.PointGroup) bool { return len(g.X) == 0 })
}

// coordinate places the values of a setting on an axis, in logarithms where they were searched so or span a factor of 100.
func coordinate(d Dimension) (at func(value string) float64, numeric bool) {
	lowest, highest := math.Inf(1), math.Inf(-1)
	for _, v := range d.samples() {
		if !isNumber(v) {
			return nil, false
		}
		lowest, highest = min(lowest, parseNumber(v)), max(highest, parseNumber(v))
	}
	if d.scale == logged || d.list != nil && lowest > 0 && highest/lowest >= 100 {
		return func(value string) float64 { return math.Log10(parseNumber(value)) }, true
	}
	return parseNumber, true
}

// drawBars shows the metric for each of a list of names; of successive halving, in the first rung.
func (s *Sweep) drawBars(d Dimension, sum *Summary, title string) (*plots.Figure, bool, error) {
	bars := plots.BarSeries{Name: s.Spec.Metric}
	cfg := plots.BarsConfig{Title: title, XLabel: d.Key, YLabel: s.Spec.Metric + " (mean over settings, 95% interval)"}
	for _, value := range d.list {
		var means []float64
		for _, setting := range sum.Settings {
			if setting.Settings[d.Key] == value && setting.Mean != nil && setting.Rung == 0 {
				means = append(means, setting.Mean.Value)
			}
		}
		if len(means) > 0 {
			m := stats.Repeated(means)
			cfg.Categories = append(cfg.Categories, value)
			bars.Values, bars.Low, bars.High = append(bars.Values, m.Value), append(bars.Low, m.Low), append(bars.High, m.High)
		}
	}
	if len(cfg.Categories) == 0 {
		return nil, false, nil
	}
	cfg.Series = []plots.BarSeries{bars}
	f, err := plots.Bars(cfg)
	return f, true, err
}

// drawCurves shows the training loss of the best settings: the mean over seeds, with a band from the smallest to the largest.
func (s *Sweep) drawCurves(sum *Summary) ([]*plots.Figure, error) {
	const most = 6
	cfg := plots.CurvesConfig{Title: "Training loss of the best settings, mean over seeds and what lies between the smallest and the largest",
		XLabel: "step", YLabel: "loss"}
	for _, setting := range sum.Settings {
		series := plots.Series{Name: describe(setting.Settings)}
		var runs []map[int]float64
		for _, trial := range setting.Trials {
			if trial.Value != nil && trial.Run != "" {
				if losses := lossOf(trial.Run); len(losses) > 0 {
					runs = append(runs, losses)
				}
			}
		}
		series.X, series.Y, series.Low, series.High = overSeeds(runs)
		drawn := slices.ContainsFunc(cfg.Series, func(x plots.Series) bool { return x.Name == series.Name }) // the same was drawn twice
		if len(series.X) > 0 && len(cfg.Series) < most && !drawn {
			cfg.Series = append(cfg.Series, series)
		}
	}
	return curves(cfg)
}

// lossOf is a run's recorded loss by step; none where there is none, such as of a run folder that was removed for its size.
func lossOf(run string) map[int]float64 {
	steps, err := (&experiments.Run{Dir: run}).Metrics()
	if err != nil {
		return nil
	}
	losses := map[int]float64{}
	for _, step := range steps {
		if v, ok := step["loss"]; ok {
			losses[int(step["step"])] = v
		}
	}
	return losses
}

// overSeeds are the steps that all runs have, at most 400 of them, with mean, smallest and largest.
func overSeeds(runs []map[int]float64) (x, mean, low, high []float64) {
	if len(runs) == 0 {
		return nil, nil, nil, nil
	}
	var steps []int
	for step := range runs[0] {
		if !slices.ContainsFunc(runs, func(r map[int]float64) bool { _, ok := r[step]; return !ok }) {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	stride := (len(steps) + 399) / 400
	for i := 0; i < len(steps); i += max(stride, 1) {
		sum, lo, hi := 0.0, math.Inf(1), math.Inf(-1)
		for _, r := range runs {
			v := r[steps[i]]
			sum, lo, hi = sum+v, min(lo, v), max(hi, v)
		}
		m := min(max(sum/float64(len(runs)), lo), hi) // rounding must not put it outside
		x, mean, low, high = append(x, float64(steps[i])), append(mean, m), append(low, lo), append(high, hi)
	}
	return x, mean, low, high
}
