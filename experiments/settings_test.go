package experiments

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// applied is the example with what a file says, and then some overrides.
func applied(text string, overrides ...Override) (settings, error) {
	file, err := parseSettings("my.yaml", []byte(text))
	if err != nil {
		return settings{}, err
	}
	return apply(example(), file, overrides)
}

func TestSettings(t *testing.T) {
	for text, change := range map[string]func(s *settings){
		"":                                  func(s *settings) {},
		"# nothing yet\n":                   func(s *settings) {},
		"---\ncount: 4\n":                   func(s *settings) { s.Count = 4 },
		"count: 4\n...\n":                   func(s *settings) { s.Count = 4 },
		"\ufeffcount: 4":                    func(s *settings) { s.Count = 4 },
		"count: 4\r\nshare: 2\r\n":          func(s *settings) { s.Count, s.Share = 4, 2 },
		"count: 1e3":                        func(s *settings) { s.Count = 1000 },
		"count: -4":                         func(s *settings) { s.Count = -4 },
		"count: +4":                         func(s *settings) { s.Count = 4 },
		"share: 1e-3":                       func(s *settings) { s.Share = 1e-3 },
		"share: .5":                         func(s *settings) { s.Share = .5 },
		"share: 2":                          func(s *settings) { s.Share = 2 },
		"share: 0":                          func(s *settings) { s.Share = 0 },
		"share: 0.1234567890123456":         func(s *settings) { s.Share = 0.1234567890123456 },
		"seed: 9007199254740993":            func(s *settings) { s.Seed = 9007199254740993 },
		"on: true # as it says":             func(s *settings) { s.On = true },
		"data: scenes":                      func(s *settings) { s.Data = "scenes" },
		`data: "12"`:                        func(s *settings) { s.Data = "12" },
		"data: '1e3'":                       func(s *settings) { s.Data = "1e3" },
		"data: a b: c":                      nil,
		"data: ''":                          func(s *settings) { s.Data = "" },
		"data: >-\n  two\n  words\n":        func(s *settings) { s.Data = "two words" },
		"data: yes":                         func(s *settings) { s.Data = "yes" },
		"mean: [4, 5, 6.5]":                 func(s *settings) { s.Mean = [3]float64{4, 5, 6.5} },
		"mean:\n- 4\n- 5\n- 1e0\n":          func(s *settings) { s.Mean = [3]float64{4, 5, 1} },
		"parts: [{channels: 4, blocks: 0}]": func(s *settings) { s.Parts = []part{{4, 0}} },
		"parts:\n  - channels: 4\n    blocks: 1\n  - {channels: 5}\n": func(s *settings) { s.Parts = []part{{4, 1}, {5, 0}} },
		"parts: []":   func(s *settings) { s.Parts = []part{} },
		"empty: null": func(s *settings) {},
		"empty: [1]":  func(s *settings) { s.Empty = []int{1} },
		"train:\n  steps: 5\n  optimizer:\n    lr: 0.5\ncount: 9\n": func(s *settings) { s.Train.Steps, s.Train.Optimizer.LR, s.Count = 5, 0.5, 9 },
		"train: {steps: 5, optimizer: {lr: 5e-1}}":                  func(s *settings) { s.Train.Steps, s.Train.Optimizer.LR = 5, 0.5 },
		"train.steps: 5\ntrain:\n  log_every: 2\n":                  func(s *settings) { s.Train.Steps, s.Train.LogEvery = 5, 2 },
		"train: {}":                  func(s *settings) {},
		"nested: {deep: {count: 8}}": func(s *settings) { s.Nested.Deep.Count = 8 },
	} {
		got, err := applied(text)
		if change == nil {
			if err == nil {
				t.Errorf("%q was taken", text)
			}
			continue
		}
		want := example()
		change(&want)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q:\n%s", text, d)
		}
	}
}

