package learning

import (
	"fmt"
	"math"
	"slices"
)

// Finding is something that is wrong.
type Finding struct {
	Rule     string `json:"rule"`     // chance, collapse, clamp, dead_tower or duplicates
	Step     int    `json:"step"`     // at which it was seen
	Sentence string `json:"sentence"` // what, by which numbers, and what to do
}

// Report is what can be said of a run at its last recorded step.
type Report struct {
	Step     int                `json:"step"`
	Span     int                `json:"span"`    // steps that the figures are the mean of, the last ones
	Figures  map[string]float64 `json:"figures"` // by name; ranks are those of the last evaluation
	Chance   float64            `json:"chance"`  // loss, in nats, of a model that tells nothing apart
	Findings []Finding          `json:"findings"`
}

// Look reads the recorded steps of a run, in their order. What a run did not record is not judged.
func Look(steps []map[string]float64, s Settings) Report {
	v := view{s, steps}
	r := Report{Findings: []Finding{}, Figures: map[string]float64{}}
	if len(steps) == 0 {
		return r
	}
	r.Step, r.Span = v.last(), min(v.span()/2, v.last())
	recent := v.recent(r.Span)
	for _, name := range figures {
		if m, ok := mean(recent, name); ok {
			r.Figures[name] = m
		}
	}
	for _, name := range []string{RankImage, RankText} {
		if _, value, ok := v.latest(name); ok {
			r.Figures[name] = value
		}
	}
	r.Chance = v.chance(recent)
	for _, rule := range []struct {
		name string
		find func(view) string
	}{ // what may be the reason of the next comes first
		{"duplicates", view.duplicates}, {"dead_tower", view.deadTower}, {"clamp", view.clamped}, {"collapse", view.collapsed}, {"chance", view.atChance},
	} {
		if sentence := rule.find(v); sentence != "" {
			r.Findings = append(r.Findings, Finding{rule.name, r.Step, sentence})
		}
	}
	return r
}

// Recorded says whether there is anything in the recorded steps by which to tell whether a contrastive run learns.
func Recorded(steps []map[string]float64) bool {
	return slices.ContainsFunc(steps, func(line map[string]float64) bool { _, ok := line[ImageToText]; return ok })
}

// figures are those that a report holds the recent mean of.
var figures = []string{"loss", ImageToText, TextToImage, LogitScale, Pairs, NonPairs, Gap, "grad_norm", GradImage, GradText, GradScale, Duplicates, Floor}

// view is a run as the rules see it.
type view struct {
	Settings
	steps []map[string]float64
}

func (v view) last() int { return int(v.steps[len(v.steps)-1]["step"]) }

// span is how many steps something has to last before it is said: 200, or half of those that were planned if that is less.
func (v view) span() int {
	if v.Steps == 0 {
		return longest
	}
	return max(min(v.Steps/2, longest), 1)
}

const longest = 200

// recent are the lines of the last span steps.
func (v view) recent(span int) []map[string]float64 {
	from := v.last() - span
	i := len(v.steps)
	for i > 0 && int(v.steps[i-1]["step"]) > from {
		i--
	}
	return v.steps[i:]
}

// window is recent for a rule: nil where those steps reach into the warm-up, or fewer than three of them were recorded.
func (v view) window(span int) []map[string]float64 {
	if v.last()-span < v.Warmup {
		return nil
	}
	if lines := v.recent(span); len(lines) >= 3 {
		return lines
	}
	return nil
}

// latest is the last line that has a figure, and the figure.
func (v view) latest(name string) (step int, value float64, ok bool) {
	for _, line := range slices.Backward(v.steps) {
		if value, ok := line[name]; ok {
			return int(line["step"]), value, true
		}
	}
	return 0, 0, false
}

// chance is the loss of a model that tells nothing apart, in the batches of lines.
func (v view) chance(lines []map[string]float64) float64 {
	if masked, ok := mean(lines, Chance); ok {
		return masked
	}
	return v.Chance()
}

// inWords is chance with its formula.
func (v view) inWords(chance float64) string {
	if math.Abs(chance-math.Log(float64(v.Batch))) < 1e-9 {
		return fmt.Sprintf("ln %d = %.2f", v.Batch, chance)
	}
	return fmt.Sprintf("%.2f", chance)
}

// mean is that of a figure over the lines that have it.
func mean(lines []map[string]float64, name string) (float64, bool) {
	sum, n := 0.0, 0
	for _, line := range lines {
		if value, ok := line[name]; ok {
			sum, n = sum+value, n+1
		}
	}
	return sum / float64(max(n, 1)), n > 0
}

// bounds are the least and the greatest of a figure; ok is whether all lines have it.
func bounds(lines []map[string]float64, name string) (low, high float64, ok bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, line := range lines {
		value, has := line[name]
		if !has {
			return 0, 0, false
		}
		low, high = min(low, value), max(high, value)
	}
	return low, high, len(lines) > 0
}
