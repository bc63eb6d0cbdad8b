package history

import (
	"errors"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
)

// Curve is one scalar of a run over its steps.
type Curve struct {
	Name          string
	Steps, Values []float64 // of one length, at least one; the steps grow
}

// Recorded are the recorded steps of a run; none where there is no metrics.jsonl. A run may hold several trainings, one after the
// other: where steps begin anew, they and their seconds count on from those before, so that both grow all through the run.
func Recorded(run *experiments.Run) ([]map[string]float64, error) {
	all, err := run.Metrics()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var lines []map[string]float64
	var before, last struct{ step, seconds float64 }
	for _, line := range all {
		step, ok := line["step"]
		if !ok {
			continue
		}
		if len(lines) > 0 && step+before.step <= last.step {
			before = last
		}
		line["step"] += before.step
		line["seconds"] += before.seconds
		last.step, last.seconds = line["step"], line["seconds"]
		lines = append(lines, line)
	}
	return lines, err
}

// Curves are the scalars of recorded steps, which grow, the loss first, then in the order of names.
func Curves(lines []map[string]float64) []Curve {
	curves := map[string]*Curve{}
	for _, line := range lines {
		for name, value := range line {
			if slices.Contains([]string{"step", "epoch", "seconds", "waiting"}, name) {
				continue
			}
			c := curves[name]
			if c == nil {
				c = &Curve{Name: name}
				curves[name] = c
			}
			c.Steps, c.Values = append(c.Steps, line["step"]), append(c.Values, value)
		}
	}
	var out []Curve
	for _, c := range curves {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Curve) int {
		if (a.Name == "loss") != (b.Name == "loss") {
			if a.Name == "loss" {
				return -1
			}
			return 1
		}
		return CompareNames(a.Name, b.Name)
	})
	return out
}

// Find is the curve of that name.
func Find(curves []Curve, name string) (Curve, bool) {
	i := slices.IndexFunc(curves, func(c Curve) bool { return c.Name == name })
	if i < 0 {
		return Curve{}, false
	}
	return curves[i], true
}

// Last is the curve's last value.
func (c Curve) Last() float64 { return c.Values[len(c.Values)-1] }

// Thin is the curve in at most n points, n at least 2: the first, and the means of equal parts of the rest, each at its last step.
func (c Curve) Thin(n int) Curve {
	if len(c.Steps) <= n {
		return c
	}
	thin := Curve{Name: c.Name, Steps: []float64{c.Steps[0]}, Values: []float64{c.Values[0]}}
	for i, rest := 0, len(c.Steps)-1; i < n-1; i++ {
		from, to := 1+i*rest/(n-1), 1+(i+1)*rest/(n-1)
		sum := 0.0
		for _, v := range c.Values[from:to] {
			sum += v
		}
		thin.Steps = append(thin.Steps, c.Steps[to-1])
		thin.Values = append(thin.Values, sum/float64(to-from))
	}
	return thin
}

// Sparkline is the curve in at most width characters of eight heights, from its least to its greatest value. A value that is
// no number is a space.
func (c Curve) Sparkline(width int) string {
	values := c.Thin(max(width, 2)).Values
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	heights := []rune("▁▂▃▄▅▆▇█")
	var line strings.Builder
	for _, v := range values {
		switch share := (v - low) / (high - low); {
		case math.IsNaN(v):
			line.WriteByte(' ')
		case math.IsNaN(share): // all are equal
			line.WriteRune(heights[3])
		default:
			line.WriteRune(heights[min(int(share*8), 7)])
		}
	}
	return line.String()
}
