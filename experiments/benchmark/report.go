package benchmark

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// Report is what a run of the benchmark found, as kept in docs/benchmarks.json.
type Report struct {
	Machine string `json:"machine"` // processor, cores, system
	Started string `json:"started"`
	Commit  string `json:"commit"`
	Ours    string `json:"ours"` // backend and version
	Peer    string `json:"peer"`
	Rounds  int    `json:"rounds"`
	Rows    []Row  `json:"rows"`

	Captions []CaptionRow `json:"captions,omitempty"`

	Search  []SearchRow  `json:"search,omitempty"`
	Chunked []ChunkedRow `json:"chunked,omitempty"`

	Harness []HarnessRow `json:"harness,omitempty"`
	Cells   *CellsRow    `json:"cells,omitempty"`
}

// The files of a checkout that [Report.Record] writes.
const (
	recordedFile = "docs/benchmarks.json"
	resultsPage  = "docs/benchmarks.md"
)

// Record writes the figures and the page about them into the checkout root.
func (r *Report) Record(root string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, "docs")); err != nil {
		return fmt.Errorf("expected a checkout with the folder docs in %s: %w", root, err)
	}
	if err := atomicfile.WriteFile(filepath.Join(root, recordedFile), append(data, '\n')); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(root, resultsPage), []byte(r.page()))
}

// page is docs/benchmarks.md.
func (r *Report) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# How fast it is

<!-- written by "make bench", do not edit -->

Measured on %s; %s; commit `+"`%s`"+`. %s against %s, each in a process of its own, with the same weights and the
same inputs, in turns (ours, theirs, ours, ...), %d turns each; their answers were compared before. A turn's figure is the median
of its calls; the table has the median of the turns. The ratio is PyTorch's time over ours, pair by pair of turns: above 1, ours
is faster. The share is of the largest rate that a product of two large matrices reached beside the case on this machine, in whichever
of the two libraries was faster; it counts what ours computes. Memory is the largest resident size of the process, the library itself included.
PyTorch is eager, float32, without gradients except for the training step, and holds both towers. Ours has the weights as constants, except for
the training step: norms go into convolutions, and memory holds the tower that is used. Of a transformer's last block ours computes the one token that is
wanted, with all keys and values. Short texts have 8 to 16 tokens, start and end included: no feature depends on what lies behind its text's end, so
ours leaves that out. PyTorch computes all of the last block and of the context, as the published code does.