// What is wrong is said in a sentence that begins with its place.
func TestSettingsRefuse(t *testing.T) {
	for text, want := range map[string][]string{
		"count: 3\ncuont: 4":                            {"my.yaml:2:1: unknown setting cuont", `did you mean "count"?`},
		"train:\n  optimiser:\n    lr: 1":               {"my.yaml:2:3: unknown setting train.optimiser.lr", `did you mean "optimizer"?`},
		"# é\ntrain: {steps: 5, optimizer: {beta3: 1}}": {"my.yaml:2:31: unknown setting train.optimizer.beta3", `did you mean "beta1"?`},
		"train.optimiser.lr: 1":                         {"my.yaml:1:1: unknown setting train.optimiser.lr", `did you mean "optimizer"?`},
		"data: |\n  a\n  b\n\n\ncuont: 4":               {"my.yaml:6:1: unknown setting cuont"},
		"data: \"a\n  b\"\ncuont: 4":                    {"my.yaml:3:1: unknown setting cuont"},
		"data: x\r\n\r\ncuont: 4":                       {"my.yaml:3:1: unknown setting cuont"},
		"parts:\n- channels: 1\n- chanels: 4":           {"my.yaml:3:3: unknown setting parts[1].chanels", `did you mean "channels"?`},
		"parts:\n- channels: 1\n- channels: 1.5":        {"my.yaml:3:3: setting parts[1].channels: expected a value of type int, found 1.5"},
		"parts:\n- Channels: 1":                         {"my.yaml:2:3: unknown setting parts[0].Channels"},
		"parts: [1]":                                    {"my.yaml:1:9: setting parts[0]: expected named settings, found 1"},
		"parts: [null]":                                 {"my.yaml:1:9: setting parts[0]: expected a value of type experiments.part, found null"},
		"mean: [1, 2]":                                  {"my.yaml:1:1: setting mean: expected 3 values, found 2"},
		"mean:\n  - 1\n  - x\n  - 3":                    {"my.yaml:3:5: setting mean[1]: expected a value of type float64", `"x"`},
		"count: many":                                   {"my.yaml:1:1: setting count: expected a value like 3, found many"},
		`count: "4"`:                                    {"my.yaml:1:1: setting count: expected a value like 3, found \"4\""},
		"count: 1.5":                                    {"my.yaml:1:1: setting count: expected a value of type int, found 1.5"},
		"count: 99999999999999999999":                   {"my.yaml:1:1: setting count: expected a value of type int"},
		"count:":                                        {"my.yaml:1:1: setting count: expected a value like 3, found null"},
		"count: null":                                   {"my.yaml:1:1: setting count"},
		"count: ~":                                      {"my.yaml:1:1: setting count"},
		"count: 010":                                    {"my.yaml:1:8: setting count: expected a number in plain decimal digits, found 010"},
		"count: 0x10":                                   {"my.yaml:1:8: setting count: expected a number in plain decimal digits, found 0x10"},
		"count: 1_000":                                  {"my.yaml:1:8: setting count: expected a number in plain decimal digits, found 1_000"},
		"on: yes":                                       {"my.yaml:1:1: setting on: expected a value like false, found yes"},
		"data: 12":                                      {"my.yaml:1:1: setting data", "found 12"},
		"data: true":                                    {"my.yaml:1:1: setting data", "found true"},
		"data: null":                                    {"my.yaml:1:1: setting data", "found null"},
		"data: [a]":                                     {"my.yaml:1:1: setting data", "found [a]"},
		"data:\n  name: x":                              {"my.yaml:1:1: setting data.name", `"data" has no parts`},
		"train: 5":                                      {"my.yaml:1:1: setting train: expected a value like {", "found 5"},
		"train:":                                        {"my.yaml:1:1: setting train: expected a value like {", "found null"},
		"share: .nan":                                   {"my.yaml:1:8: setting share: expected a finite number, found .nan"},
		"share: -.inf":                                  {"my.yaml:1:8: setting share: expected a finite number, found -.inf"},
		"share: 1e400":                                  {"my.yaml:1:1: setting share"},
		"share: nan":                                    {"my.yaml:1:1: setting share"},
		"count: 1\ncount: 2":                            {"my.yaml:2:1", "count", "1:1"},
		"train:\n  steps: 1\ntrain:\n  steps: 2":        {"my.yaml:3:1", "train", "1:1"},
		"train.steps: 1\ntrain:\n  steps: 2":            {"my.yaml:3:3: setting train.steps: expected it once, found it twice (first at my.yaml:1:1)"},
		"parts: [{blocks: 1, blocks: 2}]":               {"my.yaml:1:21", "blocks"},
		"count: &a 4":                                   {"my.yaml:1:8: setting count: expected a value, found", "anchors"},
		"count: *a":                                     {"my.yaml:1:8: setting count: expected a value, found", "aliases"},
		"count: !!int 4":                                {"my.yaml:1:8: setting count: expected a value, found", "tags"},
		"train: &a {steps: 1}\nnested: {<<: *a}":        {"my.yaml:1:8: setting train", "anchors"},
		"nested:\n  <<: {deep: {count: 1}}":             {"my.yaml:2:3: expected the name of a setting, found <<"},
		"? count\n: 4":                                  {"my.yaml:1:", "expected"},
		"? [a]\n: 4":                                    {"my.yaml:2:1", "expected"},
		"count: 4\n---\nshare: 2":                       {"my.yaml:2:1:", "expected one document of settings, found several"},
		"%YAML 1.2\n---\ncount: 4":                      {"my.yaml:1:1: expected settings, found a directive"},
		"4":                                             {"my.yaml:1:1: expected settings, such as batch_size: 64, found 4"},
		"- count: 4":                                    {"my.yaml:1:1: expected settings"},
		"count: [1":                                     {"my.yaml:1:", "expected YAML, found a mistake"},
		"count:\n\t- 4":                                 {"my.yaml:2:1: expected YAML, found a mistake"},
		"a: b: c":                                       {"my.yaml:1:", "expected YAML, found a mistake"},
		"count: \"4":                                    {"my.yaml:1:", "expected YAML, found a mistake"},
		"data: \xff":                                    {"my.yaml: expected YAML in UTF-8"},
		"a: " + strings.Repeat("x", maxSettingsBytes):     {"my.yaml: expected a file of settings of at most 64 KiB"},
		strings.Repeat("a: 1\n", maxSettingsSigns):        {"my.yaml:", "expected at most 4096 words and signs"},
		strings.Repeat("[", 1000):                         {"my.yaml:1:21: expected settings that lie at most 20 deep"},
		strings.Repeat("{a: ", 1000):                      {"my.yaml:1:", "at most 20 deep"},
		"data: |" + strings.Repeat("\n", maxBlankLines+1): {"my.yaml: expected fewer than 50 empty lines in a row"},
		strings.Repeat("- ", 1000):                        {"my.yaml:1:41: expected settings that lie at most 20 deep"},
		strings.Repeat("? ", 1000):                        {"my.yaml:1:", "at most 20 deep"},
		"1: 2":                                            {"my.yaml:1:1: unknown setting 1"},
		"'': 2":                                           {"my.yaml:1:1: unknown setting"},
		".: 2":                                            {"my.yaml:1:1: unknown setting"},
	} {
		_, err := applied(text)
		name := text
		if len(name) > 60 {
			name = name[:60]
		}
		if err == nil {
			t.Errorf("%q was taken", name)
			continue
		}
		t.Logf("%q: %v", name, err)
		sentence(t, err, want...)
	}
}

