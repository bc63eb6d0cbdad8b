package experiments

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// settings has every kind of field that configurations here have.
type settings struct {
	Data   string      `json:"data"`
	Seed   int64       `json:"seed"`
	Count  int         `json:"count"`
	Share  float64     `json:"share"`
	On     bool        `json:"on"`
	Mean   [3]float64  `json:"mean"`
	Parts  []part      `json:"parts"`
	Names  []string    `json:"names"`
	Empty  []int       `json:"empty"` // null in JSON
	Train  TrainConfig `json:"train"`
	Nested struct {
		Deep struct {
			Count int `json:"count"`
		} `json:"deep"`
	} `json:"nested"`
}

type part struct {
	Channels int `json:"channels"`
	Blocks   int `json:"blocks"`
}

func example() settings {
	s := settings{Data: "flickr8k", Seed: math.MaxInt64 - 1, Count: 3, Share: 0.1, Mean: [3]float64{1, 2, 3},
		Parts: []part{{8, 1}}, Names: []string{"a"}, Train: TrainConfig{Steps: 10, Optimizer: DefaultAdamW(), LogEvery: 1}}
	s.Nested.Deep.Count = 7
	return s
}

func TestParseOverride(t *testing.T) {
	for text, want := range map[string]Override{
		"a=1": {"a", "1"}, "a.b.c=x": {"a.b.c", "x"}, "a=": {"a", ""}, "a=b=c": {"a", "b=c"}, "a= x ": {"a", " x "}, `a={"b": 1}`: {"a", `{"b": 1}`},
	} {
		if got, err := ParseOverride(text); err != nil || got != want {
			t.Errorf("%q: expected %+v, found %+v (%v)", text, want, got, err)
		}
	}
	for _, text := range []string{"", "a", "=1", "="} {
		_, err := ParseOverride(text)
		sentence(t, err, "key=value", `"`+text+`"`)
	}
}

