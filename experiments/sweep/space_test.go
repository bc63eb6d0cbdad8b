package sweep

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

func TestParseDimension(t *testing.T) {
	for text, want := range map[string][]string{
		"a=1,2,3":            {"1", "2", "3"},
		"a= x , y":           {"x", "y"},
		"a=[1,2],[3,4]":      {"[1,2]", "[3,4]"},
		`a="x,y",z`:          {`"x,y"`, "z"},
		"a=true":             {"true"},
		"a=../here,../there": {"../here", "../there"},
		"a=..":               {".."},
		"a=key=value,b":      {"key=value", "b"},
	} {
		d, err := ParseDimension(text)
		if err != nil || d.Key != "a" || !slices.Equal(d.list, want) {
			t.Errorf("%s: found %q (%v), expected %q", text, d.list, err, want)
		}
	}
	for text, part := range map[string]string{
		"a": "key=a,b,c", "=1": "key=a,b,c", "a=": "between the commas", "a=1,,2": "between the commas", "a=1,2,1": "1 twice",
		"a=2..1": "smaller to a larger", "a=1..1": "smaller to a larger", "a=log(0..1)": "above 0", "a=log(5)": "a range such as",
		"a=int(1..2.5)": "whole numbers", "a=log(1..x)": "numbers at both ends", "a=1..x": "numbers at both ends", "a=1..Inf": "numbers at both ends",
	} {
		_, err := ParseDimension(text)
		sentence(t, err, part)
	}
}

func TestDimensionsSurviveJSON(t *testing.T) {
	for _, text := range []string{"a=1,2", "a=log(1e-4..1e-2)", "a=int(-3..3)", "a=0.5...75", `a="<x>"`} {
		d, err := ParseDimension(text)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(d)
		var back Dimension
		if err == nil {
			err = json.Unmarshal(data, &back)
		}
		if err != nil || back.Text != d.Text || back.lo != d.lo || back.hi != d.hi || back.scale != d.scale || !slices.Equal(back.list, d.list) {
			t.Errorf("%s: found %+v (%v)", text, back, err)
		}
	}
}

// Draws fill their range evenly, in the coordinate that was asked for, and never leave it.
func TestDraws(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for text, middle := range map[string]float64{"a=10..20": 15, "a=log(1e-4..1e-2)": 1e-3, "a=-1..3": 1} {
		d, _ := ParseDimension(text)
		below, lowest, highest := 0, math.Inf(1), math.Inf(-1)
		for range 4000 {
			v, err := strconv.ParseFloat(d.draw(rng), 64)
			if err != nil || v < d.lo || v > d.hi {
				t.Fatalf("%s: drew %g (%v)", text, v, err)
			}
			if v < middle {
				below++
			}
			lowest, highest = min(lowest, d.toUnit(v)), max(highest, d.toUnit(v))
		}
		if below < 1850 || below > 2150 || lowest > 0.01 || highest < 0.99 {
			t.Errorf("%s: %d of 4000 draws are below the middle %g; they reach from %g to %g", text, below, middle, lowest, highest)
		}
	}
	d, _ := ParseDimension("a=int(2..5)")
	counts := map[string]int{}
	for range 4000 {
		counts[d.draw(rng)]++
	}
	for _, v := range []string{"2", "3", "4", "5"} {
		if counts[v] < 880 || counts[v] > 1120 || len(counts) != 4 {
			t.Errorf("int(2..5) drew %v", counts)
		}
		if u := d.toUnit(parseNumber(v)); d.format(d.fromUnit(u)) != v {
			t.Errorf("%s becomes %g and then %s", v, u, d.format(d.fromUnit(u)))
		}
	}
}

// Rounding to six digits leaves no range.
func TestRoundedDrawsStayInside(t *testing.T) {
	d, _ := ParseDimension("a=0.1234564..0.1234566")
	rng := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		if v := parseNumber(d.draw(rng)); v < d.lo || v > d.hi {
			t.Fatalf("drew %g", v)
		}
	}
}

func TestGridOfDimensions(t *testing.T) {
	d, _ := ParseDimension("a=int(-1..2)")
	if values, err := d.grid(); err != nil || !slices.Equal(values, []string{"-1", "0", "1", "2"}) {
		t.Errorf("found %q (%v)", values, err)
	}
	d, _ = ParseDimension("a=0..1")
	_, err := d.grid()
	sentence(t, err, "a grid needs values one by one", "--method random")
	d, _ = ParseDimension("a=int(1..1000000)")
	_, err = d.grid()
	sentence(t, err, "shorter list")
}
