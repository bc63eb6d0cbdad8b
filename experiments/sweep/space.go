package sweep

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
)

// Dimension is one setting that is searched: a list of values, or a range.
type Dimension struct {
	Key  string // path of the setting, such as train.optimizer.lr
	Text string // what was asked for, such as "log(1e-4..1e-2)"

	list   []string // values as --set takes them; nil for a range
	lo, hi float64
	scale  scale
}

type scale int

const (
	linear  scale = iota // lo..hi
	logged               // log(lo..hi)
	integer              // int(lo..hi), both ends included
)

var (
	wrapped = regexp.MustCompile(`^(log|int)\((.*)\)$`)
	ranged  = regexp.MustCompile(`^([^,\[\]{}"]+?)\.\.([^,\[\]{}"]+)$`)
)

// ParseDimension reads "key=a,b,c" (values as --set takes them; brackets and quotes keep commas together), "key=lo..hi" (uniform),
// "key=log(lo..hi)" (uniform in the logarithm) or "key=int(lo..hi)" (whole numbers, both ends included).
func ParseDimension(text string) (Dimension, error) {
	o, err := experiments.ParseOverride(text)
	if err != nil {
		return Dimension{}, fmt.Errorf("expected what to search as key=a,b,c or key=lo..hi or key=log(lo..hi) or key=int(lo..hi), found %q", text)
	}
	d := Dimension{Key: o.Key, Text: strings.TrimSpace(o.Value)}
	inner := d.Text
	if m := wrapped.FindStringSubmatch(d.Text); m != nil {
		d.scale, inner = map[string]scale{"log": logged, "int": integer}[m[1]], m[2]
	}
	m := ranged.FindStringSubmatch(inner)
	if d.scale == linear && (m == nil || !isNumber(m[1]) && !isNumber(m[2])) { // ../folder is a value
		d.list, err = splitValues(d.Text)
		if err != nil {
			return Dimension{}, fmt.Errorf("%s: %w", d.Key, err)
		}
		return d, nil
	}
	if m == nil {
		return Dimension{}, fmt.Errorf("%s: expected a range such as log(1e-4..1e-2) or int(2..8), found %q", d.Key, d.Text)
	}
	return d, d.setRange(m[1], m[2])
}

// setRange reads and checks the ends of a range.
func (d *Dimension) setRange(lo, hi string) error {
	var errLo, errHi error
	d.lo, errLo = strconv.ParseFloat(strings.TrimSpace(lo), 64)
	d.hi, errHi = strconv.ParseFloat(strings.TrimSpace(hi), 64)
	switch {
	case errLo != nil || errHi != nil || math.IsInf(d.hi-d.lo, 0) || math.IsNaN(d.hi-d.lo):
		return fmt.Errorf("%s: expected numbers at both ends of a range, found %q", d.Key, d.Text)
	case !(d.lo < d.hi):
		return fmt.Errorf("%s: expected a range from a smaller to a larger number, found %q", d.Key, d.Text)
	case d.scale == logged && d.lo <= 0:
		return fmt.Errorf("%s: expected a range above 0, which a logarithm needs, found %q", d.Key, d.Text)
	case d.scale == integer && (d.lo != math.Trunc(d.lo) || d.hi != math.Trunc(d.hi) || math.Max(-d.lo, d.hi) > 1<<52):
		return fmt.Errorf("%s: expected whole numbers at both ends of int(lo..hi), found %q", d.Key, d.Text)
	}
	return nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return err == nil
}

// splitValues cuts a list at its commas, but not within brackets, braces and double quotes.
func splitValues(text string) ([]string, error) {
	var values []string
	depth, quoted, start := 0, false, 0
	add := func(end int) error {
		value := strings.TrimSpace(text[start:end])
		if value == "" {
			return fmt.Errorf("expected values between the commas, found %q", text)
		}
		for _, earlier := range values {
			if earlier == value {
				return fmt.Errorf("expected different values, found %s twice", value)
			}
		}
		values, start = append(values, value), end+1
		return nil
	}
	for i, c := range text {
		switch {
		case c == '"' && (i == 0 || text[i-1] != '\\'):
			quoted = !quoted
		case quoted:
		case strings.ContainsRune("[{", c):
			depth++
		case strings.ContainsRune("]}", c):
			depth--
		case c == ',' && depth == 0:
			if err := add(i); err != nil {
				return nil, err
			}
		}
	}
	return values, add(len(text))
}

// grid lists all values, which a range of real numbers does not have.
func (d Dimension) grid() ([]string, error) {
	const most = 10_000
	switch {
	case d.list != nil:
		return d.list, nil
	case d.scale != integer:
		return nil, fmt.Errorf("%s: a grid needs values one by one, found the range %q; list values, or choose --method random", d.Key, d.Text)
	case d.hi-d.lo >= most:
		return nil, fmt.Errorf("%s: a grid needs a shorter list than the %.0f numbers of %q; choose --method random", d.Key, d.hi-d.lo+1, d.Text)
	}
	var values []string
	for v := d.lo; v <= d.hi; v++ {
		values = append(values, d.format(v))
	}
	return values, nil
}

// samples are values by which a dimension can be checked before anything runs: all of a list; both ends of a range and one between.
func (d Dimension) samples() []string {
	if d.list != nil {
		return d.list
	}
	return []string{d.format(d.lo), d.format(d.fromUnit(0.381966)), d.format(d.hi)}
}

// draw is a value at random.
func (d Dimension) draw(rng *rand.Rand) string {
	if d.list != nil {
		return d.list[rng.IntN(len(d.list))]
	}
	return d.format(d.fromUnit(rng.Float64()))
}

// Ranges are searched in a coordinate from 0 to 1: linear in the value or its logarithm. Whole numbers own an interval each, of the
// same length.

func (d Dimension) fromUnit(u float64) float64 {
	switch d.scale {
	case logged:
		return math.Exp(math.Log(d.lo) + u*(math.Log(d.hi)-math.Log(d.lo)))
	case integer:
		return min(math.Floor(d.lo+u*(d.hi-d.lo+1)), d.hi)
	}
	return d.lo + u*(d.hi-d.lo)
}

func (d Dimension) toUnit(v float64) float64 {
	switch d.scale {
	case logged:
		return (math.Log(v) - math.Log(d.lo)) / (math.Log(d.hi) - math.Log(d.lo))
	case integer:
		return (v - d.lo + 0.5) / (d.hi - d.lo + 1)
	}
	return (v - d.lo) / (d.hi - d.lo)
}

func parseNumber(text string) float64 {
	v, _ := strconv.ParseFloat(text, 64) // of our own writing
	return v
}

// format writes a number with six digits, which is what a setting is then run with, and never outside of the range.
func (d Dimension) format(v float64) string {
	if d.scale == integer {
		return strconv.FormatInt(int64(v), 10)
	}
	text := strconv.FormatFloat(v, 'g', 6, 64)
	switch rounded, _ := strconv.ParseFloat(text, 64); {
	case rounded <= d.lo:
		return strconv.FormatFloat(d.lo, 'g', -1, 64)
	case rounded >= d.hi:
		return strconv.FormatFloat(d.hi, 'g', -1, 64)
	}
	return text
}

// MarshalJSON writes the dimension as it was asked for.
func (d Dimension) MarshalJSON() ([]byte, error) { return json.Marshal(d.Key + "=" + d.Text) }

// UnmarshalJSON reads what [Dimension.MarshalJSON] writes.
func (d *Dimension) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	parsed, err := ParseDimension(text)
	*d = parsed
	return err
}
