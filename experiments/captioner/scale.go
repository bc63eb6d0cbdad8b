package captioner

import (
	"fmt"
	"math"
)

// squeezeNetScale brings SqueezeNet's features, which reach 1,000 with a spread of about 48, into the range that the
// decoder's gates and scores are made for. Without it training takes several times as long.
const squeezeNetScale = 1.0 / 10

// scaleFrom is from how many pictures an encoder's scale is measured.
const scaleFrom = 64

// measureScale sets what the encoder's features are multiplied by so that their mean square is 1: networks differ in the size of
// what they say by factors of a hundred. It looks at some of the pictures of the set that is prepared first, the training
// pictures; the captioner keeps what it found.
func (c *Model) measureScale(set *Set) error {
	if c.Encoder.scale != 0 {
		return nil
	}
	n := min(len(set.Examples), scaleFrom)
	sum, count := 0.0, 0
	for k := range n {
		row, err := c.featuresOf([][]float32{set.Inputs(k * len(set.Examples) / n)})
		if err != nil {
			return err
		}
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		count += len(row)
	}
	if c.grids != nil { // compiled without a scale
		c.grids.Finalize()
		c.grids = nil
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		return fmt.Errorf("expected features of some size from the encoder %s, found a sum of squares of %g over %d numbers; its weights are broken", c.Encoder.name, sum, count)
	}
	c.Encoder.scale = float32(1 / math.Sqrt(sum/float64(count)))
	return nil
}
