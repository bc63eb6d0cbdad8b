package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/benchmark"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/doctor"
)

func benchCommand() *cobra.Command {
	o := benchmark.Options{Rounds: 7, Turn: 1, Size: 2048}
	var quick, record, asJSON bool
	var only string
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Time the lab against PyTorch, side by side",
		Long: `Bench times encoding and training against plain PyTorch: the same weights and inputs, each side in a process of
its own, in turns: CLIPs, a captioner's training step, its beam search. It says the ratio of their times, the share of
this machine's measured matrix product that is reached, and the largest memory of both; then, without a peer, an exact
search through a million embeddings, a training step in chunks, what a run costs beside its steps (harness), and what
a notebook cell takes before it computes (cells; Jupyter has to be there). Nothing else should run meanwhile: beside
other work PyTorch's threads wait for each other, and the ratios flatter us. It takes minutes; PyTorch has to be there
(python3-torch, and libopenblas0-openmp, without which it multiplies matrices slowly).`,
		Example: examples("glimpse bench", "glimpse bench --only RN50 --rounds 3", "glimpse bench --only cells", "glimpse bench --record"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Rounds < 1 {
				return usagef(cmd, "expected --rounds to be 1 or more, found %d", o.Rounds)
			}
			if record && (quick || only != "") {
				return usagef(cmd, "expected --record without --quick and --only: the page is about all cases in full")
			}
			m := measurements{benchmark.CaptionCases(), benchmark.SearchCases(), benchmark.ChunkedCases(), benchmark.HarnessCases(), true}
			o.Cases = benchmark.Cases()
			if quick {
				o.Cases, o.Rounds, o.Turn, o.Size = benchmark.QuickCases(), 2, 0.01, 128
				m = measurements{benchmark.QuickCaptionCases(), benchmark.QuickSearchCases(), benchmark.QuickChunkedCases(), benchmark.QuickHarnessCases(), false}
			}
			if only != "" {
				o.Cases = chosen(o.Cases, only, func(c benchmark.Case) string { return c.Name })
				m = measurements{captions: chosen(m.captions, only, func(c benchmark.CaptionCase) string { return c.Name }),
					harness: chosen(m.harness, only, func(c benchmark.HarnessCase) string { return "harness, " + c.Name }),
					cells:   strings.Contains("notebook cells", only)}
			}
			if len(o.Cases)+len(m.captions)+len(m.harness) == 0 && !m.cells {
				return usagef(cmd, "expected --only to be a part of a case's name, such as ViT, RN50, beam, harness or cells, found %q", only)
			}
			o.Messages = cmd.ErrOrStderr()
			o.Each = func(line string) { fmt.Fprintln(o.Messages, "glimpse: "+strings.ReplaceAll(line, "\t", ", ")) }
			report, err := bench(cmd, o, m)
			if err != nil {
				return err
			}
			if record {
				if err := report.Record("."); err != nil {
					return err
				}
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), report)
			}
			return printTable(cmd.OutOrStdout(), func(table io.Writer) { fmt.Fprint(table, report.Table()) })
		},
	}
	cmd.Flags().IntVar(&o.Rounds, "rounds", o.Rounds, "turns of each side, a `number`")
	cmd.Flags().StringVar(&only, "only", "", "measure only the comparisons with this `text` in their names")
	cmd.Flags().BoolVar(&quick, "quick", false, "tiny models in seconds: tests the machinery, the figures mean nothing")
	cmd.Flags().BoolVar(&record, "record", false, "in a checkout: write docs/benchmarks.md")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// chosen are the cases with text in their names.
func chosen[C any](cases []C, text string, name func(C) string) []C {
	var out []C
	for _, c := range cases {
		if strings.Contains(name(c), text) {
			out = append(out, c)
		}
	}
	return out
}

// measurements are what is measured beside the encoders and CLIP's training.
type measurements struct {
	captions []benchmark.CaptionCase
	searches []benchmark.SearchCase
	chunked  []benchmark.ChunkedCase
	harness  []benchmark.HarnessCase
	cells    bool
}

func bench(cmd *cobra.Command, o benchmark.Options, m measurements) (*benchmark.Report, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program's own file: %w", err)
	}
	o.Ours = []string{self, "bench-worker"}
	if len(o.Cases)+len(m.captions) > 0 { // the others have no peer
		if o.Peer, err = benchmark.Peer(cmd.Context()); err != nil {
			return nil, err
		}
	}
	report := &benchmark.Report{Machine: doctor.Machine(), Started: time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		Commit: experiments.Commit(), Rounds: o.Rounds}
	var versions [2]string
	if report.Rows, versions, err = benchmark.Measure(cmd.Context(), o); err != nil {
		return nil, err
	}
	var captioners [2]string
	if report.Captions, captioners, err = benchmark.MeasureCaptions(cmd.Context(), o, m.captions); err != nil {
		return nil, err
	}
	if len(o.Cases) == 0 {
		versions = captioners
	}
	if len(m.searches)+len(m.chunked) > 0 {
		fmt.Fprintln(o.Messages, "glimpse: searching, and training in chunks")
	}
	if report.Search, err = benchmark.MeasureSearch(cmd.Context(), o, m.searches); err != nil {
		return nil, err
	}
	if report.Chunked, err = benchmark.MeasureChunked(cmd.Context(), o, m.chunked); err != nil {
		return nil, err
	}
	if report.Harness, err = measureHarness(cmd, o, m.harness); err != nil {
		return nil, err
	}
	if m.cells {
		fmt.Fprintln(o.Messages, "glimpse: notebook cells")
		if report.Cells, err = benchmark.MeasureCells(cmd.Context(), o); err != nil {
			return nil, err
		}
	}
	if strings.Contains(versions[1], "with openblas-pthread") || strings.HasSuffix(versions[1], "with blas") {
		fmt.Fprintf(o.Messages, "glimpse: %s: its threads are slow with this library, so the comparison is not fair; install libopenblas0-openmp "+
			"and choose it with `update-alternatives --config NAME`, NAME being libblas.so.3-x86_64-linux-gnu, liblapack.so.3-x86_64-linux-gnu "+
			"and libopenblas.so.0-x86_64-linux-gnu\n", versions[1])
	}
	report.Ours, report.Peer = "Glimpse on "+versions[0], versions[1]
	return report, nil
}

// measureHarness computes in this process: both sides are ours.
func measureHarness(cmd *cobra.Command, o benchmark.Options, cases []benchmark.HarnessCase) ([]benchmark.HarnessRow, error) {
	if len(cases) == 0 {
		return nil, nil
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	return benchmark.MeasureHarness(cmd.Context(), b, o, cases)
}

// benchWorkerCommand is our side's process.
func benchWorkerCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "bench-worker",
		Short:   "The process in which bench has this side of a comparison computed",
		Example: examples(`echo '{"do":"version"}' | glimpse bench-worker`),
		Hidden:  true,
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := backend.Open(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer b.Finalize()
			return benchmark.Serve(cmd.Context(), b, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}
