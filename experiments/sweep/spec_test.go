package sweep

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
)

func TestCheck(t *testing.T) {
	picky := func(overrides []experiments.Override) error {
		product := ""
		for _, o := range overrides {
			if o.Value == "wrong" {
				return errors.New(o.Key + ": expected a number")
			}
			product += o.Value
		}
		if product == "2x" {
			return errors.New("2 and x do not go together")
		}
		return nil
	}
	for name, test := range map[string]struct {
		change func(s *Spec)
		over   []string
		want   string
	}{
		"nothing":     {nil, nil, "at least one setting to search"},
		"twice":       {nil, []string{"a=1", "a=2"}, "a: expected one place that sets it"},
		"set":         {func(s *Spec) { s.Set = []string{"a=3"} }, []string{"a=1"}, "a: expected one place that sets it"},
		"budget":      {func(s *Spec) { s.Budget = "a" }, []string{"a=1"}, "a: expected one place that sets it"},
		"seeds":       {func(s *Spec) { s.Seeds = 0 }, []string{"a=1"}, "at least 1 seed, found 0"},
		"metric":      {func(s *Spec) { s.Metric = "" }, []string{"a=1"}, "name of a metric"},
		"method":      {func(s *Spec) { s.Method = "gird" }, []string{"a=1"}, `did you mean "grid"?`},
		"value":       {nil, []string{"a=1", "b=2,wrong"}, "b: expected a number"},
		"combination": {nil, []string{"a=1,2", "b=y,x"}, "2 and x do not go together"},
		"range":       {nil, []string{"a=0..1"}, "--method random"},
		"trials":      {func(s *Spec) { s.Method = "random" }, []string{"a=0..1"}, "at least 1 trial"},
		"large":       {nil, []string{"a=int(1..1000)", "b=int(1..1000)"}, "at most 100000"},
	} {
		s := newSpec(t, test.change, test.over...)
		err := s.Check(picky)
		if sentence(t, err, test.want); t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sweep")
	make := func(change func(s *Spec), over ...string) (*Sweep, error) {
		s := newSpec(t, change, over...)
		if err := s.Check(all); err != nil {
			t.Fatal(err)
		}
		return Create(dir, s)
	}
	if _, err := make(nil, "a=1,2"); err != nil {
		t.Fatal(err)
	}
	again, err := make(nil, "a=1,2")
	if err != nil || again.Spec.Trials != 2 {
		t.Errorf("the same sweep is not taken up again: %+v (%v)", again, err)
	}
	_, err = make(nil, "a=1,2,3")
	sentence(t, err, "holds another sweep", `its over is ["a=1,2"], and ["a=1,2,3"] was asked for`, "glimpse sweep resume")
	_, err = make(func(s *Spec) { s.Seeds = 4 }, "a=1,2")
	sentence(t, err, "its seeds is 1, and 4 was asked for")
	// Other things, a newer format, damage, nothing.
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = make(nil, "a=1,2")
	sentence(t, err, "expected an empty folder or a sweep's", "found other things")
	for text, want := range map[string]string{`{"format":99}`: "by a newer glimpse (format 99", `{`: "sweep.json is damaged", `{"format":1}`: "is damaged: expected a format",
		`{"format":1,"seeds":1,"trials":1,"lease_seconds":1,"method":"x"}`: "expected one of the methods",
		`{"format":1,"over":["a"]}`:                                        "sweep.json is damaged"} {
		if err := os.WriteFile(filepath.Join(dir, specFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir)
		sentence(t, err, want)
	}
	_, err = Open(t.TempDir())
	sentence(t, err, "expected the folder of a sweep, with sweep.json", "found none")
}

// What a trial runs with: what all share, then its own, then its budget.
func TestOptions(t *testing.T) {
	s := newSpec(t, func(s *Spec) { s.Set, s.Budget, s.Data = []string{"c=x=y"}, "steps", "/data" }, "b=1", "a=2")
	opts := s.Options(Trial{Seed: 7, Settings: map[string]string{"a": "2", "b": "1", "steps": "30"}}, "out")
	var all []string
	for _, o := range opts.Overrides {
		all = append(all, o.Key+"="+o.Value)
	}
	if got := strings.Join(all, " "); got != "c=x=y b=1 a=2 steps=30" || opts.Seed != 7 || opts.Out != "out" || opts.DataDir != "/data" || opts.Form != experiments.Quick {
		t.Errorf("found %q in %+v", got, opts)
	}
}
