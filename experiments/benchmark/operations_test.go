package benchmark

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning"
)

// Counted by hand: L = 2 places of D = 7 numbers, E = 4, H = 5, A = 6, V = 10, three steps, two words that count.
func TestTrainingOperations(t *testing.T) {
	d := captioning.Tiny(10)
	d.Locations, d.FeatureDim, d.EmbedDim, d.Hidden, d.AttentionDim, d.MaxLen, d.Gate = 2, 7, 4, 5, 6, 3, captioning.GateVector
	c := CaptionCase{Kind: CaptionTraining, Batch: 1, Model: Captioner{Decoder: d}}
	once := 2*7*6 + 2*7*5          // W_a on two places, init_h and init_c
	steps := 3 * (5*6 + 2*6 + 5*7) // W_h, v, the gate
	lstm := 3 * 20 * (4 + 7 + 5)   // four gates
	context, out := 3*2*7, 2*5*10  // alpha by a; the words
	want := float64(2 * (2*once + 2*context + 3*(steps+lstm+out)))
	if got := c.trainingOperations(2); got != want || want != 8530 {
		t.Errorf("frozen features: expected %v operations, found %v", want, got)
	}
	c.Model.CNN = &captioning.CNNConfig{Size: 8, Channels: []int{2, 3}}
	want += float64(2 * (once + context)) // now the features have a gradient
	want += 2 * (2*(4*4)*27*2 + 3*(2*2)*18*3)
	if got := c.trainingOperations(2); got != want || want != 13674 {
		t.Errorf("with a network: expected %v operations, found %v", want, got)
	}
	c.Batch = 3
	if got := c.trainingOperations(6); got != 3*want {
		t.Errorf("three pictures: expected %v operations, found %v", 3*want, got)
	}
	d.Gate = captioning.GateNone
	c = CaptionCase{Kind: CaptionTraining, Batch: 1, Model: Captioner{Decoder: d}}
	if got := c.trainingOperations(2); got != 8530-2*3*3*5*7 {
		t.Errorf("without a gate: found %v operations", got)
	}
}

// The words that count are those of the captions' lengths, and the page says what share of the peak they come to.
func TestCaptionShares(t *testing.T) {
	c := CaptionCases()[0]
	inputs := c.inputs(rand.New(rand.NewPCG(1, 2)))
	words, err := wordsThatCount(inputs)
	if T := c.Model.Decoder.MaxLen + 1; err != nil || words < c.Batch*(T-T/2) || words > c.Batch*(T-1) {
		t.Errorf("found %d words in %d captions of at most %d (%v)", words, c.Batch, T, err)
	}
	if words, err := wordsThatCount(CaptionCases()[2].inputs(rand.New(rand.NewPCG(1, 2)))); err != nil || words != 0 {
		t.Errorf("writing has %d words to learn (%v)", words, err)
	}
	r := CaptionRow{CaptionCase: c, Comparison: Comparison{Ours: Times{Median: 0.5}, Peer: Times{Median: 2}, Peak: 1e11}}
	r.weigh(words)
	if want := c.trainingOperations(words) / 0.5 / 1e11; math.Abs(r.Share-want) > 1e-12 || math.Abs(r.PeerShare-want/4) > 1e-12 || want <= 0 {
		t.Errorf("expected the share %v, found %v and %v", want, r.Share, r.PeerShare)
	}
	writing := CaptionRow{CaptionCase: CaptionCases()[2], Comparison: r.Comparison}
	writing.weigh(0)
	page := captionsPage([]CaptionRow{r, writing})
	lines := strings.Split(strings.TrimSpace(page), "\n")
	for _, line := range lines[len(lines)-4:] {
		if strings.Count(line, "|") != strings.Count(lines[len(lines)-4], "|") {
			t.Errorf("the table's rows differ in cells:\n%s", strings.Join(lines[len(lines)-4:], "\n"))
		}
	}
	if !strings.Contains(lines[len(lines)-2], " GFLOP | ") || !strings.Contains(lines[len(lines)-1], "– | – | –") {
		t.Errorf("found\n%s", page)
	}
}
