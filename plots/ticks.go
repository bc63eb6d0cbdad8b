package plots

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// linearTicks puts about n labelled ticks at multiples of 1, 2 or 5 times a power of ten.
type linearTicks struct {
	n       int
	percent bool
	whole   bool // none between whole numbers
}

func (t linearTicks) Ticks(lo, hi float64) []plot.Tick {
	if t.whole {
		return t.every(max(1, niceStep(hi-lo, t.n)), lo, hi)
	}
	ticks := t.every(niceStep(hi-lo, t.n), lo, hi)
	for n := t.n + 1; len(ticks) < 2 && n < t.n+10; n++ { // One number is no scale.
		ticks = t.every(niceStep(hi-lo, n), lo, hi)
	}
	return ticks
}

func (t linearTicks) every(step, lo, hi float64) []plot.Tick {
	first, last := math.Ceil(lo/step-1e-9), math.Floor(hi/step+1e-9)
	var ticks []plot.Tick
	for i := first; i <= last && len(ticks) < 100; i++ {
		label := tickText(i*step, step)
		if t.percent {
			label = tickText(100*i*step, 100*step) + "%"
		}
		// Rounding must not carry a tick over the end of the axis, where gonum leaves no room for its label.
		ticks = append(ticks, plot.Tick{Value: min(max(i*step, lo), hi), Label: label})
	}
	return ticks
}

// givenTicks puts labelled ticks at these numbers, as far as the axis has them.
type givenTicks []float64

func (t givenTicks) Ticks(lo, hi float64) (ticks []plot.Tick) {
	for _, v := range t {
		if v >= lo && v <= hi {
			ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', -1, 64)})
		}
	}
	return ticks
}

// niceStep returns 1, 2 or 5 times a power of ten such that about n steps, and not more, cover the span.
func niceStep(span float64, n int) float64 {
	raw := span / float64(max(n, 1))
	p := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= raw*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// tickText writes v with the decimals that a scale with this step needs: 0.02, 1500, 2e6.
func tickText(v, step float64) string {
	if math.Abs(v) < step/2 {
		return "0"
	}
	if step >= 1e5 || step < 1e-4*(1-1e-9) {
		return shortExponent(strconv.FormatFloat(v, 'g', 6, 64))
	}
	decimals := int(math.Max(0, -math.Floor(math.Log10(step)+1e-9)))
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// logTicks labels the powers of ten, or some of their multiples too, or only every second or third power, so that at
// most n ticks, and none too close to the next, are labelled. It ticks the other multiples without a label.
type logTicks struct{ n int }

func (t logTicks) Ticks(lo, hi float64) []plot.Tick {
	room := 0.6 * math.Log(hi/lo) / float64(t.n) // from one label to the next
	from, to := int(math.Ceil(math.Log10(lo)-1e-9)), int(math.Floor(math.Log10(hi)+1e-9))
	for least := 3; least >= 2 && (least == 3 || hi/lo > 10); least-- {
		for _, multiples := range []string{"125", "1", "15"} {
			if ticks := powerTicks(lo, hi, from, 1, multiples); t.fits(ticks, room, least) {
				return ticks
			}
		}
		for every := 2; every <= to-from; every++ {
			if ticks := powerTicks(lo, hi, from, every, "1"); t.fits(ticks, room, least) {
				return ticks
			}
		}
	}
	// Within a power of ten a linear scale's ticks serve as well, less those that the end of the scale crowds.
	all := linearTicks{n: t.n}.Ticks(lo, hi)
	ticks := all[:1:1]
	for _, tick := range all[1:] {
		if math.Log(tick.Value/ticks[len(ticks)-1].Value) > room {
			ticks = append(ticks, tick)
		}
	}
	if len(ticks) == 1 {
		return []plot.Tick{all[0], all[len(all)-1]}
	}
	return ticks
}

// fits tells whether at least so many ticks and not more than n are labelled, none nearer than room to the next.
func (t logTicks) fits(ticks []plot.Tick, room float64, least int) bool {
	n, last := 0, math.Inf(-1)
	for _, tick := range ticks {
		if tick.Label == "" {
			continue
		}
		if math.Log(tick.Value)-last < room {
			return false
		}
		n, last = n+1, math.Log(tick.Value)
	}
	return n >= least && n <= max(t.n, least)
}

// powerTicks ticks the powers of ten from lo to hi and labels every so many, beginning with from, or those multiples
// of all of them whose first digit is given.
func powerTicks(lo, hi float64, from, every int, labelled string) []plot.Tick {
	var ticks []plot.Tick
	for e := from - 1; math.Pow(10, float64(e)) <= hi*(1+1e-9); e++ {
		for m := 1; m <= 9; m++ {
			v := float64(m) * math.Pow(10, float64(e))
			if v < lo*(1-1e-9) || v > hi*(1+1e-9) || (m > 1 && every > 1) {
				continue
			}
			tick := plot.Tick{Value: min(max(v, lo), hi)}
			if (e-from)%every == 0 && strings.ContainsRune(labelled, rune('0'+m)) {
				tick.Label = logLabel(m, e)
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// logLabel writes m times ten to the power of e.
func logLabel(m, e int) string {
	switch {
	case e < -4 || e > 5:
		return fmt.Sprintf("%de%d", m, e)
	case e < 0:
		return fmt.Sprintf("0.%0*d", -e, m)
	}
	return fmt.Sprintf("%d%0*d", m, e, 0)[:e+1]
}

// shortExponent writes 1e+06 as 1e6.
func shortExponent(s string) string {
	return strings.NewReplacer("e+0", "e", "e-0", "e-", "e+", "e").Replace(s)
}
