package benchmark

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// workerEnv makes this test binary a worker: the tests time the lab against itself.
const workerEnv = "GLIMPSE_TEST_BENCHMARK_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) == "" {
		os.Exit(m.Run())
	}
	b, err := backend.OpenNamed("go")
	if err == nil {
		err = Serve(context.Background(), b, os.Stdin, os.Stdout)
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
}

func itself(t *testing.T) []string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"env", workerEnv + "=1", self}
}

func TestMeasure(t *testing.T) {
	var messages bytes.Buffer
	told := 0
	rows, versions, err := Measure(t.Context(), Options{
		Rounds: 3, Turn: 0.001, Size: 64, Cases: QuickCases(), Ours: itself(t), Peer: itself(t),
		Messages: &messages, Each: func(string) { told++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4 || told != 4 || !strings.HasPrefix(versions[0], "go") || versions[0] != versions[1] {
		t.Fatalf("got %d rows, %d told, versions %q", len(rows), told, versions)
	}
	for _, r := range rows {
		if r.Difference != 0 {
			t.Errorf("%s: the same program differs from itself by %g", r.Name, r.Difference)
		}
		if len(r.Ours.Turns) != 3 || len(r.Peer.Turns) != 3 || r.Ours.Min > r.Ours.Median || r.Ours.Median > r.Ours.Max || r.Ours.Min <= 0 {
			t.Errorf("%s: got the times %+v", r.Name, r.Ours)
		}
		if r.RatioRange[0] > r.Ratio || r.Ratio > r.RatioRange[1] || r.Ratio <= 0 || r.Peak <= 0 {
			t.Errorf("%s: got the ratio %v in %v, the peak %v", r.Name, r.Ratio, r.RatioRange, r.Peak)
		}
		if share := r.operations() / r.Ours.Median / r.Peak; math.Abs(share-r.Share) > 1e-12 || share <= 0 {
			t.Errorf("%s: got the share %v, expected %v", r.Name, r.Share, share)
		}
		if r.Ours.PeakMemory < 1<<20 {
			t.Errorf("%s: got a peak memory of %d bytes", r.Name, r.Ours.PeakMemory)
		}
	}
}

func TestMeasureCaptions(t *testing.T) {
	o := Options{Rounds: 3, Turn: 0.001, Size: 64, Ours: itself(t), Peer: itself(t)}
	rows, versions, err := MeasureCaptions(t.Context(), o, QuickCaptionCases())
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 || versions[0] == "" {
		t.Fatalf("got %d rows, versions %q", len(rows), versions)
	}
	for _, r := range rows {
		if r.Difference != 0 {
			t.Errorf("%s: the same program differs from itself by %g", r.Name, r.Difference)
		}
		if len(r.Ours.Turns) != 3 || r.Ours.Median <= 0 || r.Ratio <= 0 || r.Peer.PeakMemory < 1<<20 {
			t.Errorf("%s: got %+v", r.Name, r.Comparison)
		}
	}
}

// Both sides of the captioners are held against each other where PyTorch is: the same losses and gradients over three steps, the
// same captions.
func TestCaptionersEqualPyTorch(t *testing.T) {
	peer, err := Peer(t.Context())
	if err != nil {
		t.Skip(err)
	}
	rows, _, err := MeasureCaptions(t.Context(), Options{Rounds: 1, Turn: 0.001, Size: 64, Ours: itself(t), Peer: peer}, QuickCaptionCases())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Difference > 1e-4 {
			t.Errorf("%s: differs from PyTorch by %g", r.Name, r.Difference)
		}
	}
}

// A row's units: seconds of a call by the pictures that it writes about, goals by the ratio.
func TestCaptionRow(t *testing.T) {
	r := CaptionRow{CaptionCase: CaptionCases()[2], Comparison: Comparison{Ours: Times{Median: 0.004}, Ratio: 1.5}}
	if got := r.perSecond(r.Ours); got != 250 {
		t.Errorf("4 ms a picture are %v a second, expected 250", got)
	}
	if got := r.verdict(); !strings.HasPrefix(got, "missed: 1.50") {
		t.Errorf("got the verdict %q", got)
	}
	training := CaptionRow{CaptionCase: CaptionCases()[0], Comparison: Comparison{Ours: Times{Median: 0.5}, Ratio: 2}}
	if got := training.perSecond(training.Ours); got != 64 {
		t.Errorf("a step of 32 in half a second is %v a second, expected 64", got)
	}
	page := captionsPage([]CaptionRow{r, training})
	for _, want := range []string{"a picture", "writes about 1000 pictures, 32 at a time", "reached: 2.00", "captions of 10 to 18 words"} {
		if !strings.Contains(page, want) {
			t.Errorf("expected %q on the page, found %s", want, page)
		}
	}
}

func TestMeasureSearch(t *testing.T) {
	rows, err := MeasureSearch(t.Context(), Options{Ours: itself(t)}, QuickSearchCases())
	if err != nil {
		t.Fatal(err)
	}
	if r := rows[0]; r.Recall != 1 || r.Times.Median <= 0 || len(r.Times.Turns) != r.Calls || r.Times.PeakMemory < 1<<20 || r.Open <= 0 {
		t.Errorf("got %+v", r)
	}
	if got := agreement([]float64{1, 2}, []float64{1, 3, 2}); got != 1./3 {
		t.Errorf("one of three places agrees, found the share %g", got)
	}
}

func TestMeasureChunked(t *testing.T) {
	rows, err := MeasureChunked(t.Context(), Options{Ours: itself(t)}, QuickChunkedCases())
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[1].Times.Median <= 0 || rows[1].Times.PeakMemory < 1<<20 || rows[0].Loss <= 0 {
		t.Errorf("got %+v", rows)
	}
}

func TestMeasureSaysWhatIsWrong(t *testing.T) {
	o := Options{Rounds: 1, Turn: 0.001, Size: 8, Cases: QuickCases()[:1], Ours: itself(t), Peer: []string{"sh", "-c", "echo no torch here >&2"}}
	_, _, err := Measure(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "PyTorch has ended") || !strings.Contains(err.Error(), "no torch here") {
		t.Errorf("a peer that ends: got %v", err)
	}
	o.Peer = []string{"sh", "-c", "exec >&-; sleep 0.2; echo last words >&2"}
	if _, _, err = Measure(t.Context(), o); err == nil || !strings.Contains(err.Error(), "last words") {
		t.Errorf("a peer that says why it ends after its last answer: got %v", err)
	}
	o.Peer = []string{"sh", "-c", `read a; echo '{"version":"x"}'; read a; echo '{"output":[1,2,3]}'; read a; echo '{"seconds":[1]}'; cat`}
	if _, _, err = Measure(t.Context(), o); err == nil || !strings.Contains(err.Error(), "expected the same answers from both sides") {
		t.Errorf("a peer with other answers: got %v", err)
	}
	o.Peer = []string{"sh", "-c", `read a; echo '{"error":"ValueError: no"}'; cat`}
	if _, _, err = Measure(t.Context(), o); err == nil || !strings.Contains(err.Error(), "PyTorch cannot version: ValueError: no") {
		t.Errorf("a peer that cannot: got %v", err)
	}
	t.Setenv("GLIMPSE_PYTHON", "/nonexistent")
	if _, err := Peer(t.Context()); err == nil || !strings.Contains(err.Error(), "python3-torch") {
		t.Errorf("no PyTorch: got %v", err)
	}
}

// A training step costs three forward passes; the rest are sizes of the models.
func TestOperations(t *testing.T) {
	for _, c := range Cases() {
		one := c
		one.Batch = 1
		if got, want := c.operations(), float64(c.Batch)*one.operations(); got != want {
			t.Errorf("%s: %g operations, expected %g", c.Name, got, want)
		}
	}
	// Of the 8.8 GFLOP of a picture ours leaves out 49 of 50 tokens' queries (768 by 768), outputs (likewise), networks (two products of 768 by 3072) and what they read.
	spared := 2 * 49 * (2*768*768 + 2*768*3072 + 2*50*768) / 1e9
	if got := Cases()[0].operations() / 1e9; math.Abs(got-(8.818-spared)) > 0.005 {
		t.Errorf("ViT-B/32: %v GFLOP a picture, expected %v", got, 8.818-spared)
	}
}

func TestSummarize(t *testing.T) {
	r := Row{Case: Cases()[0], Comparison: Comparison{Ours: Times{Turns: []float64{1, 2, 4}}, Peer: Times{Turns: []float64{3, 4, 4}}, Peak: 1e9}}
	r.summarize()
	if r.Ratio != 2 || r.RatioRange != [2]float64{1, 3} || r.Ours.Median != 2 || r.Peer.Max != 4 {
		t.Errorf("got %+v", r)
	}
	if median([]float64{4, 1, 3, 2}) != 2.5 {
		t.Errorf("the median of 1, 2, 3, 4 is %v", median([]float64{4, 1, 3, 2}))
	}
}

// Megabytes are millions of bytes wherever they are shown.
func TestMegabytes(t *testing.T) {
	if got := megabytes(1_199_999_999); got != "1199 MB" {
		t.Errorf("1,199,999,999 bytes are %s, expected 1199 MB", got)
	}
}

// The page in docs is what the recorded figures say.
func TestPage(t *testing.T) {
	root := filepath.Join("..", "..")
	data, err := os.ReadFile(filepath.Join(root, recordedFile))
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, resultsPage))
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != r.page() {
		t.Errorf("%s is not what %s says; `make bench` writes both", resultsPage, recordedFile)
	}
	dir := t.TempDir()
	if err := r.Record(dir); err == nil {
		t.Error("a folder that is no checkout was accepted")
	}
	if err := os.Mkdir(filepath.Join(dir, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := r.Record(dir); err != nil {
		t.Fatal(err)
	}
	if written, err := os.ReadFile(filepath.Join(dir, resultsPage)); err != nil || !bytes.Equal(written, page) {
		t.Errorf("recording wrote another page (%v)", err)
	}
}

// A turn of a run and one of the bare loop take steps of the same model, and the page says what came out.
func TestHarness(t *testing.T) {
	b := backendtest.Open(t, "go")
	rows, err := MeasureHarness(t.Context(), b, Options{Rounds: 2}, QuickHarnessCases())
	if err != nil {
		t.Fatal(err)
	}
	r := rows[0]
	if len(r.Bare.Turns) != 2 || len(r.Harness.Turns) != 2 || r.Bare.Min <= 0 || r.Harness.Min <= 0 || r.Checkpoint <= 0 || r.Checkpoint > 10 {
		t.Errorf("found %+v", r)
	}
	least, most := math.Inf(1), math.Inf(-1)
	for i := range r.Bare.Turns {
		adds := r.Harness.Turns[i]/r.Bare.Turns[i] - 1
		least, most = min(least, adds), max(most, adds+0.02) // checkpoints
	}
	if r.Share < least || r.Share > most {
		t.Errorf("the harness is said to add %g, expected %g to %g", r.Share, least, most)
	}
	if runtime.GOOS == "linux" && (r.Processor == 0 || r.ProcessorRange[0] > r.Processor || r.Processor > r.ProcessorRange[1]) {
		t.Errorf("in processor seconds: found %g in %v", r.Processor, r.ProcessorRange)
	}
	r.Share, r.Processor = 0.031, 0.012
	if page := harnessPage([]HarnessRow{r}); !strings.Contains(page, "**+3.1%**") || !strings.Contains(page, "tiny decoder: **+1.2%**") || !strings.Contains(page, "missed") {
		t.Errorf("found the page %s", page)
	}
}

func TestCellsPage(t *testing.T) {
	row := &CellsRow{Changed: timesOf([]float64{0.9, 1.2, 1.1}), Unchanged: timesOf([]float64{0.2, 0.4, 0.3})}
	page := cellsPage(row)
	for _, want := range []string{"| changed | **1.10 s** (900 ms–1.20 s) | 1.00 s | missed |", "| unchanged | **300 ms** (200 ms–400 ms) | 300 ms | reached |", "3 cells in which"} {
		if !strings.Contains(page, want) {
			t.Errorf("expected %q in %s", want, page)
		}
	}
	if line := (&Report{Cells: row}).Table(); !strings.Contains(line, "notebook cell\tchanged 1.10 s") {
		t.Errorf("the table is %q", line)
	}
}
