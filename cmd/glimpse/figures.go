package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/glimpse-ml/glimpse/internal/stats"
)

// figure is one of a run's metrics with its interval, if it has one.
type figure struct {
	name             string
	value            float64
	low, high        float64
	n                int
	hasInterval, isN bool
}

// figuresOf gathers NAME, NAME_low, NAME_high and NAME_n: those with an interval first, each part in the order of names.
func figuresOf(metrics map[string]float64) []figure {
	var figures []figure
	for name, value := range metrics {
		if base, suffix := cutSuffix(name); suffix != "" {
			if _, ok := metrics[base]; ok {
				continue
			}
		}
		f := figure{name: name, value: value}
		var hasLow, hasHigh bool
		f.low, hasLow = metrics[name+"_low"]
		f.high, hasHigh = metrics[name+"_high"]
		n, isN := metrics[name+"_n"]
		f.hasInterval, f.isN, f.n = hasLow && hasHigh, isN, int(n)
		figures = append(figures, f)
	}
	slices.SortFunc(figures, func(a, b figure) int {
		if a.hasInterval != b.hasInterval {
			if a.hasInterval {
				return -1
			}
			return 1
		}
		return compareNames(a.name, b.name)
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

// compareNames puts recall@5 before recall@10.
func compareNames(a, b string) int {
	baseA, kA, _ := strings.Cut(a, "@")
	baseB, kB, _ := strings.Cut(b, "@")
	numberA, _ := strconv.Atoi(kA)
	numberB, _ := strconv.Atoi(kB)
	return cmp.Or(strings.Compare(baseA, baseB), numberA-numberB, strings.Compare(a, b))
}

// number is a figure in four digits.
func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

func (f figure) interval() string {
	if !f.hasInterval {
		return ""
	}
	short := func(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }
	return short(f.low) + " to " + short(f.high)
}

// printMetrics writes metrics as a table.
func printMetrics(w io.Writer, metrics map[string]float64) error {
	return printTable(w, func(table io.Writer) {
		fmt.Fprintln(table, "metric\tvalue\t95% interval\tn")
		for _, f := range figuresOf(metrics) {
			n := ""
			if f.isN {
				n = strconv.Itoa(f.n)
			}
			line := fmt.Sprintf("%s\t%s\t%s\t%s", f.name, number(f.value), f.interval(), n)
			fmt.Fprintln(table, strings.TrimRight(line, "\t"))
		}
	})
}

// printTable writes what fill writes, one cell after the other with tabs between them, as a table, in one piece.
func printTable(w io.Writer, fill func(table io.Writer)) error {
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fill(table)
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := w.Write(text.Bytes())
	return err
}

// metricsOf turns figures into the flat form of a run's metrics.
func metricsOf(shares map[string]stats.Proportion, means map[string]stats.Mean, plain map[string]float64) map[string]float64 {
	metrics := maps.Clone(plain)
	if metrics == nil {
		metrics = map[string]float64{}
	}
	put := func(name string, value, low, high float64, n int) {
		metrics[name], metrics[name+"_low"], metrics[name+"_high"], metrics[name+"_n"] = value, low, high, float64(n)
	}
	for name, p := range shares {
		put(name, p.Value, p.Low, p.High, p.N)
	}
	for name, m := range means {
		put(name, m.Value, m.Low, m.High, m.N)
	}
	return metrics
}