func TestReadSettings(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "my.yaml")
	write(t, path, "steps: 7\n")
	file, err := ReadSettings(path)
	if err != nil {
		t.Fatal(err)
	}
	if config, err := toy().Config("go", Options{Form: Quick, File: file}); err != nil || string(config) != `{"steps":7,"kind":"go"}` {
		t.Errorf("found %s (%v)", config, err)
	}
	// Flags win, and what they say is not laid at the file's door.
	if config, err := toy().Config("go", Options{File: file, Overrides: []Override{{Key: "steps", Value: "8"}}}); err != nil || string(config) != `{"steps":8,"kind":"go"}` {
		t.Errorf("found %s (%v)", config, err)
	}
	_, err = toy().Config("go", Options{File: file, Overrides: []Override{{Key: "steps", Value: "1.5"}}})
	if sentence(t, err, "setting steps: expected a value of type int"); strings.Contains(fmt.Sprint(err), "my.yaml") {
		t.Errorf("a flag's mistake is said to be the file's: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = ReadSettings(path)
	sentence(t, err, "my.yaml", "no such file")
	_, err = ReadSettings(dir)
	sentence(t, err, "expected a YAML file with settings", "found a folder")
}

// A configuration that was written as YAML is read back the same, whatever it holds.
func TestYAMLRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"yes", "Null", "~", "1e3", "0x1", ".nan", "a: b", "- a", "# a", " a", "a ", "'", `"`, "\u0085\u2028\ufeff", "😀", "<&>", "\x7f\x00"}))
		want := settings{
			Data: words.Draw(t, "data"), Seed: rapid.Int64().Draw(t, "seed"), Count: rapid.Int().Draw(t, "count"),
			Share: rapid.Float64().Draw(t, "share"), On: rapid.Bool().Draw(t, "on"), Names: rapid.SliceOfN(words, 0, 3).Draw(t, "names"),
			Mean: [3]float64{1e-300, -1.5, rapid.Float64().Draw(t, "mean")}, Train: TrainConfig{Steps: rapid.Int().Draw(t, "steps")},
			Parts: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) part { return part{rapid.Int().Draw(t, "channels"), 2} }), 0, 2).Draw(t, "parts"),
		}
		before, _ := json.Marshal(want)
		text, err := YAML(before)
		if err != nil {
			t.Fatal(err)
		}
		got, err := applied(string(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		after, _ := json.Marshal(got)
		if string(before) != string(after) {
			t.Fatalf("expected %s, found %s, through\n%s", before, after, text)
		}
	})
}

