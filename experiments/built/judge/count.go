package judge

import "github.com/glimpse-ml/glimpse/internal/stats"

// Count counts samples that are what their prompts say.
type Count struct {
	n, seen, unseen           int // samples
	right, rightUnseen        int // seen and unseen pairs, colour and shape
	rightColours, rightShapes int
	sure                      float64
}

// Add counts samples, asked for by labels.
func (c *Count) Add(labels []Label, verdicts []Verdict) {
	for i, l := range labels {
		v := verdicts[i]
		c.n, c.sure = c.n+1, c.sure+v.Sure
		if v.Colour == l.Colour {
			c.rightColours++
		}
		if v.Shape == l.Shape {
			c.rightShapes++
		}
		right := 0
		if v.Label == l {
			right = 1
		}
		if l.HeldOut() {
			c.unseen, c.rightUnseen = c.unseen+1, c.rightUnseen+right
		} else {
			c.seen, c.right = c.seen+1, c.right+right
		}
	}
}

// Seen is the share of samples that are what the prompt says, of pairs of colour and shape that training had.
func (c Count) Seen() stats.Proportion { return stats.NewProportion(c.right, c.seen) }

// Unseen is that of pairs which training never had.
func (c Count) Unseen() stats.Proportion { return stats.NewProportion(c.rightUnseen, c.unseen) }

// All is the share of all samples.
func (c Count) All() stats.Proportion { return stats.NewProportion(c.right+c.rightUnseen, c.n) }

// Colour is the share of samples whose colour is right.
func (c Count) Colour() stats.Proportion { return stats.NewProportion(c.rightColours, c.n) }

// Shape is the share of samples whose shape is right.
func (c Count) Shape() stats.Proportion { return stats.NewProportion(c.rightShapes, c.n) }

// Sure is the mean of how sure the judge is of what it sees.
func (c Count) Sure() float64 { return c.sure / float64(max(c.n, 1)) }