func TestApply(t *testing.T) {
	for text, change := range map[string]func(s *settings){
		"data=scenes":                       func(s *settings) { s.Data = "scenes" },
		`data="scenes"`:                     func(s *settings) { s.Data = "scenes" },
		"data=":                             func(s *settings) { s.Data = "" },
		"data=12":                           func(s *settings) { s.Data = "12" },
		"data=null":                         func(s *settings) { s.Data = "null" },
		`data=a "quoted" word`:              func(s *settings) { s.Data = `a "quoted" word` },
		"seed=9007199254740993":             func(s *settings) { s.Seed = 9007199254740993 },
		"seed=-9223372036854775808":         func(s *settings) { s.Seed = math.MinInt64 },
		"count=4":                           func(s *settings) { s.Count = 4 },
		"count=-4":                          func(s *settings) { s.Count = -4 },
		"count=+4":                          func(s *settings) { s.Count = 4 },
		"count=1e3":                         func(s *settings) { s.Count = 1000 },
		"count=4.0":                         func(s *settings) { s.Count = 4 },
		"count=007":                         func(s *settings) { s.Count = 7 },
		"share=2":                           func(s *settings) { s.Share = 2 },
		"share=.5":                          func(s *settings) { s.Share = 0.5 },
		"share=5e-4":                        func(s *settings) { s.Share = 5e-4 },
		"share=1e300":                       func(s *settings) { s.Share = 1e300 },
		"share=0.1234567890123456":          func(s *settings) { s.Share = 0.1234567890123456 },
		"on=true":                           func(s *settings) { s.On = true },
		"mean=[4, 5, 6.5]":                  func(s *settings) { s.Mean = [3]float64{4, 5, 6.5} },
		`parts=[{"channels":4,"blocks":0}]`: func(s *settings) { s.Parts = []part{{4, 0}} },
		`parts=[]`:                          func(s *settings) { s.Parts = []part{} },
		`names=["x","y"]`:                   func(s *settings) { s.Names = []string{"x", "y"} },
		"empty=[1,2]":                       func(s *settings) { s.Empty = []int{1, 2} },
		"train.optimizer.lr=0.5":            func(s *settings) { s.Train.Optimizer.LR = 0.5 },
		"nested.deep.count=8":               func(s *settings) { s.Nested.Deep.Count = 8 },
		`nested={"deep":{"count":9}}`:       func(s *settings) { s.Nested.Deep.Count = 9 },
		"train.log_every=2 count=5 train.steps=6": func(s *settings) { s.Train.LogEvery, s.Count, s.Train.Steps = 2, 5, 6 },
		"count=5 count=6":                         func(s *settings) { s.Count = 6 },
		"":                                        func(s *settings) {},
	} {
		var overrides []Override
		texts := []string{text}
		if strings.Count(text, "=") > 1 && !strings.Contains(text, `"`) {
			texts = strings.Fields(text)
		}
		for _, one := range texts {
			if one == "" {
				continue
			}
			o, err := ParseOverride(one)
			if err != nil {
				t.Fatal(err)
			}
			overrides = append(overrides, o)
		}
		want := example()
		change(&want)
		got, err := Apply(example(), overrides)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s:\n%s", text, d)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	for text, want := range map[string][]string{
		"cuont=4":                              {"unknown setting cuont", `did you mean "count"?`, "known here: count, data,"},
		"Count=4":                              {"unknown setting Count", `did you mean "count"?`},
		"train.optimiser.lr=1":                 {"unknown setting train.optimiser.lr", `"optimiser"`, `did you mean "optimizer"?`},
		"train.optimizer.beta3=1":              {`did you mean "beta1"?`},
		"train.optimizer.LR=1":                 {"train.optimizer.LR", `did you mean "lr"?`},
		"train.=1":                             {"unknown setting train."},
		".count=1":                             {"unknown setting .count"},
		"count.x=1":                            {"setting count.x", `"count" has no parts`},
		"count=1.5":                            {"setting count", "int", "1.5"},
		"count=9223372036854775808":            {"setting count", "int"},
		"count=x":                              {"setting count", "expected a value like 3", `"x"`},
		`count="4"`:                            {"setting count", "expected a value like 3"},
		"count=":                               {"setting count", "expected a value like 3"},
		"count=true":                           {"setting count", "expected a value like 3"},
		"count=null":                           {"setting count", "expected a value like 3"},
		"count=4 5":                            {"setting count", "expected a value like 3"},
		"count=[4]":                            {"setting count", "expected a value like 3"},
		"share=nan":                            {"setting share", "expected a value like 0.1"},
		"share=inf":                            {"setting share", "expected a value like 0.1"},
		"share=1e400":                          {"setting share"},
		"on=yes":                               {"setting on", "expected a value like false"},
		"on=1":                                 {"setting on", "expected a value like false"},
		"mean=[1,2]":                           {"setting mean", "expected 3 values, found 2"},
		"mean=[1,2,3,4]":                       {"setting mean", "expected 3 values, found 4"},
		"mean=1":                               {"setting mean", "expected a value like [1,2,3]"},
		`mean=["a","b","c"]`:                   {"setting mean"},
		`parts=[{"chanels":4}]`:                {"chanels"},
		`parts=[{"channels":1.5,"blocks":0}]`:  {"parts", "channels", "int"},
		"names=[1]":                            {"setting names"},
		`empty={"a":1}`:                        {"setting empty"},
		"train=null":                           {"setting train", "expected a value like {"},
		`train={"steps":1,"pudding":2}`:        {"pudding"},
		"train.steps=99999999999999999999":     {"setting train.steps"},
		"nested.deep=7":                        {"setting nested.deep"},
		"train.optimizer.warmup_steps=2.5":     {"setting train.optimizer.warmup_steps", "int", "2.5"},
		"seed=1e30":                            {"setting seed", "int64"},
		"train.optimizer.lr=not a number 0.1;": {"setting train.optimizer.lr", "0.001"},
	} {
		o, err := ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Apply(example(), []Override{{"seed", "99"}, o})
		sentence(t, err, want...)
		if d := cmp.Diff(example(), got); d != "" {
			t.Errorf("%s: the configuration that comes with the error was changed:\n%s", text, d)
		}
	}
	_, err := Apply(12, nil)
	sentence(t, err, "configuration")
}

// Without overrides a configuration stays what it is, to the last digit.
func TestApplyChangesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := settings{
			Data: rapid.String().Draw(t, "data"), Seed: rapid.Int64().Draw(t, "seed"), Count: rapid.Int().Draw(t, "count"),
			Share: rapid.Float64().Draw(t, "share"), On: rapid.Bool().Draw(t, "on"), Names: rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "names"),
		}
		o := Override{"train.steps", "12"}
		got, err := Apply(want, []Override{o})
		want.Train.Steps = 12
		if err != nil {
			t.Fatal(err)
		}
		before, _ := json.Marshal(want)
		after, _ := json.Marshal(got)
		if string(before) != string(after) {
			t.Fatalf("expected %s, found %s", before, after)
		}
	})
}
