package history

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Figure is one of a run's results with its 95% interval, if it has one.
type Figure struct {
	Name              string
	Value             float64
	Low, High         float64 // with HasInterval
	N                 int     // with HasN
	HasInterval, HasN bool
}

// Figures gathers NAME, NAME_low, NAME_high and NAME_n: those with an interval first, each part in the order of names.
func Figures(metrics map[string]float64) []Figure {
	var figures []Figure
	for name, value := range metrics {
		if base, suffix := cutSuffix(name); suffix != "" {
			if _, ok := metrics[base]; ok {
				continue
			}
		}
		f := Figure{Name: name, Value: value}
		var hasLow, hasHigh bool
		f.Low, hasLow = metrics[name+"_low"]
		f.High, hasHigh = metrics[name+"_high"]
		n, hasN := metrics[name+"_n"]
		f.HasInterval, f.HasN, f.N = hasLow && hasHigh, hasN, int(n)
		figures = append(figures, f)
	}
	slices.SortFunc(figures, func(a, b Figure) int {
		if a.HasInterval != b.HasInterval {
			if a.HasInterval {
				return -1
			}
			return 1
		}
		return CompareNames(a.Name, b.Name)
	})
	return figures
}

func cutSuffix(name string) (base, suffix string) {
	for _, suffix := range []string{"_low", "_high", "_n"} {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			return base, suffix
		}
	}
	return name, ""
}

// CompareNames puts recall@5 before recall@10.
func CompareNames(a, b string) int {
	baseA, kA, _ := strings.Cut(a, "@")
	baseB, kB, _ := strings.Cut(b, "@")
	numberA, _ := strconv.Atoi(kA)
	numberB, _ := strconv.Atoi(kB)
	return cmp.Or(strings.Compare(baseA, baseB), numberA-numberB, strings.Compare(a, b))
}

// Number is a figure in four digits.
func Number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// Interval is the 95% interval in words; "" without one.
func (f Figure) Interval() string {
	if !f.HasInterval {
		return ""
	}
	short := func(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }
	return short(f.Low) + " to " + short(f.High)
}

// String is the figure with its interval, if it has one.
func (f Figure) String() string {
	if !f.HasInterval {
		return Number(f.Value)
	}
	return Number(f.Value) + " (" + f.Interval() + ")"
}
