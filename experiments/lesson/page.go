package lesson

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

func byCommand(series string) string {
	return "<!-- written by `glimpse report " + series + "`, do not edit -->\n\n"
}

// page is a study's page.
func (s Study) page(told Told, runs []record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s", s.Title, byCommand(s.Series))
	fmt.Fprintf(&b, "`glimpse train %s --seed N`, or with `--quick`\n\n%s\n", s.Experiment.Name, strings.TrimSpace(s.asks))
	fmt.Fprintf(&b, "\n## Answer\n\n%s\n", strings.TrimSpace(told.Answer))
	for _, section := range told.Sections {
		fmt.Fprintf(&b, "\n## %s\n", section.Heading)
		if text := strings.TrimSpace(section.Text); text != "" {
			fmt.Fprintf(&b, "\n%s\n", text)
		}
		for _, f := range section.Figures {
			file := strings.TrimPrefix(s.figureFile(f.Name), "docs/")
			fmt.Fprintf(&b, "\n![%s](../%s.png)\n\n*%s* ([SVG](../%s.svg))\n", f.Title, file, f.Caption, file)
		}
	}
	if len(told.Errata) > 0 {
		b.WriteString("\n## The lesson, corrected\n\n")
		for _, e := range told.Errata {
			fmt.Fprintf(&b, "- The lesson says: %s Found: %s Source: %s\n", e.Claim, e.Found, e.Source)
		}
	}
	b.WriteString(s.runsTable(runs))
	return b.String()
}

// runsTable is the section about the runs themselves. The first recorded runs kept neither processor seconds nor memory: a dash, or no column where none did.
func (s Study) runsTable(runs []record) string {
	var b strings.Builder
	b.WriteString("\n## The runs\n\nSeconds are by the clock, on a machine that may have been busy with other work besides. ")
	fmt.Fprintf(&b, "Settings: `glimpse train %s --show` at the commit given.\n\n", s.Experiment.Name)
	isKnown := slices.ContainsFunc(runs, func(r record) bool { return r.Peak > 0 })
	line := func(seed, seconds, processor, peak, rest string) {
		if isKnown {
			seconds += " | " + processor + " | " + peak
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", seed, seconds, rest)
	}
	line("seed", "seconds", "processor seconds", "peak memory", "backend | machine | started | commit")
	line("---:", "---:", "---:", "---:", "--- | --- | --- | ---")
	for _, r := range runs {
		processor, peak := "–", "–"
		if r.Peak > 0 {
			processor, peak = fmt.Sprintf("%.0f", r.Processor), humanize.IBytes(uint64(r.Peak))
		}
		line(fmt.Sprint(r.Seed), fmt.Sprintf("%.0f", r.Seconds), processor, peak, fmt.Sprintf("%s | %s | %s | `%s`", r.Backend, r.Machine, r.Started, experiments.ShortCommit(r.Commit)))
	}
	return b.String()
}

// summaries are the pages about all studies together, by their names: the list of answers, and the lesson's errata.
func (series Series) summaries(all map[string]recorded) (map[string]string, error) {
	index := "# " + series.Title + "\n\n" + byCommand(series.Name) + strings.TrimSpace(series.Opening) + "\n\n" +
		"| question | answer | seeds |\n| --- | --- | ---: |\n"
	errata := "# Errata of the lesson\n\n" + byCommand(series.Name) +
		"Claims of \"From vision-language models to CLIP\" that were found wrong, mixed up, or only half of the truth, with what was measured\n" +
		"here and where the right figures are to be read.\n"
	for _, s := range series.Studies {
		runs := all[s.Name].Runs
		if len(runs) == 0 {
			index += fmt.Sprintf("| %s: `glimpse train %s` | not recorded yet | 0 |\n", s.Title, s.Experiment.Name)
			continue
		}
		told, err := s.tell(runs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Experiment.Name, err)
		}
		answer := strings.Join(strings.Fields(told.Answer), " ")
		index += fmt.Sprintf("| [%s](%s) | %s | %d |\n", s.Title, filepath.Base(s.pageFile()), answer, len(runs))
		if len(told.Errata) == 0 {
			continue
		}
		errata += fmt.Sprintf("\n## [%s](results/%s)\n\n| the lesson says | found | source |\n| --- | --- | --- |\n", s.Title, filepath.Base(s.pageFile()))
		for _, e := range told.Errata {
			errata += fmt.Sprintf("| %s | %s | %s |\n", e.Claim, e.Found, e.Source)
		}
	}
	texts := map[string]string{series.Index: index}
	if series.Errata != "" {
		texts[series.Errata] = errata
	}
	return texts, nil
}

