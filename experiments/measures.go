package experiments

import "maps"

// Measuring is a [Source] that can say something of the batch that it has yielded last, such as how many of its texts are the
// same. What it says is recorded with the step's scalars, and may depend on nothing but the batch.
type Measuring interface {
	Measures() map[string]float64
}

// addMeasures adds what a source says of its last batch.
func addMeasures(source Source, scalars map[string]float64) {
	if s, ok := source.(Measuring); ok {
		maps.Copy(scalars, s.Measures())
	}
}