| case | batch | ours | PyTorch | ratio (range) | ours a second | share of the peak | PyTorch's share | memory | PyTorch's memory |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
`, r.Machine, r.Started, experiments.ShortCommit(r.Commit), r.Ours, r.Peer, r.Rounds)
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s | %d | %s (%s–%s) | %s (%s–%s) | **%.2f** (%.2f–%.2f) | %.1f | %.0f%% | %.0f%% | %s | %s |\n", row.Name, row.Batch,
			milliseconds(row.Ours.Median), milliseconds(row.Ours.Min), milliseconds(row.Ours.Max),
			milliseconds(row.Peer.Median), milliseconds(row.Peer.Min), milliseconds(row.Peer.Max),
			row.Ratio, row.RatioRange[0], row.RatioRange[1], float64(row.Batch)/row.Ours.Median, 100*row.Share, 100*row.PeerShare,
			megabytes(row.Ours.PeakMemory), megabytes(row.Peer.PeakMemory))
	}
	b.WriteString("\n## Against the goals\n\n")
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "- %s, batch %d: %s.\n", row.Name, row.Batch, strings.Join(row.verdicts(), "; "))
	}
	fmt.Fprintf(&b, "\nThe peak beside the cases was %s GFLOP/s.\n", r.peaks())
	b.WriteString(heldBack)
	if len(r.Captions) > 0 {
		b.WriteString(captionsPage(r.Captions))
	}
	if len(r.Search) > 0 {
		b.WriteString(searchPage(r.Search))
	}
	if len(r.Chunked) > 0 {
		b.WriteString(chunkedPage(r.Chunked))
	}
	if len(r.Harness) > 0 {
		b.WriteString(harnessPage(r.Harness))
	}
	if r.Cells != nil {
		b.WriteString(cellsPage(r.Cells))
	}
	return b.String()
}

// heldBack says what the goals that are missed are missed for, as profiles of ONNX Runtime show it.
const heldBack = `
What holds back the rest: nearly all of the time of the towers is that of products and convolutions, which ONNX Runtime computes near the
machine's peak; a batch of one picture has matrices of 50 rows, which are too flat for that. The training step spends much of its time
beside products: gates, norms, transposes and sums, forward and backward, each an operation of its own that passes over memory.
`

// verdicts hold a row against the goals: twice PyTorch's throughput, a share of the peak, no more memory than PyTorch.
func (r Row) verdicts() []string {
	verdict := func(reached bool, text string, args ...any) string {
		word := "missed"
		if reached {
			word = "reached"
		}
		return word + ": " + fmt.Sprintf(text, args...)
	}
	all := []string{verdict(r.Ratio >= 2, "%.2f times PyTorch's throughput (goal 2)", r.Ratio)}
	if r.Ratio < 2 && 2*r.PeerShare > 1 {
		all[0] += fmt.Sprintf(", which is out of reach here: twice PyTorch's would be %.0f%% of the peak", 200*r.PeerShare)
	}
	if r.Goal > 0 {
		all = append(all, verdict(r.Share >= r.Goal, "%.0f%% of the peak (goal %.0f%%)", 100*r.Share, 100*r.Goal))
	}
	return append(all, verdict(r.Ours.PeakMemory <= r.Peer.PeakMemory, "memory %s against %s", megabytes(r.Ours.PeakMemory), megabytes(r.Peer.PeakMemory)))
}

func (r *Report) peaks() string {
	low, high := r.Rows[0].Peak, r.Rows[0].Peak
	for _, row := range r.Rows {
		low, high = min(low, row.Peak), max(high, row.Peak)
	}
	return fmt.Sprintf("%.0f to %.0f", low/1e9, high/1e9)
}

func milliseconds(s float64) string {
	switch ms := 1000 * s; {
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.2f s", s)
	}
}

func megabytes(bytes int64) string { return fmt.Sprintf("%d MB", bytes/1e6) }

// Table is the report for a terminal, its cells with tabs between them.
func (r *Report) Table() string {
	var b strings.Builder
	for _, row := range r.Rows {
		b.WriteString(row.Line() + "\n")
	}
	for _, row := range r.Captions {
		b.WriteString(row.Line() + "\n")
	}
	for _, row := range r.Search {
		fmt.Fprintf(&b, "search through %d embeddings\tone query\t%s\tsame as brute force %.0f%%\t%s\n", row.Rows, milliseconds(row.Times.Median), 100*row.Recall, megabytes(row.Times.PeakMemory))
	}
	for _, row := range r.Chunked {
		fmt.Fprintf(&b, "%s\tbatch %d\t%d chunks\t%s\t%s\n", row.Name, row.Batch, row.Chunks, milliseconds(row.Times.Median), megabytes(row.Times.PeakMemory))
	}
	for _, row := range r.Harness {
		b.WriteString(row.Line() + "\n")
	}
	if r.Cells != nil {
		b.WriteString(r.Cells.Line() + "\n")
	}
	return b.String()
}

// Line is a row of [Report.Table].
func (r Row) Line() string {
	return fmt.Sprintf("%s\tbatch %d\t%s\tPyTorch %s\tratio %.2f (%.2f-%.2f)\t%.0f%% of the peak (PyTorch %.0f%% of %.0f GFLOP/s)\t%s\tPyTorch %s", r.Name, r.Batch,
		milliseconds(r.Ours.Median), milliseconds(r.Peer.Median), r.Ratio, r.RatioRange[0], r.RatioRange[1], 100*r.Share, 100*r.PeerShare, r.Peak/1e9,
		megabytes(r.Ours.PeakMemory), megabytes(r.Peer.PeakMemory))
}