// Percent is a share with one decimal, such as 12.3%.
func Percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

// PercentOf is a share with its interval, such as 12.3% (10.1–14.5); of one seed alone there is none ([stats.Repeated]).
func PercentOf(m stats.Mean) string {
	if m.Low == m.High {
		return Percent(m.Value)
	}
	return fmt.Sprintf("%.1f%% (%.1f–%.1f)", 100*m.Value, 100*m.Low, 100*m.High)
}

// Number is a figure with its interval and so many decimals, such as 2.31 (2.20–2.42); of one seed alone there is none.
func Number(m stats.Mean, decimals int) string {
	if m.Low == m.High {
		return fmt.Sprintf("%.*f", decimals, m.Value)
	}
	return fmt.Sprintf("%.*f (%.*f–%.*f)", decimals, m.Value, decimals, m.Low, decimals, m.High)
}

// Difference is a difference with its sign and interval, such as +0.014 (+0.012 to +0.016).
func Difference(m stats.Mean, decimals int) string {
	return fmt.Sprintf("%+.*f (%+.*f to %+.*f)", decimals, m.Value, decimals, m.Low, decimals, m.High)
}

// OverSeeds is the mean of a figure of every run with Student's t interval at 95%; of one run, the figure itself.
func OverSeeds[C, R any](runs []Run[C, R], figure func(R) float64) stats.Mean {
	var values []float64
	for _, r := range runs {
		values = append(values, figure(r.Report))
	}
	return stats.Repeated(values)
}

// fewestSeeds are enough for a difference to follow from them: two that happen to be close to each other have a narrow interval.
const fewestSeeds = 3

// Verdict tells a difference that was taken seed by seed on one set of pictures, in the words given, and what follows from it for these pictures if there
// are at least three seeds and its interval leaves out 0.
func Verdict(d stats.Mean, difference, more, less string) string {
	switch {
	case d.N < fewestSeeds:
		return fmt.Sprintf("seed by seed %s, of too few seeds to say more.", difference)
	case d.Low > 0:
		return fmt.Sprintf("seed by seed %s: %s, on these pictures.", difference, more)
	case d.High < 0:
		return fmt.Sprintf("seed by seed %s: %s, on these pictures.", difference, less)
	}
	return fmt.Sprintf("seed by seed %s, which shows no difference.", difference)
}

// ShareOver is the mean of a share over the seeds of several runs, with Student's t interval as far as it lies between 0 and 1; of one run, its share over the examples.
func ShareOver[C, R any](runs []Run[C, R], share func(R) stats.Proportion) stats.Mean {
	if len(runs) == 1 {
		return stats.Mean(share(runs[0].Report))
	}
	return PartOver(runs, func(r R) float64 { return share(r).Value })
}

// PartOver is [OverSeeds] of a number between 0 and 1, with the interval as far as it lies there.
func PartOver[C, R any](runs []Run[C, R], part func(R) float64) stats.Mean {
	m := OverSeeds(runs, part)
	m.Low, m.High = max(m.Low, 0), min(m.High, 1)
	return m
}

// PutMean puts a figure with its interval into a run's metrics, under the names that scripts read.
func PutMean(metrics map[string]float64, name string, m stats.Mean) {
	metrics[name], metrics[name+"_low"], metrics[name+"_high"], metrics[name+"_n"] = m.Value, m.Low, m.High, float64(m.N)
}

// Table is a Markdown table; columns after the first are numbers, aligned to the right.
func Table(header []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(header)
	line(append([]string{"---"}, strings.Split(strings.Repeat("---: ", len(header)-1), " ")[:len(header)-1]...))
	for _, row := range rows {
		line(row)
	}
	return b.String()
}