func TestYAMLIsReadable(t *testing.T) {
	s := example()
	s.Data = "fashion products"
	raw, _ := json.Marshal(s)
	text, err := YAML(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := "data: \"fashion products\"\nseed: 9223372036854775806\ncount: 3\nshare: 0.1\n\"on\": false\nmean: [1, 2, 3]\nparts: [{channels: 8, blocks: 1}]\nnames: [a]\nempty: null\ntrain:\n  steps: 10\n"
	if !strings.HasPrefix(string(text), want) || !strings.HasSuffix(string(text), "nested:\n  deep:\n    count: 7\n") {
		t.Errorf("found\n%s", text)
	}
	for _, bad := range []string{"", "[1]", "{} {}", `{"a":`, "12"} {
		if _, err := YAML(json.RawMessage(bad)); err == nil {
			t.Errorf("%q was written", bad)
		}
	}
}

// The largest files that are looked at, in the forms that cost a parser most.
func TestSettingsMemory(t *testing.T) {
	var keys strings.Builder
	for i := range maxSettingsSigns / 3 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
	}
	worst := int64(0)
	for _, text := range []string{
		keys.String(), strings.Repeat("a,", maxSettingsBytes/2), strings.Repeat("[", maxSettingsBytes), "a: [" + strings.Repeat("[],", maxSettingsSigns/3) + "]",
		strings.Repeat("# a\n", maxSettingsBytes/4), "a: |\n" + strings.Repeat(" \n", maxSettingsBytes/2-10), "a: |\n" + strings.Repeat(strings.Repeat("\n", maxBlankLines-1)+"  x\n", maxSettingsBytes/60),
		"a: \"" + strings.Repeat("\\n", maxSettingsBytes/2-10) + "\"",
		strings.Repeat("- ", maxSettingsBytes/2), "a: " + strings.Repeat("x\n ", maxSettingsBytes/3-10), strings.Repeat("&a ", maxSettingsBytes/3),
	} {
		bytes := testdata.Allocated(func() { _, _ = parseSettings("my.yaml", []byte(text)) })
		t.Logf("%.12q: %d bytes", text, bytes)
		worst = max(worst, bytes)
	}
	if t.Logf("at most %d bytes", worst); worst > 32<<20 {
		t.Errorf("expected at most 32 MiB for any file, found %d bytes", worst)
	}
}

// Whatever the file holds: an error in one line, or settings with places that are in the file; and memory within bounds.
func FuzzSettings(f *testing.F) {
	f.Add("count: 4\ntrain:\n  steps: 5 # few\n  optimizer: {lr: 1e-3}\nmean: [1, 2, 3]\nparts:\n- channels: 4\n")
	f.Add("a: &x [*x, !!int 010, .nan, ~, \"\\u00e9\"]\n<<: *x\n? b\n--- |\n  text\n")
	f.Add("%YAML 1.2\n---\n'it''s': >-\n  folded\n...\n")
	f.Fuzz(func(t *testing.T, text string) {
		var file *Settings
		var err error
		bytes := testdata.Allocated(func() { file, err = parseSettings("my.yaml", []byte(text)) })
		if most := min(int64(1<<20+2048*len(text)), 32<<20); bytes > most {
			t.Errorf("expected at most %d bytes of memory for %d bytes, found %d", most, len(text), bytes)
		}
		if err != nil {
			sentence(t, err, "my.yaml:")
			return
		}
		lines := strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n")
		for path, place := range file.places {
			var line, column int
			if _, err := fmt.Sscanf(place, "my.yaml:%d:%d", &line, &column); err != nil || line < 1 || line > len(lines) || column < 1 {
				t.Errorf("%q lies at %s of %d lines", path, place, len(lines))
			}
		}
		if got, err := apply(example(), file, nil); err == nil {
			raw, _ := json.Marshal(got)
			again, err := YAML(raw)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := applied(string(again)); err != nil || !cmp.Equal(got, back) {
				t.Errorf("%+v became %+v (%v)", got, back, err)
			}
		} else {
			sentence(t, err, "my.yaml:")
		}
	})
}

// Whatever is said of a setting: an error in one line, or a configuration that is said again the same.
func FuzzOverride(f *testing.F) {
	for _, text := range []string{"count=4", "train.optimizer.lr=1e-3", "data=a", "mean=[1,2,3]", `parts=[{"channels":4,"blocks":0}]`, "nested={}", "count=[[[[", "seed=-0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got settings
		var err error
		bytes := testdata.Allocated(func() {
			var o Override
			if o, err = ParseOverride(text); err == nil {
				got, err = Apply(example(), []Override{o})
			}
		})
		if most := int64(1<<20 + 256*len(text)); bytes > most {
			t.Errorf("expected at most %d bytes of memory for %d bytes, found %d", most, len(text), bytes)
		}
		if err != nil {
			return
		}
		if again, err := Apply(got, nil); err != nil || !cmp.Equal(got, again) {
			t.Errorf("%+v became %+v (%v)", got, again, err)
		}
	})
}
