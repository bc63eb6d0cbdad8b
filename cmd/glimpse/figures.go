package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/glimpse-ml/glimpse/experiments/history"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// number is a figure in four digits.
func number(v float64) string { return history.Number(v) }

// compareNames puts recall@5 before recall@10.
func compareNames(a, b string) int { return history.CompareNames(a, b) }

// printMetrics writes metrics as a table.
func printMetrics(w io.Writer, metrics map[string]float64) error {
	return printTable(w, func(table io.Writer) {
		fmt.Fprintln(table, "metric\tvalue\t95% interval\tn")
		for _, f := range history.Figures(metrics) {
			n := ""
			if f.HasN {
				n = strconv.Itoa(f.N)
			}
			line := fmt.Sprintf("%s\t%s\t%s\t%s", f.Name, number(f.Value), f.Interval(), n)
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
